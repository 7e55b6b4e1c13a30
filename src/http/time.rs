//! Moments in query strings, read; how they look in answers says [`Timestamp`].

use serde::{Deserialize, Deserializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::error::ApiError;
pub use crate::moment::Timestamp;
use crate::presence::Millis;

/// Reads a moment of a query string, for `deserialize_with`: RFC 3339; what is finer than a millisecond is cut off.
pub(super) fn moment<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Millis>, D::Error> {
    let text = String::deserialize(input)?;
    let at = OffsetDateTime::parse(&text, &Rfc3339).map_err(serde::de::Error::custom)?;
    Ok(Some(Millis(at.unix_timestamp() * 1_000 + i64::from(at.millisecond()))))
}

/// The moment for the record of actions; `name` is the parameter that says it.
///
/// # Errors
/// It is beyond the years -9999 to 9999.
pub(super) fn point(name: &str, at: Millis) -> Result<OffsetDateTime, ApiError> {
    let point = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000);
    point.map_err(|error| ApiError::invalid(name, error.to_string()))
}
