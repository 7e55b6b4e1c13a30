//! The answers for what no route matches.

use super::error::ApiError;

/// No such path.
pub async fn not_found() -> ApiError {
    ApiError::of_status(axum::http::StatusCode::NOT_FOUND)
}

/// The path exists, the method does not; axum adds `Allow`.
pub async fn not_allowed() -> ApiError {
    ApiError::MethodNotAllowed
}
