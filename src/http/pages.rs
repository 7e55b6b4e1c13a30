//! Lists by page: how many rows, and where the page begins. Cursors are opaque to clients, who hand them back.

use std::fmt::Display;
use std::str::FromStr;

use super::error::ApiError;
use crate::audit::MAX_LIMIT;

/// Rows of a page, unless asked otherwise.
const LIMIT: u32 = 100;

/// How many rows are asked for: 1-1000, 100 if absent.
///
/// # Errors
/// Any other number.
pub(super) fn limit(asked: Option<u32>) -> Result<u32, ApiError> {
    let limit = asked.unwrap_or(LIMIT);
    if (1..=MAX_LIMIT).contains(&limit) {
        Ok(limit)
    } else {
        Err(ApiError::invalid("limit", format!("expected 1 to {MAX_LIMIT}")))
    }
}

/// Where the page begins.
///
/// # Errors
/// The text is no cursor of this list.
pub(super) fn cursor<C: FromStr<Err: Display>>(text: Option<&str>) -> Result<Option<C>, ApiError> {
    let cursor = text.map(str::parse).transpose();
    cursor.map_err(|error: C::Err| ApiError::invalid("cursor", error.to_string()))
}
