//! How failures of the layers below look to clients. A store that is away is a 503 with its name; what a client
//! could mend keeps its words; everything else is a defect, whose cause only the log learns.

use super::error::ApiError;
use crate::accounts::{AccountError, RefreshError};
use crate::audit::AuditError;
use crate::auth::{PasswordError, TokenError};
use crate::store::StoreError;

/// A failure of a list that is asked for by filters.
pub(super) trait Asked: Into<ApiError> {
    /// Whether Postgres ran out of time.
    fn is_time_out(&self) -> bool;

    /// The failure as clients see it: where Postgres ran out of time the question was too broad, since not every filter
    /// has an index.
    fn answer(self) -> ApiError {
        if self.is_time_out() { ApiError::TooBroad } else { self.into() }
    }
}

impl Asked for AuditError {
    fn is_time_out(&self) -> bool {
        matches!(self, Self::TimedOut(_))
    }
}

impl Asked for AccountError {
    fn is_time_out(&self) -> bool {
        self.timed_out()
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => {
                tracing::debug!(%cause, "redis is unavailable");
                Self::Unavailable("Presence")
            }
            StoreError::Restoring => Self::Restoring,
            StoreError::Overloaded => Self::Overloaded,
            StoreError::Reply { .. }
            | StoreError::Open
            | StoreError::Refused(_)
            | StoreError::Layout { .. }
            | StoreError::Unfit(_) => Self::internal(error),
        }
    }
}

impl From<AuditError> for ApiError {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Unavailable(cause) | AuditError::TimedOut(cause) => {
                tracing::debug!(%cause, "postgres is unavailable");
                Self::Unavailable("The database")
            }
            AuditError::Refused(_) | AuditError::Schema(_) => Self::internal(error),
        }
    }
}

impl From<AccountError> for ApiError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::UsernameTaken | AccountError::EmailTaken | AccountError::Conflict(_) => {
                Self::Conflict(error.to_string())
            }
            AccountError::NotEntitled => Self::Forbidden,
            AccountError::TotpDemanded => Self::TotpDemanded,
            AccountError::WrongCode => Self::TotpInvalid,
            AccountError::LinkOver => Self::invalid("/token", error.to_string()),
            AccountError::NotFound => Self::NotFound("User"),
            AccountError::LastAdmin => Self::LastAdmin,
            AccountError::LoginEnded => Self::LoginEnded,
            AccountError::Invalid(_) => Self::invalid("", error.to_string()),
            AccountError::Unavailable(cause) => {
                tracing::debug!(%cause, "postgres is unavailable");
                Self::Unavailable("The database")
            }
            AccountError::Database(_) => Self::internal(error),
        }
    }
}

impl From<RefreshError> for ApiError {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::Unknown => Self::TokenInvalid,
            RefreshError::Expired => Self::TokenExpired,
            RefreshError::Ended { .. } | RefreshError::Reused { .. } => Self::LoginEnded,
            RefreshError::Gated(gate) => Self::Gated(gate),
            RefreshError::Account(error) => error.into(),
        }
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Self::Overloaded,
            PasswordError::Hash(_) => Self::internal(error),
        }
    }
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Expired => Self::TokenExpired,
            TokenError::Invalid => Self::TokenInvalid,
            TokenError::Unavailable => Self::Unavailable("The issuer of the token"),
        }
    }
}
