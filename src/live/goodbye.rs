//! Why the server closes a socket, and what the client should do then. The close code says it to programs that see
//! nothing else; the `goodbye` frame before it says it in words, and when to come back.

use std::time::Duration;

use crate::http::ApiError;
use crate::metrics::labels::LiveDrop;
use crate::presence::GateKind;

/// Why a socket is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goodbye {
    /// No token came in time, or none that is good: get another and return.
    Token(&'static str),
    /// The account may not be online: do not return.
    Gated(GateKind),
    /// The login has ended: do not return.
    LoggedOut,
    /// Nothing was heard for longer than the session lives.
    Silent,
    /// The client reads too slowly for what it watches.
    Slow,
    /// The client goes on saying what cannot be understood, or too much.
    Abusive,
    /// The node stops: return after this long, to another.
    Restarting(Duration),
}

/// Comes back after this long who was closed for saying too much.
const PENALTY: Duration = Duration::from_secs(30);
/// Comes back after this long whose connection was lost or slow.
const PAUSE: Duration = Duration::from_secs(1);

impl Goodbye {
    /// What an error of the store or of a token means for the socket, if it ends it.
    #[must_use]
    pub fn of(error: &ApiError) -> Option<Self> {
        match error {
            ApiError::TokenMissing | ApiError::TokenInvalid | ApiError::TokenExpired => {
                Some(Self::Token(error.code()))
            }
            ApiError::LoginEnded => Some(Self::LoggedOut),
            ApiError::Gated(gate) => Some(Self::Gated(*gate)),
            ApiError::RateLimited(_) => Some(Self::Abusive),
            _ => None,
        }
    }

    /// The code of the close frame.
    #[must_use]
    pub const fn close_code(self) -> u16 {
        match self {
            Self::Token(_) => 4401,
            Self::Gated(_) => 4403,
            Self::LoggedOut => 4409,
            Self::Silent | Self::Slow => 4408,
            Self::Abusive => 4429,
            Self::Restarting(_) => 1012,
        }
    }

    /// The word for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Token(code) => code,
            Self::Gated(gate) => ApiError::Gated(gate).code(),
            Self::LoggedOut => ApiError::LoginEnded.code(),
            Self::Silent => "silent",
            Self::Slow => "slow_reader",
            Self::Abusive => "rate_limited",
            Self::Restarting(_) => "restarting",
        }
    }

    /// When to come back, if at all and with the same token.
    #[must_use]
    pub const fn reconnect_in(self) -> Option<Duration> {
        match self {
            Self::Token(_) | Self::Gated(_) | Self::LoggedOut => None,
            Self::Silent | Self::Slow => Some(PAUSE),
            Self::Abusive => Some(PENALTY),
            Self::Restarting(after) => Some(after),
        }
    }

    /// Its word in the metrics.
    #[must_use]
    pub const fn label(self) -> LiveDrop {
        match self {
            Self::Token(_) => LiveDrop::Token,
            Self::Gated(_) => LiveDrop::Gated,
            Self::LoggedOut => LiveDrop::LoggedOut,
            Self::Silent => LiveDrop::Silent,
            Self::Slow => LiveDrop::Slow,
            Self::Abusive => LiveDrop::Abusive,
            Self::Restarting(_) => LiveDrop::Restarting,
        }
    }
}
