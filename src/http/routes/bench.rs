//! `/bench/token/`: verifies the token and does nothing else. The measure against which the cost of a heartbeat
//! is read; mounted only when the bench asks.

use axum::http::StatusCode;

use crate::http::extract::Verified;

/// The token is good.
pub async fn token(_: Verified) -> StatusCode {
    StatusCode::NO_CONTENT
}
