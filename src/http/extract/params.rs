//! Query strings and path parameters.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::Uri;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::refused;
use crate::http::error::ApiError;

/// The query string. A parameter without a value is as good as absent: existing clients send `?status=&page=`.
/// `T` should deny unknown fields.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let given =
            query.split('&').filter(|pair| pair.split_once('=').is_some_and(|(_, value)| !value.is_empty()));
        let uri = format!("/?{}", given.collect::<Vec<_>>().join("&"));
        let uri = Uri::try_from(uri).map_err(|_| ApiError::invalid("", "the query string is not valid"))?;
        match axum::extract::Query::try_from_uri(&uri) {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => {
                let text =
                    std::error::Error::source(&rejection).map_or_else(String::new, ToString::to_string);
                let (name, message) = text.split_once(": ").unwrap_or(("", &text));
                Err(refused(name.to_owned(), message))
            }
        }
    }
}

/// The one parameter of a path (`.../{id}/`), parsed by its type's own rule.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T> FromRequestParts<S> for Path<T>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::invalid("", "the path is not valid UTF-8"))?;
        let (name, text) =
            params.iter().next().ok_or_else(|| ApiError::internal("the route has no parameter"))?;
        text.parse().map(Self).map_err(|error: T::Err| ApiError::invalid(name, error.to_string()))
    }
}

/// The two parameters of a path (`.../{id}/sessions/{session}/`), in their order.
#[derive(Debug)]
pub struct PathPair<A, B>(pub A, pub B);

impl<S: Send + Sync, A, B> FromRequestParts<S> for PathPair<A, B>
where
    A: std::str::FromStr<Err: std::fmt::Display>,
    B: std::str::FromStr<Err: std::fmt::Display>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::invalid("", "the path is not valid UTF-8"))?;
        let mut params = params.iter();
        let (Some(first), Some(second)) = (params.next(), params.next()) else {
            return Err(ApiError::internal("the route has not two parameters"));
        };
        let wrong = |name: &str, error: &dyn std::fmt::Display| ApiError::invalid(name, error.to_string());
        Ok(Self(
            first.1.parse().map_err(|error| wrong(first.0, &error))?,
            second.1.parse().map_err(|error| wrong(second.0, &error))?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        page: Option<u32>,
        search: Option<String>,
    }

    async fn read(uri: &str) -> Result<Sample, ApiError> {
        let (mut parts, ()) = Request::builder().uri(uri).body(()).unwrap().into_parts();
        Query::from_request_parts(&mut parts, &()).await.map(|Query(value)| value)
    }

    #[tokio::test]
    async fn empty_parameters_are_absent() {
        let read = read("/?search=&page=2&").await.unwrap();
        assert_eq!(read, Sample { page: Some(2), search: None });
    }

    #[tokio::test]
    async fn errors_name_the_parameter() {
        let error = read("/?page=x").await.unwrap_err();
        assert_eq!((error.code(), error.field().unwrap().pointer.as_str()), ("invalid_value", "page"));
        assert_eq!(read("/?colour=1").await.unwrap_err().code(), "unknown_field");
    }
}
