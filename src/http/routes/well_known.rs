//! `/.well-known/`: what other services read to know whom they deal with.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use serde_json::Value;

use crate::app::App;

/// Other services may keep the set for so long; the previous key verifies for as long as it is configured.
const KEEP: (HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));

/// Answers the public keys of access tokens
///
/// A JSON Web Key Set (RFC 7517); empty where a secret signs.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "auth", security(()),
    responses((status = 200, body = Object)))]
pub async fn jwks(State(app): State<App>) -> ([(HeaderName, HeaderValue); 1], Json<Value>) {
    ([KEEP], Json(app.tokens.published()))
}
