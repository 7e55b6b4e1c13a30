//! What can go wrong with accounts, in the words of the people who see it.

use crate::presence::{GateKind, LoginId};

use super::AccountId;

/// SQLSTATE classes and codes that say "not now" rather than "never": connection, resources, operator,
/// serialisation, and the time-outs for locks and statements.
const NOT_NOW: &[&str] = &["08", "53", "57", "40", "55P03"];

/// Why a call on accounts failed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Another account has the name, whatever the case of its letters.
    #[error("Username already exists")]
    UsernameTaken,
    /// Another account has the address, whatever the case of its letters.
    #[error("Email already exists")]
    EmailTaken,
    /// No such account, or it is in the trash.
    #[error("User not found")]
    NotFound,
    /// The change would leave nobody who can administer.
    #[error("This is the last active administrator")]
    LastAdmin,
    /// The account is in a state from which this does not lead anywhere.
    #[error("{0}")]
    Conflict(&'static str),
    /// Who acts is no administrator any more, whatever the token says.
    #[error("You do not have permission to do this.")]
    NotEntitled,
    /// The role of who acts needs a second factor, and they have none.
    #[error("Your role needs a second factor. Enrol one first.")]
    TotpDemanded,
    /// The second factor was used before, or is not one.
    #[error("The code is not right")]
    WrongCode,
    /// No link for a new password, or none any more.
    #[error("The link is not valid any more")]
    LinkOver,
    /// All logins of the account were ended while this one was being made.
    #[error("All logins of this account were ended meanwhile")]
    LoginEnded,
    /// Postgres refused a value: too long, or with characters it cannot hold. The name of the rule.
    #[error("The value is not allowed: {0}")]
    Invalid(String),
    /// Postgres cannot be reached or has no room; the same call may work later.
    #[error("postgres is unavailable: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// Anything else of the database: a defect.
    #[error("database: {0}")]
    Database(#[source] sqlx::Error),
}

impl AccountError {
    /// Whether a statement took longer than it may (`query_canceled`).
    #[must_use]
    pub fn timed_out(&self) -> bool {
        let Self::Unavailable(sqlx::Error::Database(cause)) = self else { return false };
        cause.code().as_deref() == Some("57014")
    }

    /// The error's word in answers; `None` for a defect, whose cause is nobody's business.
    #[must_use]
    pub const fn code(&self) -> Option<&'static str> {
        match self {
            Self::UsernameTaken | Self::EmailTaken | Self::Conflict(_) => Some("conflict"),
            Self::NotEntitled => Some("forbidden"),
            Self::NotFound => Some("not_found"),
            Self::LastAdmin => Some("last_admin"),
            Self::LoginEnded => Some("login_ended"),
            Self::TotpDemanded => Some("totp_enrolment_required"),
            Self::WrongCode => Some("totp_invalid"),
            Self::LinkOver => Some("invalid_value"),
            Self::Invalid(_) => Some("invalid_value"),
            Self::Unavailable(_) => Some("store_unavailable"),
            Self::Database(_) => None,
        }
    }
}

impl From<sqlx::Error> for AccountError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::RowNotFound => Self::NotFound,
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            sqlx::Error::Database(cause) => match (cause.constraint(), cause.code().as_deref()) {
                (Some("users_username_taken"), _) => Self::UsernameTaken,
                (Some("users_email_taken"), _) => Self::EmailTaken,
                (rule, Some("23514")) => Self::Invalid(rule.unwrap_or("check").to_owned()),
                (_, Some("22021" | "22P05")) => Self::Invalid("text".to_owned()),
                (_, Some(code)) if NOT_NOW.iter().any(|class| code.starts_with(class)) => {
                    Self::Unavailable(error)
                }
                _ => Self::Database(error),
            },
            _ => Self::Database(error),
        }
    }
}

/// Why a refresh token was not exchanged.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// Not a refresh token of this service.
    #[error("the refresh token is not valid")]
    Unknown,
    /// The login's time is over.
    #[error("the refresh token has expired")]
    Expired,
    /// The login was ended before, or its account is gone.
    #[error("the login has ended")]
    Ended {
        /// Whose login.
        account: AccountId,
        /// The login; whoever ended it may not have come to ending its sessions.
        login: LoginId,
    },
    /// A token came back that was exchanged before: somebody has a copy. The login has been ended for it.
    #[error("the refresh token was used before; the login has been ended")]
    Reused {
        /// Whose login.
        account: AccountId,
        /// The login, whose sessions must end too.
        login: LoginId,
    },
    /// The account may not be online. Nothing was exchanged: the token is good when the gate is lifted.
    #[error("the account is {0}")]
    Gated(GateKind),
    /// The database.
    #[error(transparent)]
    Account(#[from] AccountError),
}

impl RefreshError {
    /// The error's word in answers; `None` for a defect.
    #[must_use]
    pub const fn code(&self) -> Option<&'static str> {
        match self {
            Self::Unknown => Some("token_invalid"),
            Self::Expired => Some("token_expired"),
            Self::Ended { .. } | Self::Reused { .. } => Some("login_ended"),
            Self::Gated(GateKind::Suspended) => Some("account_suspended"),
            Self::Gated(GateKind::Banned) => Some("account_banned"),
            Self::Gated(GateKind::Pending) => Some("account_pending"),
            Self::Gated(GateKind::Inactive) => Some("account_inactive"),
            Self::Account(error) => error.code(),
        }
    }
}

impl From<sqlx::Error> for RefreshError {
    fn from(error: sqlx::Error) -> Self {
        Self::Account(error.into())
    }
}
