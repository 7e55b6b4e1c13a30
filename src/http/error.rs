//! Every way a request can fail, with its status, its code for programs and its words for people.
//!
//! A handler returns an [`ApiError`]; its response carries the error as an extension and no body. The body is
//! written by [`super::problem`], which alone knows the request's id.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::presence::GateKind;

/// Seconds after which a client may try again what the service could not do.
const RETRY_SECONDS: u64 = 1;

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Where: a JSON pointer into the body (`/users/3`), or the name of a query or path parameter.
    pub pointer: String,
    /// What, in words.
    pub detail: String,
}

/// Why a request was not done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ApiError {
    /// A value that breaks a rule.
    #[error("{}", .0.detail)]
    InvalidValue(FieldError),
    /// A file of which nothing was taken: every line that is wrong, with its number before its column.
    #[error("wrong lines in the file: {}; nothing was done", .0.len())]
    InvalidLines(Arc<[FieldError]>),
    /// A field that the endpoint does not know.
    #[error("{}", .0.detail)]
    UnknownField(FieldError),
    /// No bearer token came with the request.
    #[error("Authentication credentials were not provided.")]
    TokenMissing,
    /// The token is not one of ours, or not whole.
    #[error("The token is not valid.")]
    TokenInvalid,
    /// The token's time is over.
    #[error("The token has expired.")]
    TokenExpired,
    /// The login that the token belongs to has ended.
    #[error("This login has ended. Log in again.")]
    LoginEnded,
    /// Wrong name or wrong password; deliberately the same for both.
    #[error("Invalid credentials")]
    BadCredentials,
    /// The password was right; a second factor is needed beside it.
    #[error("A code of your authenticator is needed, or a recovery code.")]
    TotpRequired,
    /// The password was right, and the second factor was not, or was used before.
    #[error("The code is not right, or was used before.")]
    TotpInvalid,
    /// The caller's role needs a second factor, and the account has none.
    #[error("Your role needs a second factor. Enrol one first.")]
    TotpDemanded,
    /// The caller's role does not allow it.
    #[error("You do not have permission to do this.")]
    Forbidden,
    /// The service does not allow it to anybody; says why.
    #[error("{0}")]
    Closed(&'static str),
    /// The account may not be online.
    #[error("{}", gate_text(*.0))]
    Gated(GateKind),
    /// There is no such thing; names it.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The path knows other methods than this.
    #[error("This method is not allowed here.")]
    MethodNotAllowed,
    /// The request contradicts what is there.
    #[error("{0}")]
    Conflict(String),
    /// The last active administrator cannot be taken away.
    #[error("The last active administrator cannot be removed.")]
    LastAdmin,
    /// The body is larger than the service accepts.
    #[error("The request body is too large.")]
    TooLarge,
    /// Too many requests; says after how many seconds to come back.
    #[error("Too many requests. Try again in {0} s.")]
    RateLimited(u64),
    /// The caller's address is blocked; says for how many seconds, if it ends by itself.
    #[error("Requests from your address are blocked.")]
    AddressBlocked(Option<u64>),
    /// Presence was lost and is being restored.
    #[error("Presence is being restored. Try again shortly.")]
    Restoring,
    /// The question asks for more than can be looked through in the time that it has.
    #[error("This asks for too much to look through. Narrow the time (since, until), or name a user.")]
    TooBroad,
    /// A store does not answer; names it.
    #[error("{0} is unavailable. Try again shortly.")]
    Unavailable(&'static str),
    /// More work than the service can do now.
    #[error("The service is busy. Try again shortly.")]
    Overloaded,
    /// A defect. Clients do not learn the cause; the log does.
    #[error("Something went wrong on our side.")]
    Internal(Arc<str>),
}

const fn gate_text(gate: GateKind) -> &'static str {
    match gate {
        GateKind::Suspended => "Your account is suspended",
        GateKind::Banned => "Your account is banned",
        GateKind::Pending => "Your account is pending admin approval",
        GateKind::Inactive => "Your account is inactive",
    }
}

impl ApiError {
    /// A value that breaks a rule: where, and which rule.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::InvalidValue(FieldError { pointer: pointer.into(), detail: detail.into() })
    }

    /// A defect, with its cause for the log.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::Internal(cause.to_string().into())
    }

    /// That another connection has the session: said to a beat that may not take it, and over HTTP each may.
    pub fn superseded() -> Self {
        Self::internal("a sign of life over HTTP was told that another connection has its session")
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::InvalidValue(_) | Self::InvalidLines(_) | Self::UnknownField(_) => StatusCode::BAD_REQUEST,
            Self::TokenMissing
            | Self::TokenInvalid
            | Self::TokenExpired
            | Self::LoginEnded
            | Self::BadCredentials
            | Self::TotpRequired
            | Self::TotpInvalid => StatusCode::UNAUTHORIZED,
            Self::Forbidden
            | Self::TotpDemanded
            | Self::Closed(_)
            | Self::Gated(_)
            | Self::AddressBlocked(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict(_) | Self::LastAdmin => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::TooBroad => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Restoring | Self::Unavailable(_) | Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The word by which programs tell errors apart. Never changes its meaning.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidValue(_) | Self::InvalidLines(_) => "invalid_value",
            Self::UnknownField(_) => "unknown_field",
            Self::TokenMissing => "token_missing",
            Self::TokenInvalid => "token_invalid",
            Self::TokenExpired => "token_expired",
            Self::LoginEnded => "login_ended",
            Self::BadCredentials => "bad_credentials",
            Self::TotpRequired => "totp_required",
            Self::TotpInvalid => "totp_invalid",
            Self::TotpDemanded => "totp_enrolment_required",
            Self::Forbidden | Self::Closed(_) => "forbidden",
            Self::Gated(GateKind::Suspended) => "account_suspended",
            Self::Gated(GateKind::Banned) => "account_banned",
            Self::Gated(GateKind::Pending) => "account_pending",
            Self::Gated(GateKind::Inactive) => "account_inactive",
            Self::NotFound(_) => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Conflict(_) => "conflict",
            Self::LastAdmin => "last_admin",
            Self::TooLarge => "too_large",
            Self::RateLimited(_) => "rate_limited",
            Self::AddressBlocked(_) => "address_blocked",
            Self::Restoring => "restoring",
            Self::TooBroad => "too_broad",
            Self::Unavailable(_) => "store_unavailable",
            Self::Overloaded => "overloaded",
            Self::Internal(_) => "internal",
        }
    }

    /// Seconds after which trying again may help, for errors that pass by themselves.
    #[must_use]
    pub const fn retry_after(&self) -> Option<u64> {
        match self {
            Self::RateLimited(seconds) => Some(*seconds),
            Self::AddressBlocked(seconds) => *seconds,
            Self::Restoring | Self::Unavailable(_) | Self::Overloaded => Some(RETRY_SECONDS),
            _ => None,
        }
    }

    /// The field at fault, if one is.
    #[must_use]
    pub const fn field(&self) -> Option<&FieldError> {
        match self {
            Self::InvalidValue(field) | Self::UnknownField(field) => Some(field),
            _ => None,
        }
    }

    /// All that is wrong with the request, place by place.
    #[must_use]
    pub fn fields(&self) -> &[FieldError] {
        match self {
            Self::InvalidLines(fields) => fields,
            _ => self.field().map_or(&[], std::slice::from_ref),
        }
    }

    /// What stands for an answer of a layer below that has only a status (a time-out, say).
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound("Page"),
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            StatusCode::SERVICE_UNAVAILABLE => Self::Overloaded,
            status if status.is_client_error() => Self::invalid("", "The request was not understood."),
            status => Self::internal(format_args!("a layer answered {status}")),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        if self.status() == StatusCode::UNAUTHORIZED {
            let challenge = match self {
                Self::TokenInvalid | Self::TokenExpired | Self::LoginEnded => {
                    HeaderValue::from_static(r#"Bearer error="invalid_token""#)
                }
                _ => HeaderValue::from_static("Bearer"),
            };
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(self);
        response
    }
}
