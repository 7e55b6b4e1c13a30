//! `/api/admin/service-keys/`: keys by which a host application's servers speak for all its people.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::{NewServiceKey, Scope, ServiceKey};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::{Body, May, Path, Source, to};
use crate::http::time::Timestamp;
use crate::http::uncut::uncut;
use crate::http::words::Words;
use crate::presence::Org;

/// The longest life of a key, in ms: ten years.
const LONGEST: i64 = 3_653 * 86_400_000;

/// A new key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceKeyBody {
    /// For people to know it by; 1-100 characters.
    #[schema(value_type = String, min_length = 1, max_length = 100, example = "shop backend")]
    name: Words<100>,
    /// `activity:write`, `presence:read`, `stats:read`, `grants`; at least one.
    #[schema(value_type = Vec<String>, min_items = 1)]
    scopes: Vec<Scope>,
    /// It speaks of people of this organisation only.
    #[schema(value_type = Option<String>)]
    org: Option<Org>,
    /// How long it is good, in ms; until it is taken back if absent.
    #[schema(minimum = 1)]
    expires_in_ms: Option<i64>,
}

impl ServiceKeyBody {
    fn checked(self) -> Result<NewServiceKey, ApiError> {
        let mut scopes = self.scopes;
        scopes.sort_unstable();
        scopes.dedup();
        if scopes.is_empty() {
            return Err(ApiError::invalid("/scopes", "expected at least one scope"));
        }
        let name = self.name.into_text();
        if name.is_empty() {
            return Err(ApiError::invalid("/name", "expected 1 to 100 characters"));
        }
        let life = match self.expires_in_ms {
            None => None,
            Some(ms) => match u64::try_from(ms) {
                Ok(span @ 1..) if ms <= LONGEST => Some(Duration::from_millis(span)),
                _ => return Err(ApiError::invalid("/expires_in_ms", format!("expected 1 to {LONGEST}"))),
            },
        };
        Ok(NewServiceKey { name, scopes, org: self.org, life })
    }
}

/// A key without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceKeyRow {
    #[schema(example = "k3v1x9q2a7b4")]
    id: String,
    name: String,
    #[schema(value_type = Vec<String>)]
    scopes: Vec<Scope>,
    /// Of whom it speaks; `null`: of all.
    #[schema(value_type = Option<String>)]
    org: Option<Org>,
    /// The user id of who had it made.
    created_by: Option<String>,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    /// When it was taken back.
    revoked_at: Option<Timestamp>,
    /// To the minute.
    last_used_at: Option<Timestamp>,
}

impl From<ServiceKey> for ServiceKeyRow {
    fn from(key: ServiceKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            scopes: key.scopes,
            org: key.org,
            created_by: key.created_by,
            created_at: key.created_at.into(),
            expires_at: key.expires_at.map(Timestamp::from),
            revoked_at: key.revoked_at.map(Timestamp::from),
            last_used_at: key.last_used_at.map(Timestamp::from),
        }
    }
}

/// A key just made.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceKeyMade {
    #[serde(flatten)]
    row: ServiceKeyRow,
    /// The key itself, `rc_sk_<id>_<secret>`. Shown now and never again.
    key: String,
}

/// All keys.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceKeys {
    /// Newest first.
    results: Vec<ServiceKeyRow>,
    /// Always `null`: there is one page.
    next_cursor: Option<String>,
}

/// Makes a service key
///
/// The key is in this answer and nowhere else. It is good at once at this node, and within a second at every other.
#[utoipa::path(post, path = "/api/admin/service-keys/", tag = "administration",
    request_body = ServiceKeyBody, responses((status = 201, body = ServiceKeyMade)))]
pub async fn create(
    State(app): State<App>,
    May(claims, ..): May<to::ManageServiceKeys>,
    source: Source,
    Body(body): Body<ServiceKeyBody>,
) -> Result<(StatusCode, Json<ServiceKeyMade>), ApiError> {
    let new = body.checked()?;
    let (key, text) = app.accounts.create_service_key(&new, &source.of(&claims)).await?;
    if let Err(error) = app.service_keys.read().await {
        tracing::warn!(%error, "a new key is good within seconds, not at once");
    }
    Ok((StatusCode::CREATED, Json(ServiceKeyMade { row: key.into(), key: text.expose_secret().to_owned() })))
}

/// Lists all service keys, without their secrets
#[utoipa::path(get, path = "/api/admin/service-keys/", tag = "administration",
    responses((status = 200, body = ServiceKeys)))]
pub async fn list(
    State(app): State<App>,
    _: May<to::ManageServiceKeys>,
) -> Result<Json<ServiceKeys>, ApiError> {
    let keys = app.accounts.service_keys().await?;
    Ok(Json(ServiceKeys { results: keys.into_iter().map(ServiceKeyRow::from).collect(), next_cursor: None }))
}

/// Takes a service key back
///
/// It is refused at once by this node, and within five seconds by every other.
#[utoipa::path(delete, path = "/api/admin/service-keys/{id}/", tag = "administration",
    params(("id" = String, Path, description = "the key's id")), responses((status = 200, body = ServiceKeyRow)))]
pub async fn revoke(
    State(app): State<App>,
    May(claims, ..): May<to::ManageServiceKeys>,
    Path(id): Path<String>,
    source: Source,
) -> Result<Json<ServiceKeyRow>, ApiError> {
    let origin = source.of(&claims);
    uncut(async move {
        let revoked = app.accounts.revoke_service_key(&id, &origin).await;
        let key = revoked.map_err(|error| match error {
            crate::accounts::AccountError::NotFound => ApiError::NotFound("Service key"),
            other => other.into(),
        })?;
        if let Err(error) = app.service_keys.read().await {
            tracing::warn!(%error, "a key that was taken back is refused within seconds, not at once");
        }
        Ok(Json(key.into()))
    })
    .await
}
