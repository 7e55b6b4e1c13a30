//! What proves who somebody is, used and changed: the login that a proof opens, and people's changes of their own
//! account, its password among them.

use std::time::Duration;

use serde_json::json;
use sqlx::{FromRow, Row};

use super::families::{self, EndReason};
use super::{
    Account, AccountError, AccountId, Accounts, Action, Credentials, Email, Family, LoginMeta, Origin,
    Severity, Spend, actions, factors, sql,
};
use crate::database::Connection;
use crate::presence::LoginId;

/// What somebody has proved who logs in, beside the password.
#[derive(Clone, Debug, Default)]
pub struct Proved {
    /// The password's hash made anew, where the old one was not made as hashes are today.
    pub rehash: Option<String>,
    /// The second factor that was right, to be spent.
    pub second: Option<Spend>,
}

/// A new password in place of one that its user has just proved to know.
#[derive(Clone, Debug)]
pub struct NewPassword {
    /// The stored hash that the old one was checked against.
    pub was: String,
    /// The new one's.
    pub hash: String,
}

/// What is to be different about one's own account. What is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct OwnChanges {
    /// At most 150 characters.
    pub first_name: Option<String>,
    /// At most 150 characters.
    pub last_name: Option<String>,
    /// At most 500 characters.
    pub bio: Option<String>,
    /// The address; a new one is not verified.
    pub email: Option<Email>,
    /// The password; all other logins end.
    pub password: Option<NewPassword>,
}

impl OwnChanges {
    /// The names of what would be different, the password aside.
    fn differing(&self, account: &Account) -> Vec<&'static str> {
        let text = |then: &Option<String>, now: &str| then.as_deref().is_some_and(|then| then != now);
        let named = [
            ("first_name", text(&self.first_name, &account.first_name)),
            ("last_name", text(&self.last_name, &account.last_name)),
            ("bio", text(&self.bio, &account.bio)),
            ("email", self.email.as_ref().is_some_and(|email| email.as_str() != account.email)),
        ];
        named.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}

impl Accounts {
    /// An account with the hash of its password.
    ///
    /// # Errors
    /// [`AccountError::NotFound`].
    pub async fn credentials_of(&self, id: AccountId) -> Result<Credentials, AccountError> {
        let row = sqlx::query(sql::PASSWORD).bind(id).fetch_one(&self.pool).await?;
        Ok(Credentials { account: Account::from_row(&row)?, password_hash: row.try_get("password_hash")? })
    }

    /// The hash of somebody's password, chosen by `number`: what an unknown name's password is checked against, so that
    /// the time which that takes is as good as anybody's. `None` if there are no accounts.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn password_of_somebody(&self, number: i64) -> Result<Option<String>, AccountError> {
        let hash = sqlx::query_scalar(sql::PASSWORD_OF_SOMEBODY).bind(number).fetch_optional(&self.pool);
        Ok(hash.await?)
    }

    /// Opens a login that lasts `ttl` from now, and spends what proved it, in one transaction: either both or neither.
    ///
    /// # Errors
    /// [`AccountError::WrongCode`] if the second factor was used before; [`AccountError::LoginEnded`] if all logins
    /// were ended since the account was read.
    pub async fn log_in(
        &self,
        credentials: &Credentials,
        proved: &Proved,
        meta: &LoginMeta,
        ttl: Duration,
        origin: &Origin,
    ) -> Result<Family, AccountError> {
        let account = &credentials.account;
        let mut transaction = self.pool.begin().await?;
        // The account's row before all others, here and wherever both are locked. Changes nothing for the user, so it
        // has no row of its own; not done if the hash changed meanwhile.
        if let Some(hash) = &proved.rehash {
            sqlx::query(sql::PASSWORD_REHASH)
                .bind(account.id)
                .bind(&credentials.password_hash)
                .bind(hash)
                .execute(&mut *transaction)
                .await?;
        }
        let family = families::open(&mut transaction, account, meta, ttl).await?;
        if let Some(second) = &proved.second {
            factors::spend(&mut transaction, account.id, second, &origin.acting_as(account.id)).await?;
        }
        transaction.commit().await?;
        Ok(family)
    }

    /// Changes one's own account; answers it, and the lowest token version that is still good if the password changed.
    /// What is so already leaves no row.
    ///
    /// # Errors
    /// [`AccountError::NotFound`]; [`AccountError::EmailTaken`]; [`AccountError::Invalid`] if a text is too long;
    /// [`AccountError::Conflict`] if the password was changed meanwhile.
    pub async fn change_own(
        &self,
        id: AccountId,
        changes: &OwnChanges,
        keep: &LoginId,
        origin: &Origin,
    ) -> Result<(Account, Option<i64>), AccountError> {
        let mut transaction = self.pool.begin().await?;
        let mut account: Account =
            sqlx::query_as(sql::ACCOUNT_LOCK).bind(id).fetch_one(&mut *transaction).await?;
        let differing = changes.differing(&account);
        if !differing.is_empty() {
            account = sqlx::query_as(sql::OWN_CHANGE)
                .bind(id)
                .bind(&changes.first_name)
                .bind(&changes.last_name)
                .bind(&changes.bio)
                .bind(changes.email.as_ref().map(Email::as_str))
                .fetch_one(&mut *transaction)
                .await?;
            // Which, and not what: these rows outlive what people say of themselves.
            let action = Action {
                after: Some(json!({ "changed": differing })),
                ..Action::on(id, actions::PROFILE_CHANGED, "Own account changed", origin)
            };
            actions::record(&mut transaction, &action).await?;
        }
        let mut version = None;
        if let Some(password) = &changes.password {
            let set = set_password(&mut transaction, id, &password.hash, Some(&password.was)).await;
            version = Some(set.map_err(meanwhile)?);
            let reason = EndReason::PasswordChanged;
            families::end_families(&mut transaction, id, Some(keep), reason, origin).await?;
        }
        transaction.commit().await?;
        Ok((account, version))
    }

    /// Notes that somebody who is logged in could not prove who they are.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn record_refused_identity(
        &self,
        id: AccountId,
        detail: &'static str,
        origin: &Origin,
    ) -> Result<(), AccountError> {
        let action = Action {
            category: "security",
            severity: Severity::Warning,
            ..Action::on(id, actions::IDENTITY_REFUSED, detail, origin)
        };
        self.record(&action).await
    }

    /// Notes that the password of a login was right, and that its second factor is missing (everyday) or wrong.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn record_half_login(
        &self,
        id: AccountId,
        is_wrong: bool,
        origin: &Origin,
    ) -> Result<(), AccountError> {
        let (name, severity, detail) = if is_wrong {
            (actions::USER_FAILED_LOGIN, Severity::Warning, "Wrong second factor")
        } else {
            (actions::TOTP_ASKED, Severity::Info, "Right password, second factor asked for")
        };
        let action = Action {
            target_type: "AUTH",
            category: "security",
            severity,
            ..Action::on(id, name, detail, origin)
        };
        self.record(&action).await
    }
}

/// No such row is no such account, or another password by now; the account's row is locked and there.
fn meanwhile(error: sqlx::Error) -> AccountError {
    match error {
        sqlx::Error::RowNotFound => AccountError::Conflict("The password was changed meanwhile"),
        error => error.into(),
    }
}

/// Sets a password's hash in a transaction under way, if the old one is `was` or whatever it is; answers the lowest
/// token version that is still good. A link for a new password has no use any more.
pub(super) async fn set_password(
    connection: &mut Connection,
    id: AccountId,
    hash: &str,
    was: Option<&str>,
) -> sqlx::Result<i64> {
    let version = sqlx::query_scalar(sql::PASSWORD_SET).bind(id).bind(hash).bind(was);
    let version = version.fetch_one(&mut *connection).await?;
    sqlx::query(sql::RESET_LINK_DELETE).bind(id).execute(connection).await?;
    Ok(version)
}
