//! What people and administrators did, one row each in `admin_actions`: who, what, to whom, from where.
//!
//! Rows are inserted and never changed. People appear by their numbers, not by their names or addresses:
//! these rows outlive accounts, and names can be given up.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{AccountError, AccountId, Accounts, sql};
use crate::database::Connection;
use crate::presence::UserId;

/// Somebody logged in.
pub const USER_LOGIN: &str = "USER_LOGIN";
/// Somebody tried to log in and was refused.
pub const USER_FAILED_LOGIN: &str = "USER_FAILED_LOGIN";
/// One login was ended by its user.
pub const USER_LOGOUT: &str = "USER_LOGOUT";
/// All logins were ended by their user.
pub const LOGOUT_ALL: &str = "LOGOUT_ALL";
/// Logins were ended by an administrator.
pub const FORCE_LOGOUT: &str = "FORCE_LOGOUT";
/// Somebody made an account of their own.
pub const USER_REGISTERED: &str = "USER_REGISTERED";
/// Somebody made an account for another.
pub const USER_CREATED: &str = "USER_CREATED";
/// An account was changed by another.
pub const USER_UPDATED: &str = "USER_UPDATED";
/// An account was put into the trash.
pub const USER_DELETED: &str = "USER_DELETED";
/// An account was taken out of the trash.
pub const USER_RESTORED: &str = "USER_RESTORED";
/// An account was removed for good.
pub const PERMANENT_DELETE: &str = "PERMANENT_DELETE";
/// Accounts were made from a file.
pub const DATA_IMPORTED: &str = "DATA_IMPORTED";
/// The role changed.
pub const ROLE_CHANGED: &str = "ROLE_CHANGED";
/// The password changed.
pub const PASSWORD_CHANGED: &str = "PASSWORD_CHANGED";
/// Somebody asked for a password's change, a second factor or the like, and could not prove who they are.
pub const IDENTITY_REFUSED: &str = "IDENTITY_REFUSED";
/// The password of a login was right; a second factor is still to come.
pub const TOTP_ASKED: &str = "TOTP_ASKED";
/// A second factor is in use from now on.
pub const TOTP_ENABLED: &str = "TOTP_ENABLED";
/// A second factor was given up by its user.
pub const TOTP_DISABLED: &str = "TOTP_DISABLED";
/// A second factor was taken away by an administrator.
pub const TOTP_RESET: &str = "TOTP_RESET";
/// A recovery code stood in for the authenticator.
pub const RECOVERY_CODE_USED: &str = "RECOVERY_CODE_USED";
/// An administrator made a link that sets somebody's password.
pub const RESET_LINK_CREATED: &str = "RESET_LINK_CREATED";
/// A password was set by such a link.
pub const PASSWORD_RESET: &str = "PASSWORD_RESET";
/// Somebody changed their own names, address or words about themselves.
pub const PROFILE_CHANGED: &str = "PROFILE_CHANGED";
/// A refresh token came back that had been exchanged: a copy is about.
pub const REFRESH_REUSED: &str = "REFRESH_REUSED";

/// A pending account was let in.
pub const USER_APPROVED: &str = "USER_APPROVED";
/// A pending account was turned away.
pub const USER_REJECTED: &str = "USER_REJECTED";
/// An account was shut out, perhaps until an end.
pub const USER_SUSPENDED: &str = "USER_SUSPENDED";
/// A suspension came to its end by itself.
pub const SUSPENSION_ENDED: &str = "SUSPENSION_ENDED";
/// An account was shut out for good.
pub const USER_BANNED: &str = "USER_BANNED";
/// An account that was shut out may be used again.
pub const USER_ACTIVATED: &str = "USER_ACTIVATED";
/// An administrator set somebody's presence.
pub const ONLINE_STATUS_SET: &str = "ONLINE_STATUS_SET";
/// An administrator let somebody's presence be again.
pub const ONLINE_STATUS_CLEARED: &str = "ONLINE_STATUS_CLEARED";
/// An administrator looked at somebody's true presence.
pub const PRESENCE_REVEALED: &str = "PRESENCE_REVEALED";
/// A node was started with other settings than before.
pub const SYSTEM_SETTINGS_CHANGED: &str = "SYSTEM_SETTINGS_CHANGED";
/// Somebody was erased.
pub const USER_ERASED: &str = "USER_ERASED";
/// Who may see what of somebody changed.
pub const PRIVACY_CHANGED: &str = "PRIVACY_CHANGED";
/// A key was made for a host application's servers.
pub const SERVICE_KEY_CREATED: &str = "SERVICE_KEY_CREATED";
/// Such a key was taken back.
pub const SERVICE_KEY_REVOKED: &str = "SERVICE_KEY_REVOKED";
/// A network was blocked, by an administrator or for what it did.
pub const ADDRESS_BLOCKED: &str = "ADDRESS_BLOCKED";
/// A block was lifted.
pub const ADDRESS_UNBLOCKED: &str = "ADDRESS_UNBLOCKED";
/// A server is told of changes of presence from now on.
pub const WEBHOOK_CREATED: &str = "WEBHOOK_CREATED";
/// Where such a server is, or of what it is told, changed.
pub const WEBHOOK_CHANGED: &str = "WEBHOOK_CHANGED";
/// Such a server is told no more.
pub const WEBHOOK_DELETED: &str = "WEBHOOK_DELETED";
/// What is sent to such a server is signed with another secret.
pub const WEBHOOK_SECRET_ROTATED: &str = "WEBHOOK_SECRET_ROTATED";
/// Somebody tried whether such a server answers.
pub const WEBHOOK_TESTED: &str = "WEBHOOK_TESTED";
/// What such a server had not taken was sent again.
pub const WEBHOOK_REDELIVERED: &str = "WEBHOOK_REDELIVERED";
/// Data were taken out as a file.
pub const DATA_EXPORTED: &str = "DATA_EXPORTED";

/// How much an action matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Everyday.
    Info,
    /// Somebody should look at it when it is frequent.
    Warning,
}

impl Severity {
    /// The word as it is stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
        }
    }
}

/// By whom and from where an action comes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The user id of who acts, or `cli` for the command line; `None` for somebody not logged in.
    pub actor: Option<String>,
    /// The caller's address, as far as it is kept: the settings say whether it is shortened.
    pub address: Option<String>,
    /// The caller's program; the first 512 characters are kept.
    pub user_agent: Option<String>,
    /// The session of who acts.
    pub session_id: Option<String>,
    /// The request.
    pub request_id: Option<String>,
}

impl Origin {
    /// The same place, but acting as this account: for those who become known by the action.
    #[must_use]
    pub fn acting_as(&self, account: AccountId) -> Self {
        Self { actor: Some(account.to_string()), ..self.clone() }
    }
}

/// One action.
#[derive(Clone, Debug)]
pub struct Action<'a> {
    /// What was done: one of the constants of this module.
    pub name: &'static str,
    /// What kind of thing it was done to: `USER`, `AUTH` ...
    pub target_type: &'static str,
    /// To which of them, if that is known.
    pub target_id: Option<String>,
    /// How much it matters.
    pub severity: Severity,
    /// `user`, `admin` or `security`.
    pub category: &'static str,
    /// What changed, before.
    pub before: Option<Value>,
    /// What changed, after.
    pub after: Option<Value>,
    /// A sentence for people.
    pub detail: String,
    /// By whom and from where.
    pub origin: &'a Origin,
}

impl<'a> Action<'a> {
    /// An everyday action on an account.
    #[must_use]
    pub fn on(account: AccountId, name: &'static str, detail: impl Into<String>, origin: &'a Origin) -> Self {
        Self {
            name,
            target_type: "USER",
            target_id: Some(account.to_string()),
            severity: Severity::Info,
            category: "user",
            before: None,
            after: None,
            detail: detail.into(),
            origin,
        }
    }

    /// The same on a user of another issuer, who has no account.
    #[must_use]
    pub fn on_user(user: &UserId, name: &'static str, detail: impl Into<String>, origin: &'a Origin) -> Self {
        Self {
            target_type: "USER",
            target_id: Some(user.to_string()),
            category: "user",
            ..Self::on_system(name, detail, origin)
        }
    }
}

impl<'a> Action<'a> {
    /// An administrator's everyday action on no account in particular.
    #[must_use]
    pub fn on_system(name: &'static str, detail: impl Into<String>, origin: &'a Origin) -> Self {
        Self {
            name,
            target_type: "SYSTEM",
            target_id: None,
            severity: Severity::Info,
            category: "admin",
            before: None,
            after: None,
            detail: detail.into(),
            origin,
        }
    }
}

impl Accounts {
    /// Writes the row of an action that changes nothing in Postgres.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn record(&self, action: &Action<'_>) -> Result<(), AccountError> {
        Ok(record(&mut self.pool.acquire().await?, action).await?)
    }
}

/// Writes an action's row, as part of the transaction that does what it tells.
///
/// # Errors
/// Those of the database.
pub async fn record(connection: &mut Connection, action: &Action<'_>) -> sqlx::Result<()> {
    sqlx::query(sql::ACTION_RECORD)
        .bind(Uuid::now_v7())
        .bind(&action.origin.actor)
        .bind(action.name)
        .bind(action.target_type)
        .bind(&action.target_id)
        .bind(action.severity.as_str())
        .bind(action.category)
        .bind(&action.before)
        .bind(&action.after)
        .bind(&action.origin.address)
        .bind(&action.origin.user_agent)
        .bind(&action.origin.session_id)
        .bind(&action.origin.request_id)
        .bind(&action.detail)
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes the rows of many actions of the same origin at once, as [`record`] does one.
///
/// # Errors
/// Those of the database.
pub(super) async fn record_all(
    connection: &mut Connection,
    actions: &[Action<'_>],
    origin: &Origin,
) -> sqlx::Result<()> {
    let row = |action: &Action<'_>| {
        json!({
            "id": Uuid::now_v7(), "action": action.name, "target_type": action.target_type,
            "target_id": action.target_id, "severity": action.severity.as_str(), "category": action.category,
            "before": action.before, "after": action.after, "detail": action.detail,
        })
    };
    sqlx::query(sql::ACTIONS_RECORD)
        .bind(Value::from(actions.iter().map(row).collect::<Vec<_>>()))
        .bind(&origin.actor)
        .bind(&origin.address)
        .bind(&origin.user_agent)
        .bind(&origin.session_id)
        .bind(&origin.request_id)
        .execute(connection)
        .await?;
    Ok(())
}
