//! Whether somebody may act on others now, whatever their token says.
//!
//! An access token says which role its bearer had when it was issued, and lives for minutes. So the role is read again:
//! at the door of every request that demands one, and once more behind the locks of the transaction that acts.

use super::{AccountError, AccountId, Accounts, Origin, Permission, sql};
use crate::database::Connection;
use crate::presence::{LoginId, Role};

impl Accounts {
    /// Whoever has this role or a higher one needs a second factor for it; `None`: nobody does.
    #[must_use]
    pub fn demanding_totp(self, of: Option<Role>) -> Self {
        Self { totp_demanded_of: of, ..self }
    }

    /// The role that an account has now; `None` if it is gone or may not be online, or this login has ended.
    ///
    /// # Errors
    /// [`AccountError::TotpDemanded`] if the role needs a second factor and the account has none: until then it may do
    /// what every user may.
    pub async fn role_now(&self, account: AccountId, login: &LoginId) -> Result<Option<Role>, AccountError> {
        let mut connection = self.pool.acquire().await?;
        let now = role_now(&mut connection, account, Some(login.as_str())).await?;
        match now {
            Some((role, false)) if self.demands_totp(role) => Err(AccountError::TotpDemanded),
            now => Ok(now.map(|(role, _)| role)),
        }
    }

    /// Whether this role needs a second factor.
    #[must_use]
    pub fn demands_totp(&self, role: Role) -> bool {
        self.totp_demanded_of.is_some_and(|lowest| role >= lowest)
    }
}

/// The role, and whether there is a second factor.
async fn role_now(
    connection: &mut Connection,
    account: AccountId,
    login: Option<&str>,
) -> Result<Option<(Role, bool)>, AccountError> {
    let row: Option<(String, bool)> =
        sqlx::query_as(sql::ROLE_NOW).bind(account).bind(login).fetch_optional(connection).await?;
    let Some((word, has_totp)) = row else {
        return Ok(None);
    };
    let role = word.parse();
    let role = role.map_err(|error: crate::presence::UnknownWord| sqlx::Error::Decode(Box::new(error)))?;
    Ok(Some((role, has_totp)))
}

/// The role of who acts, read now, if it has the permission. Who has no account here (a host's administrator, the
/// command line) is believed.
pub(super) async fn check_entitled(
    connection: &mut Connection,
    origin: &Origin,
    permission: Permission,
) -> Result<Role, AccountError> {
    let actor = origin.actor.as_ref().and_then(|actor| actor.parse().ok());
    let Some(actor) = actor.as_ref().and_then(AccountId::of) else {
        return Ok(Role::Admin);
    };
    let role = role_now(connection, actor, origin.session_id.as_deref()).await?;
    role.map(|(role, _)| role).filter(|role| role.may(permission)).ok_or(AccountError::NotEntitled)
}

/// An account that somebody acts on, behind its lock.
pub(super) struct Locked {
    /// What it is.
    pub(super) role: Role,
    /// What who acts is.
    pub(super) by: Role,
    /// Nobody but this account can administer.
    pub(super) last_admin: bool,
}

/// Locks an account and every active administrator, in one order, and then looks whether who acts may do so: of two
/// who shut each other out one comes first.
pub(super) async fn lock(
    connection: &mut Connection,
    id: AccountId,
    origin: &Origin,
    permission: Permission,
) -> Result<Locked, AccountError> {
    let rows: Vec<(AccountId, String, bool)> =
        sqlx::query_as(sql::ROLE_LOCK).bind(id).fetch_all(&mut *connection).await?;
    let by = check_entitled(connection, origin, permission).await?;
    let (_, role, administers) =
        rows.iter().find(|(other, ..)| *other == id).ok_or(AccountError::NotFound)?;
    let role: Role = role.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    if !by.may_act_on(role) {
        return Err(AccountError::NotEntitled);
    }
    let others = rows.iter().any(|(other, _, administers)| *other != id && *administers);
    Ok(Locked { role, by, last_admin: *administers && !others })
}
