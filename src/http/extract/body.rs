//! JSON bodies.

use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use super::refused;
use crate::http::error::ApiError;

/// The request's body, read as JSON whatever its content type says: a page's last beacon can only send
/// `text/plain`. An empty body is `{}`. `T` should deny unknown fields.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state).await.map_err(|error| unreadable(&error))?;
        let text = bytes.trim_ascii();
        let text = if text.is_empty() { b"{}" } else { text };
        // serde would also read a struct from an array of its fields.
        if text.first() != Some(&b'{') {
            return Err(ApiError::invalid("", "the body is not a JSON object"));
        }
        let mut json = serde_json::Deserializer::from_slice(text);
        let value = serde_path_to_error::deserialize(&mut json)
            .map_err(|error| refused(pointer(error.path()), &error.inner().to_string()))?;
        json.end().map_err(|_| ApiError::invalid("", "there is something after the JSON value"))?;
        Ok(Self(value))
    }
}

fn unreadable(error: &BytesRejection) -> ApiError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        ApiError::TooLarge
    } else {
        ApiError::invalid("", "the body ended before it was whole")
    }
}

/// The JSON pointer (RFC 6901) of a path.
fn pointer(path: &Path) -> String {
    use std::fmt::Write;
    let mut pointer = String::new();
    for segment in path {
        // Writing to a string cannot fail.
        let _ = match segment {
            Segment::Seq { index } => write!(pointer, "/{index}"),
            Segment::Map { key } => write!(pointer, "/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => write!(pointer, "/{variant}"),
            Segment::Unknown => Ok(()),
        };
    }
    pointer
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Sample {
        count: u8,
        users: Vec<u8>,
    }

    async fn read(text: &'static str) -> Result<Sample, ApiError> {
        let request = Request::new(axum::body::Body::from(text));
        Body::from_request(request, &()).await.map(|Body(value)| value)
    }

    #[tokio::test]
    async fn empty_is_an_empty_object() {
        assert_eq!(read("").await.unwrap(), Sample::default());
        assert_eq!(read("{}").await.unwrap(), Sample::default());
    }

    #[tokio::test]
    async fn errors_name_their_place() {
        let at = |error: &ApiError| (error.code(), error.field().unwrap().pointer.clone());
        let error = read(r#"{"users":[1,2,"x"]}"#).await.unwrap_err();
        assert_eq!(at(&error), ("invalid_value", "/users/2".to_owned()));
        assert!(!error.to_string().contains("line"));
        let error = read(r#"{"colour":1}"#).await.unwrap_err();
        assert_eq!(at(&error), ("unknown_field", "/colour".to_owned()));
        for broken in ["{", "[]", "null", "{} {}", "1", "{\"count\":300}"] {
            assert_eq!(read(broken).await.unwrap_err().code(), "invalid_value", "{broken}");
        }
    }
}
