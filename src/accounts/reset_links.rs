//! Links by which somebody who forgot their password sets a new one, once: made by whoever looks after people, so that
//! nobody ever chooses another's password. Only hashes are kept.

use std::time::Duration;

use serde_json::json;
use sqlx::FromRow;
use time::OffsetDateTime;

use super::entitlement::lock;
use super::families::{EndReason, interval};
use super::{
    Account, AccountError, AccountId, Accounts, Action, Origin, Permission, Severity, actions, credentials,
    sql,
};

/// A link that was made.
#[derive(Clone, Debug)]
pub struct ResetLink {
    /// For whom.
    pub account: Account,
    /// Until when it is good.
    pub expires_at: OffsetDateTime,
}

impl Accounts {
    /// Makes a link that is good for `life`, in place of an older one. One's own password needs the present one.
    ///
    /// # Errors
    /// [`AccountError::NotFound`]; [`AccountError::NotEntitled`], also of a moderator for anybody but plain users.
    pub async fn create_reset_link(
        &self,
        id: AccountId,
        hash: [u8; 32],
        life: Duration,
        origin: &Origin,
    ) -> Result<ResetLink, AccountError> {
        if origin.actor == Some(id.to_string()) {
            return Err(AccountError::Conflict("Your own password is changed with the present one"));
        }
        let mut transaction = self.pool.begin().await?;
        lock(&mut transaction, id, origin, Permission::EditUser).await?;
        let row = sqlx::query(sql::GATE).bind(id).fetch_one(&mut *transaction).await?;
        let account = Account::from_row(&row)?;
        let expires_at: OffsetDateTime = sqlx::query_scalar(sql::RESET_LINK_CREATE)
            .bind(id)
            .bind(hash.as_slice())
            .bind(interval(life))
            .fetch_one(&mut *transaction)
            .await?;
        let until = expires_at.unix_timestamp() * 1_000 + i64::from(expires_at.millisecond());
        let action = Action {
            category: "admin",
            severity: Severity::Warning,
            after: Some(json!({"expires_at_ms": until})),
            ..Action::on(id, actions::RESET_LINK_CREATED, "Link for a new password made", origin)
        };
        actions::record(&mut transaction, &action).await?;
        transaction.commit().await?;
        Ok(ResetLink { account, expires_at })
    }

    /// Whose link this is; looked at before the new password is hashed. `None` if it is none, or is over.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn reset_link(&self, hash: [u8; 32]) -> Result<Option<Account>, AccountError> {
        Ok(sqlx::query_as(sql::RESET_LINK).bind(hash.as_slice()).fetch_optional(&self.pool).await?)
    }

    /// Sets a password by a link, which is used by that; all logins end. Answers the account, and the lowest token
    /// version that is still good.
    ///
    /// # Errors
    /// [`AccountError::LinkOver`] if it is none, was used, or is over.
    pub async fn reset_password(
        &self,
        link: [u8; 32],
        password_hash: &str,
        origin: &Origin,
    ) -> Result<(Account, i64), AccountError> {
        let found = self.reset_link(link).await?.ok_or(AccountError::LinkOver)?;
        let mut transaction = self.pool.begin().await?;
        let account: Account =
            sqlx::query_as(sql::ACCOUNT_LOCK).bind(found.id).fetch_one(&mut *transaction).await?;
        let spent = sqlx::query(sql::RESET_LINK_SPEND).bind(account.id).bind(link.as_slice());
        if spent.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Err(AccountError::LinkOver);
        }
        let version = credentials::set_password(&mut transaction, account.id, password_hash, None).await?;
        sqlx::query(sql::FAMILIES_END)
            .bind(account.id)
            .bind(None::<&str>)
            .bind(EndReason::PasswordChanged.as_str())
            .execute(&mut *transaction)
            .await?;
        let origin = origin.acting_as(account.id);
        let action = Action::on(account.id, actions::PASSWORD_RESET, "Password set by a link", &origin);
        let action = Action { category: "security", severity: Severity::Warning, ..action };
        actions::record(&mut transaction, &action).await?;
        transaction.commit().await?;
        Ok((account, version))
    }
}
