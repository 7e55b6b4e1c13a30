//! The id of a request: the caller's `X-Request-Id` if it is one, else a fresh UUID v7. It is answered, stands
//! in every error body and log line, and administrators' actions are recorded under it.

use std::fmt;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that carries it, both ways.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// An id of 1-64 characters of `A-Z a-z 0-9 . _ -`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// A new id, sortable by time.
    #[must_use]
    pub fn fresh() -> Self {
        let mut buffer = Uuid::encode_buffer();
        let text = Uuid::now_v7().hyphenated().encode_lower(&mut buffer);
        Self(HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("-")))
    }

    /// The id that the caller sent, if it keeps the rule; else a fresh one.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        headers.get(&HEADER).filter(|value| is_id(value.as_bytes())).cloned().map_or_else(Self::fresh, Self)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or("-")
    }

    /// The id as a header's value.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

fn is_id(bytes: &[u8]) -> bool {
    (1..=64).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_what_keeps_the_rule() {
        let id = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, HeaderValue::from_static(text));
            RequestId::of(&headers).to_string()
        };
        assert_eq!(id("abc-1.2_Z"), "abc-1.2_Z");
        assert_ne!(id("with space"), "with space");
        assert_eq!(id("").len(), 36);
        assert_eq!(RequestId::of(&HeaderMap::new()).as_str().len(), 36);
    }
}
