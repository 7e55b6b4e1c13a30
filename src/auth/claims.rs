//! What tokens stand for: what one is issued for, and the facts of one that was verified.

use super::RoomRights;
use crate::presence::{LoginId, Org, Role, UserId};

/// What a token is issued for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Whose token (claim `sub`).
    pub user: UserId,
    /// The user's organisation.
    pub org: Org,
    /// The login it belongs to (claim `sid`).
    pub login: LoginId,
    /// The user's token version (claim `tv`); lower than the user's present one means ended.
    pub token_version: i64,
    /// What the user may do.
    pub role: Role,
}

/// The facts of a verified token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Whose token (claim `sub`).
    pub user: UserId,
    /// The user's organisation.
    pub org: Org,
    /// The login it belongs to (claim `sid`).
    pub login: LoginId,
    /// The token version (claim `tv`); of another issuer's token the second at which it was issued (`iat`), so that all
    /// that were issued until a moment can be ended.
    pub token_version: i64,
    /// What the user may do.
    pub role: Role,
    /// When it ends (claim `exp`), in seconds since 1970.
    pub expires_at: i64,
    /// Which rooms the user may join without a grant.
    pub rooms: RoomRights,
}

/// Why a token is not accepted. What exactly is wrong with it is nobody's business but its maker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token of this service: form, type, algorithm, key, signature, issuer, audience or a claim.
    #[error("the token is not valid")]
    Invalid,
    /// It was good, and its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its issuer's keys could not be read so far, so nobody can say; the same token may be good in a moment.
    #[error("the keys of the token's issuer cannot be read")]
    Unavailable,
}

impl TokenError {
    /// The error's word in answers.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Invalid => "token_invalid",
            Self::Expired => "token_expired",
            Self::Unavailable => "store_unavailable",
        }
    }
}
