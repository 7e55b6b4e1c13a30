//! The one shape of every error answer: `application/problem+json` (RFC 9457), plus `error`, which clients
//! that exist already read and which says the same as `detail`.

use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::error::{ApiError, FieldError};
use super::limits;
use super::request_id::RequestId;

/// An error answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// A name of the kind of error: `urn:rollcall:problem:<code>`.
    #[serde(rename = "type")]
    #[schema(example = "urn:rollcall:problem:invalid_value")]
    kind: String,
    /// The HTTP status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What went wrong, for people.
    detail: String,
    /// The same as `detail`.
    error: String,
    /// What went wrong, for programs.
    code: &'static str,
    /// The id under which the service's log knows the request.
    request_id: String,
    /// The fields at fault.
    errors: Vec<ProblemField>,
}

/// What is wrong with one field.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemField {
    /// A JSON pointer into the body, or the name of a query or path parameter.
    pointer: String,
    /// What is wrong with it.
    detail: String,
}

impl From<&FieldError> for ProblemField {
    fn from(field: &FieldError) -> Self {
        Self { pointer: field.pointer.clone(), detail: field.detail.clone() }
    }
}

impl Problem {
    fn new(error: &ApiError, request_id: &RequestId) -> Self {
        let detail = error.to_string();
        Self {
            kind: format!("urn:rollcall:problem:{}", error.code()),
            title: error.status().canonical_reason().unwrap_or("Error"),
            status: error.status().as_u16(),
            error: detail.clone(),
            detail,
            code: error.code(),
            request_id: request_id.to_string(),
            errors: error.fields().iter().map(ProblemField::from).collect(),
        }
    }
}

/// Middleware: gives every error answer its body, whoever made it, and logs the cause of a defect once.
pub(super) async fn write_problems(request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().cloned().unwrap_or_else(RequestId::fresh);
    let mut response = next.run(request).await;
    let error = match response.extensions_mut().remove::<ApiError>() {
        Some(error) => error,
        None if is_bare_error(&response) => ApiError::of_status(response.status()),
        None => return response,
    };
    if let ApiError::Internal(cause) = &error {
        tracing::error!(request_id = %id, %cause, "a request failed for a defect");
    }
    let mut answer = (error.status(), axum::Json(Problem::new(&error, &id))).into_response();
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(seconds) = error.retry_after() {
        answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    for name in [header::ALLOW, header::WWW_AUTHENTICATE, limits::LEFT, limits::POLICY] {
        if let Some(value) = response.headers_mut().remove(&name) {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

/// An error status that no handler of ours has given a JSON body (probes answer 503 with their own).
fn is_bare_error(response: &Response) -> bool {
    let status = response.status();
    let json = response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value == "application/json");
    (status.is_client_error() || status.is_server_error()) && !json
}
