//! Accounts made and changed by those who look after people.

use serde_json::json;
use sqlx::types::Json;

use super::entitlement::{check_entitled, lock};
use super::{
    Account, AccountError, AccountId, Accounts, Action, Email, NewAccount, Origin, Permission, Profile,
    Username, actions, sql,
};
use crate::database::Connection;
use crate::presence::{Org, Role};

/// What is to be different about an account. What is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// The name to log in with.
    pub username: Option<Username>,
    /// The address; a new one is not verified.
    pub email: Option<Email>,
    /// What the account may do.
    pub role: Option<Role>,
    /// The organisation; counts from the next access token on.
    pub org: Option<Org>,
    /// At most 150 characters.
    pub first_name: Option<String>,
    /// At most 150 characters.
    pub last_name: Option<String>,
    /// At most 500 characters.
    pub bio: Option<String>,
    /// The rest.
    pub profile: Profile,
}

impl Changes {
    /// The names of what would be different.
    fn differing(&self, account: &Account, profile: &Profile) -> Vec<&'static str> {
        let text = |then: &Option<String>, now: &str| then.as_deref().is_some_and(|then| then != now);
        let named = [
            ("username", self.username.as_ref().is_some_and(|name| name.as_str() != account.username)),
            ("email", self.email.as_ref().is_some_and(|email| email.as_str() != account.email)),
            ("role", self.role.is_some_and(|role| role != account.role)),
            ("org", self.org.as_ref().is_some_and(|org| *org != account.org)),
            ("first_name", text(&self.first_name, &account.first_name)),
            ("last_name", text(&self.last_name, &account.last_name)),
            ("bio", text(&self.bio, &account.bio)),
        ];
        let named = named.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name);
        named.chain(profile.differing(&self.profile)).collect()
    }
}

impl Accounts {
    /// Makes an account for another.
    ///
    /// # Errors
    /// [`AccountError::UsernameTaken`], [`AccountError::EmailTaken`]; [`AccountError::Invalid`] if a name is too long;
    /// [`AccountError::NotEntitled`], also to give it that role.
    pub async fn admit(
        &self,
        new: &NewAccount,
        profile: &Profile,
        origin: &Origin,
    ) -> Result<Account, AccountError> {
        let mut transaction = self.pool.begin().await?;
        let by = check_entitled(&mut transaction, origin, Permission::CreateUser).await?;
        if !by.may_act_on(new.role) {
            return Err(AccountError::NotEntitled);
        }
        let account = super::people::insert(&mut transaction, new, origin).await?;
        set_profile(&mut transaction, account.id, profile).await?;
        transaction.commit().await?;
        Ok(account)
    }

    /// Changes an account. What is so already is not done again and leaves no row.
    ///
    /// # Errors
    /// [`AccountError::NotFound`]; [`AccountError::UsernameTaken`], [`AccountError::EmailTaken`];
    /// [`AccountError::Invalid`] if a text is too long; [`AccountError::LastAdmin`]; [`AccountError::NotEntitled`].
    pub async fn change(
        &self,
        id: AccountId,
        changes: &Changes,
        origin: &Origin,
    ) -> Result<Account, AccountError> {
        let mut transaction = self.pool.begin().await?;
        let locked = lock(&mut transaction, id, origin, Permission::EditUser).await?;
        let before: Account =
            sqlx::query_as(sql::ACCOUNTS_BY_ID).bind([id]).fetch_one(&mut *transaction).await?;
        let profile = profile_of(&mut transaction, id).await?;
        let mut differing = changes.differing(&before, &profile);
        if differing.is_empty() {
            return Ok(before);
        }
        if differing.contains(&"role") {
            if !locked.by.may(Permission::AssignModerator) {
                return Err(AccountError::NotEntitled);
            }
            if locked.last_admin {
                return Err(AccountError::LastAdmin);
            }
        }
        let after: Account = sqlx::query_as(sql::ACCOUNT_CHANGE)
            .bind(id)
            .bind(changes.username.as_ref().map(Username::as_str))
            .bind(changes.email.as_ref().map(Email::as_str))
            .bind(changes.role.map(Role::as_str))
            .bind(changes.org.as_ref().map(Org::as_str))
            .bind(&changes.first_name)
            .bind(&changes.last_name)
            .bind(&changes.bio)
            .fetch_one(&mut *transaction)
            .await?;
        set_profile(&mut transaction, id, &profile.changed(&changes.profile)).await?;
        if before.role != after.role {
            super::people::record_role(&mut transaction, id, before.role, after.role, origin).await?;
            differing.retain(|name| *name != "role");
        }
        if !differing.is_empty() {
            record(&mut transaction, &before, &after, &differing, origin).await?;
        }
        transaction.commit().await?;
        Ok(after)
    }

    /// What is kept about a person beside the account.
    ///
    /// # Errors
    /// [`AccountError::NotFound`].
    pub async fn profile(&self, id: AccountId) -> Result<Profile, AccountError> {
        let mut connection = self.pool.acquire().await?;
        Ok(profile_of(&mut connection, id).await?)
    }
}

impl Accounts {
    /// The same of many; those who are not there are left out.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn profiles(&self, ids: &[AccountId]) -> Result<Vec<(AccountId, Profile)>, AccountError> {
        let rows: Vec<(AccountId, Json<Profile>)> =
            sqlx::query_as(sql::PROFILES).bind(ids).fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(|(id, Json(profile))| (id, profile)).collect())
    }
}

async fn profile_of(connection: &mut Connection, id: AccountId) -> sqlx::Result<Profile> {
    let Json(profile): Json<Profile> =
        sqlx::query_scalar(sql::PROFILE).bind(id).fetch_one(connection).await?;
    Ok(profile)
}

/// Keeps a profile as it is given.
pub(super) async fn set_profile(
    connection: &mut Connection,
    id: AccountId,
    profile: &Profile,
) -> sqlx::Result<()> {
    sqlx::query(sql::PROFILE_SET).bind(id).bind(Json(profile)).execute(connection).await?;
    Ok(())
}

/// Tells which fields changed. Their values are not kept: the row outlives the account, and names can be given up.
async fn record(
    connection: &mut Connection,
    before: &Account,
    after: &Account,
    fields: &[&'static str],
    origin: &Origin,
) -> sqlx::Result<()> {
    let action = Action {
        category: "admin",
        before: (before.org != after.org).then(|| json!({"org": before.org})),
        after: Some(if before.org == after.org {
            json!({ "fields": fields })
        } else {
            json!({"fields": fields, "org": after.org})
        }),
        ..Action::on(before.id, actions::USER_UPDATED, "Account changed", origin)
    };
    actions::record(connection, &action).await
}
