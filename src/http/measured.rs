//! What becomes of requests in the words of the metrics: closed sets, whatever clients send.

use axum::http::{Method, StatusCode};

use super::error::ApiError;
use super::router;
use crate::metrics::labels::{AuthMethod, AuthResult, Heartbeat};
use crate::metrics::record;

/// The route label of a request that no route matched: raw paths never become labels.
const UNMATCHED: &str = "unmatched";
/// What is in none of the sets.
const OTHER: &str = "other";

/// The label of a matched route.
pub(super) fn route(matched: Option<&str>) -> &'static str {
    matched.and_then(|path| router::PATHS.get_key_value(path)).map_or(UNMATCHED, |(path, _)| path)
}

/// The label of a method; clients may invent methods.
pub(super) fn method(method: &Method) -> &'static str {
    const KNOWN: [(&Method, &str); 7] = [
        (&Method::GET, "GET"),
        (&Method::POST, "POST"),
        (&Method::PUT, "PUT"),
        (&Method::PATCH, "PATCH"),
        (&Method::DELETE, "DELETE"),
        (&Method::HEAD, "HEAD"),
        (&Method::OPTIONS, "OPTIONS"),
    ];
    KNOWN.iter().find(|(known, _)| *known == method).map_or(OTHER, |(_, word)| word)
}

/// The label of a status.
pub(super) fn status(status: StatusCode) -> &'static str {
    const KNOWN: [(u16, &str); 16] = [
        (200, "200"),
        (101, "101"),
        (201, "201"),
        (204, "204"),
        (304, "304"),
        (307, "307"),
        (400, "400"),
        (401, "401"),
        (403, "403"),
        (404, "404"),
        (405, "405"),
        (409, "409"),
        (413, "413"),
        (429, "429"),
        (500, "500"),
        (503, "503"),
    ];
    KNOWN.iter().find(|(known, _)| *known == status.as_u16()).map_or(OTHER, |(_, word)| word)
}

/// What became of a heartbeat.
pub fn heartbeat<T>(result: &Result<T, ApiError>) -> Heartbeat {
    match result {
        Ok(_) => Heartbeat::Ok,
        Err(ApiError::Gated(_)) => Heartbeat::Gated,
        Err(ApiError::LoginEnded) => Heartbeat::Ended,
        Err(ApiError::Restoring) => Heartbeat::Restoring,
        Err(ApiError::Overloaded) => Heartbeat::Overloaded,
        Err(ApiError::Unavailable(_)) => Heartbeat::Unavailable,
        Err(_) => Heartbeat::Failed,
    }
}

/// Counts how it went when somebody said who they are, and passes the result on. What failed for another reason is not
/// counted.
pub(super) fn attempt<T>(method: AuthMethod, result: Result<T, ApiError>) -> Result<T, ApiError> {
    let went = match &result {
        Ok(_) => AuthResult::Ok,
        Err(ApiError::BadCredentials | ApiError::TotpInvalid) => AuthResult::BadCredentials,
        Err(ApiError::TokenInvalid) => AuthResult::Invalid,
        Err(ApiError::TokenExpired) => AuthResult::Expired,
        Err(ApiError::LoginEnded) => AuthResult::Ended,
        Err(ApiError::Gated(_)) => AuthResult::Gated,
        Err(ApiError::RateLimited(_)) => AuthResult::Limited,
        Err(_) => return result,
    };
    record::auth_attempt(method, went);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_closed_sets() {
        assert_eq!(route(Some("/api/auth/login/")), "/api/auth/login/");
        assert_eq!(route(Some("/api/invented/")), UNMATCHED);
        assert_eq!(route(None), UNMATCHED);
        assert_eq!(method(&Method::from_bytes(b"INVENTED").unwrap()), OTHER);
        assert_eq!(status(StatusCode::IM_A_TEAPOT), OTHER);
        assert_eq!(status(StatusCode::SERVICE_UNAVAILABLE), "503");
    }
}
