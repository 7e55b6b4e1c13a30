//! The record of what administrators do to people's presence, which Redis alone keeps.

use sqlx::FromRow;

use super::decisions::with_reason;
use super::entitlement::check_entitled;
use super::{Account, AccountError, AccountId, Accounts, Action, Origin, Permission, actions, sql};
use crate::presence::UserId;

impl Accounts {
    /// Notes that an administrator does something to an account's presence, before it is done: Redis alone keeps presence,
    /// and could lose both. `name` is an action, `after` what is meant to be.
    ///
    /// # Errors
    /// [`AccountError::NotFound`]; [`AccountError::NotEntitled`].
    pub async fn record_presence_action(
        &self,
        id: AccountId,
        name: &'static str,
        after: serde_json::Value,
        reason: Option<&str>,
        origin: &Origin,
    ) -> Result<Account, AccountError> {
        let mut transaction = self.pool.begin().await?;
        check_entitled(&mut transaction, origin, permission(name)).await?;
        let row = sqlx::query(sql::GATE).bind(id).fetch_one(&mut *transaction).await?;
        let account = Account::from_row(&row)?;
        let action = Action::on(id, name, with_reason(presence_action(name), reason), origin);
        let after = Some(after).filter(|after| !after.is_null());
        actions::record(&mut transaction, &Action { category: "admin", after, ..action }).await?;
        transaction.commit().await?;
        Ok(account)
    }

    /// The same of another issuer's user, who has no account.
    ///
    /// # Errors
    /// [`AccountError::NotEntitled`].
    pub async fn record_host_presence_action(
        &self,
        user: &UserId,
        name: &'static str,
        after: serde_json::Value,
        reason: Option<&str>,
        origin: &Origin,
    ) -> Result<(), AccountError> {
        let mut transaction = self.pool.begin().await?;
        check_entitled(&mut transaction, origin, permission(name)).await?;
        let action = Action::on_user(user, name, with_reason(presence_action(name), reason), origin);
        let after = Some(after).filter(|after| !after.is_null());
        actions::record(&mut transaction, &Action { category: "admin", after, ..action }).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Notes that an administrator looks at the true history of a user, or (`None`) of everybody, before it is shown;
    /// `after` says at which part.
    ///
    /// # Errors
    /// [`AccountError::NotEntitled`].
    pub async fn record_look(
        &self,
        user: Option<&UserId>,
        after: serde_json::Value,
        why: &str,
        origin: &Origin,
    ) -> Result<(), AccountError> {
        let name = actions::PRESENCE_REVEALED;
        let mut transaction = self.pool.begin().await?;
        check_entitled(&mut transaction, origin, permission(name)).await?;
        let detail = with_reason(presence_action(name), Some(why));
        let action = match user {
            Some(user) => Action::on_user(user, name, detail, origin),
            None => Action::on_system(name, detail, origin),
        };
        let action = Action { category: "admin", after: Some(after), ..action };
        actions::record(&mut transaction, &action).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// What an administrator did to somebody's presence, in words.
fn presence_action(name: &str) -> &'static str {
    match name {
        actions::ONLINE_STATUS_SET => "Presence set by an administrator",
        actions::ONLINE_STATUS_CLEARED => "Presence given back by an administrator",
        _ => "True presence looked at by an administrator",
    }
}

/// What one must be allowed to do it.
fn permission(name: &str) -> Permission {
    match name {
        actions::PRESENCE_REVEALED => Permission::RevealPresence,
        _ => Permission::SetPresence,
    }
}
