//! Work that a client cannot interrupt.
//!
//! A handler is dropped where it waits when its client goes away, and when its time runs out. What has to be said to
//! Postgres and to Redis would then be said to one of them only: a logout after which the access token is still good.

use tracing::Instrument;

use super::error::ApiError;

/// Does `work` to its end, whatever becomes of the request that asked for it.
///
/// # Errors
/// Those of the work; a panic in it is a defect.
pub(super) async fn uncut<T: Send + 'static>(
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::spawn(work.in_current_span()).await.unwrap_or_else(|error| Err(ApiError::internal(error)))
}
