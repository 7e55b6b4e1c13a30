//! Accounts: made, found, listed and changed.

use serde_json::json;
use sqlx::{FromRow, Row};

use super::credentials;
use super::entitlement::{Locked, lock};
use super::families::{self, EndReason};
use super::{
    Account, AccountError, AccountId, Accounts, Action, Card, Credentials, NewAccount, Origin, Permission,
    Severity, actions, sql,
};
use crate::database::Connection;
use crate::presence::{LoginId, Org, Role};

/// Postgres holds any character but this one, so that a text with it matches nothing.
pub(super) fn unmatchable(text: &str) -> bool {
    text.contains('\0')
}

impl Accounts {
    /// Makes an account. Where nobody acts (`origin.actor` is none) somebody registers.
    ///
    /// # Errors
    /// [`AccountError::UsernameTaken`], [`AccountError::EmailTaken`]; [`AccountError::Invalid`] if a name is
    /// too long.
    pub async fn create(&self, new: &NewAccount, origin: &Origin) -> Result<Account, AccountError> {
        let mut transaction = self.pool.begin().await?;
        let account = insert(&mut transaction, new, origin).await?;
        transaction.commit().await?;
        Ok(account)
    }

    /// The account with this user name or address, whatever the case of its letters, and its password's hash.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn credentials(&self, username_or_email: &str) -> Result<Option<Credentials>, AccountError> {
        if unmatchable(username_or_email) {
            return Ok(None);
        }
        let row =
            sqlx::query(sql::CREDENTIALS).bind(username_or_email.trim()).fetch_optional(&self.pool).await?;
        let credentials = |row| -> sqlx::Result<Credentials> {
            Ok(Credentials {
                account: Account::from_row(&row)?,
                password_hash: row.try_get("password_hash")?,
            })
        };
        Ok(row.map(credentials).transpose()?)
    }

    /// The account with this number.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn by_id(&self, id: AccountId) -> Result<Option<Account>, AccountError> {
        Ok(self.by_ids(&[id]).await?.pop())
    }

    /// The accounts with these numbers, in no order; those that do not exist are left out.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn by_ids(&self, ids: &[AccountId]) -> Result<Vec<Account>, AccountError> {
        Ok(sqlx::query_as(sql::ACCOUNTS_BY_ID).bind(ids).fetch_all(&self.pool).await?)
    }

    /// What a list shows of the accounts with these numbers, in no order; those that do not exist are left out.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn cards(&self, ids: &[AccountId]) -> Result<Vec<Card>, AccountError> {
        Ok(sqlx::query_as(sql::CARDS).bind(ids).fetch_all(&self.pool).await?)
    }

    /// All accounts, newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn all(&self) -> Result<Vec<Account>, AccountError> {
        Ok(sqlx::query_as(sql::ACCOUNTS_ALL).fetch_all(&self.pool).await?)
    }

    /// All accounts of an organisation, newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn all_of(&self, org: &Org) -> Result<Vec<Account>, AccountError> {
        Ok(sqlx::query_as(sql::ACCOUNTS_OF).bind(org.as_str()).fetch_all(&self.pool).await?)
    }

    /// Gives an account a role. It counts at once: whatever demands a role reads it anew.
    ///
    /// # Errors
    /// [`AccountError::NotFound`]; [`AccountError::LastAdmin`] if nobody could administer any more;
    /// [`AccountError::NotEntitled`].
    pub async fn set_role(
        &self,
        id: AccountId,
        role: Role,
        origin: &Origin,
    ) -> Result<Account, AccountError> {
        let mut transaction = self.pool.begin().await?;
        let Locked { role: before, last_admin, .. } =
            lock(&mut transaction, id, origin, Permission::AssignModerator).await?;
        if last_admin && role != Role::Admin {
            return Err(AccountError::LastAdmin);
        }
        if before == role {
            return Ok(sqlx::query_as(sql::ACCOUNTS_BY_ID).bind([id]).fetch_one(&mut *transaction).await?);
        }
        let account =
            sqlx::query_as(sql::ROLE_SET).bind(id).bind(role.as_str()).fetch_one(&mut *transaction).await?;
        record_role(&mut transaction, id, before, role, origin).await?;
        transaction.commit().await?;
        Ok(account)
    }

    /// Sets a password's hash, and ends all logins but `keep` and all access tokens; answers the new token
    /// version, the lowest that is still good.
    ///
    /// # Errors
    /// [`AccountError::NotFound`].
    pub async fn set_password(
        &self,
        id: AccountId,
        hash: &str,
        keep: Option<&LoginId>,
        origin: &Origin,
    ) -> Result<i64, AccountError> {
        let mut transaction = self.pool.begin().await?;
        let version = credentials::set_password(&mut transaction, id, hash, None).await?;
        families::end_families(&mut transaction, id, keep, EndReason::PasswordChanged, origin).await?;
        transaction.commit().await?;
        Ok(version)
    }

    /// Notes that somebody logged in.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn record_login(&self, id: AccountId, origin: &Origin) -> Result<(), AccountError> {
        let origin = origin.acting_as(id);
        let mut transaction = self.pool.begin().await?;
        sqlx::query(sql::LOGIN_RECORD).bind(id).execute(&mut *transaction).await?;
        let action = Action::on(id, actions::USER_LOGIN, "Logged in", &origin);
        actions::record(&mut transaction, &Action { category: "security", ..action }).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Notes that a login was refused; `None` where no account has the name. The name as it was typed is not
    /// kept: people type passwords into the wrong field.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn record_failed_login(
        &self,
        id: Option<AccountId>,
        origin: &Origin,
    ) -> Result<(), AccountError> {
        let action = Action {
            name: actions::USER_FAILED_LOGIN,
            target_type: "AUTH",
            target_id: id.map(|id| id.to_string()),
            severity: Severity::Warning,
            category: "security",
            before: None,
            after: None,
            detail: if id.is_some() { "Wrong password or account not active" } else { "Unknown user name" }
                .to_owned(),
            origin,
        };
        let mut connection = self.pool.acquire().await?;
        Ok(actions::record(&mut connection, &action).await?)
    }
}

/// Makes an account and its record, in a transaction under way.
pub(super) async fn insert(
    connection: &mut Connection,
    new: &NewAccount,
    origin: &Origin,
) -> Result<Account, AccountError> {
    let account: Account = sqlx::query_as(sql::ACCOUNT_CREATE)
        .bind(new.username.as_str())
        .bind(new.email.as_str())
        .bind(&new.password_hash)
        .bind(new.role.as_str())
        .bind(new.status.as_str())
        .bind(new.org.as_str())
        .bind(&new.first_name)
        .bind(&new.last_name)
        .fetch_one(&mut *connection)
        .await?;
    if origin.actor.is_none() {
        let origin = origin.acting_as(account.id);
        let action = Action::on(account.id, actions::USER_REGISTERED, "Registered", &origin);
        actions::record(connection, &Action { after: Some(beginning(&account)), ..action }).await?;
    } else {
        actions::record(connection, &creation(&account, origin)).await?;
    }
    Ok(account)
}

/// What tells that somebody made an account for another.
pub(super) fn creation<'a>(account: &Account, origin: &'a Origin) -> Action<'a> {
    let action = Action::on(account.id, actions::USER_CREATED, "Account created", origin);
    Action { after: Some(beginning(account)), category: "admin", ..action }
}

/// What an account begins as.
fn beginning(account: &Account) -> serde_json::Value {
    json!({"role": account.role, "status": account.status, "org": account.org})
}

/// Tells of a new role, in the transaction that gives it.
pub(super) async fn record_role(
    connection: &mut Connection,
    id: AccountId,
    before: Role,
    role: Role,
    origin: &Origin,
) -> sqlx::Result<()> {
    let action = Action {
        category: "admin",
        severity: Severity::Warning,
        before: Some(json!({"role": before})),
        after: Some(json!({"role": role})),
        ..Action::on(id, actions::ROLE_CHANGED, format!("Role changed from {before} to {role}"), origin)
    };
    actions::record(connection, &action).await
}
