//! `/api/admin/webhooks/`: the servers that are told of changes of presence. docs/webhooks.md is written for them.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::accounts::{AccountError, Registration, Webhook};
use crate::app::App;
use crate::auth::SigningSecret;
use crate::http::error::ApiError;
use crate::http::extract::{Body, May, Path, Source, to};
use crate::http::time::Timestamp;
use crate::http::words::{Words, given};
use crate::presence::{ChangeKind, Org};

/// Bounds of `debounce_ms`.
const DEBOUNCE: std::ops::RangeInclusive<i32> = 3_000..=600_000;
/// The longest time for which two secrets sign, in ms: a week.
const LONGEST_OVERLAP: u64 = 7 * 86_400_000;
/// The time for which two secrets sign, in ms, unless asked otherwise: a day.
const OVERLAP: u64 = 86_400_000;

/// A server to tell.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookBody {
    /// For people to know it by; 1-100 characters.
    #[schema(value_type = String, min_length = 1, max_length = 100, example = "shop backend")]
    name: Words<100>,
    /// Where to: `https://`, without a user name or password.
    #[schema(max_length = 2000, example = "https://hooks.example.com/rollcall")]
    url: String,
    /// People of this organisation only; of all if absent.
    #[schema(value_type = Option<String>)]
    org: Option<Org>,
    /// `online`, `offline`, `status`; all if absent.
    #[schema(value_type = Option<Vec<String>>, min_items = 1)]
    events: Option<Vec<ChangeKind>>,
    /// Changes that are undone within so many ms are not told; all are if absent.
    #[schema(minimum = 3000, maximum = 600_000)]
    debounce_ms: Option<i32>,
}

/// What is to be changed; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookChange {
    /// 1-100 characters.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    name: Option<Words<100>>,
    /// As when it was made.
    #[schema(max_length = 2000)]
    url: Option<String>,
    /// `null`: people of all.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    org: Option<Option<Org>>,
    /// At least one.
    #[schema(value_type = Option<Vec<String>>, min_items = 1)]
    events: Option<Vec<ChangeKind>>,
    /// `null`: all changes are told.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i32>, minimum = 3000, maximum = 600_000)]
    debounce_ms: Option<Option<i32>>,
    /// `false`: nothing is told. Once `true` again, what happens from then on, and what waited before.
    enabled: Option<bool>,
}

/// For how long the secret before still signs.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateBody {
    /// In ms; a day if absent, a week at most.
    #[schema(minimum = 0, maximum = 604_800_000)]
    overlap_ms: Option<u64>,
}

/// A webhook without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookRow {
    id: Uuid,
    name: String,
    url: String,
    /// `null`: of all.
    #[schema(value_type = Option<String>)]
    org: Option<Org>,
    #[schema(value_type = Vec<String>)]
    events: Vec<ChangeKind>,
    debounce_ms: Option<i32>,
    enabled: bool,
    /// The user id of who had it made.
    created_by: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// Until when the secret before this one signs, too.
    previous_secret_until: Option<Timestamp>,
    /// Attempts that failed since one was taken.
    failures: i32,
    /// What was wrong with the last of them.
    problem: Option<String>,
    last_success_at: Option<Timestamp>,
    last_failure_at: Option<Timestamp>,
    /// After failures: when the next attempt is due.
    next_attempt_at: Option<Timestamp>,
}

impl From<Webhook> for WebhookRow {
    fn from(webhook: Webhook) -> Self {
        let Registration { name, url, org, events, debounce_ms, is_enabled } = webhook.said;
        Self {
            id: webhook.id,
            name,
            url,
            org,
            events,
            debounce_ms,
            enabled: is_enabled,
            created_by: webhook.created_by,
            created_at: webhook.created_at.into(),
            updated_at: webhook.updated_at.into(),
            previous_secret_until: webhook.previous_until.map(Timestamp::from),
            failures: webhook.failures,
            problem: webhook.problem,
            last_success_at: webhook.succeeded_at.map(Timestamp::from),
            last_failure_at: webhook.failed_at.map(Timestamp::from),
            next_attempt_at: Some(webhook.retry_at).filter(|_| webhook.failures > 0).map(Timestamp::from),
        }
    }
}

/// A webhook whose secret was just made.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookMade {
    #[serde(flatten)]
    row: WebhookRow,
    /// What deliveries are signed with. Shown now and never again.
    secret: String,
}

/// All webhooks.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhooksPage {
    /// Newest first.
    results: Vec<WebhookRow>,
    /// Always `null`: there is one page.
    next_cursor: Option<String>,
}

/// Names a webhook that is not there.
pub(super) fn of_webhook(error: AccountError) -> ApiError {
    match error {
        AccountError::NotFound => ApiError::NotFound("Webhook"),
        other => other.into(),
    }
}

fn name(name: Words<100>) -> Result<String, ApiError> {
    let name = name.into_text();
    if name.is_empty() { Err(ApiError::invalid("/name", "expected 1 to 100 characters")) } else { Ok(name) }
}

fn url(app: &App, url: &str) -> Result<String, ApiError> {
    let address = app.courier.address(url).map_err(|error| ApiError::invalid("/url", error.to_string()))?;
    Ok(address.as_str().to_owned())
}

fn events(mut events: Vec<ChangeKind>) -> Result<Vec<ChangeKind>, ApiError> {
    events.sort_unstable();
    events.dedup();
    if events.is_empty() { Err(ApiError::invalid("/events", "expected at least one")) } else { Ok(events) }
}

fn debounce(ms: Option<i32>) -> Result<Option<i32>, ApiError> {
    if ms.is_none_or(|ms| DEBOUNCE.contains(&ms)) {
        return Ok(ms);
    }
    Err(ApiError::invalid("/debounce_ms", format!("expected {} to {}", DEBOUNCE.start(), DEBOUNCE.end())))
}

/// Makes a webhook
///
/// It is told what happens from now on. The secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/api/admin/webhooks/", tag = "administration",
    request_body = WebhookBody, responses((status = 201, body = WebhookMade)))]
pub async fn create(
    State(app): State<App>,
    May(claims, ..): May<to::ManageWebhooks>,
    source: Source,
    Body(body): Body<WebhookBody>,
) -> Result<(StatusCode, Json<WebhookMade>), ApiError> {
    let new = Registration {
        name: name(body.name)?,
        url: url(&app, &body.url)?,
        org: body.org,
        events: events(body.events.unwrap_or_else(|| ChangeKind::ALL.to_vec()))?,
        debounce_ms: debounce(body.debounce_ms)?,
        is_enabled: true,
    };
    let (id, secret) = (Uuid::now_v7(), SigningSecret::random());
    let origin = source.of(&claims);
    let made = app.accounts.create_webhook(id, &new, &secret.sealed(&app.vault, id), &origin).await?;
    let secret = secret.text().expose_secret().to_owned();
    Ok((StatusCode::CREATED, Json(WebhookMade { row: made.into(), secret })))
}

/// Lists all webhooks, without their secrets
#[utoipa::path(get, path = "/api/admin/webhooks/", tag = "administration",
    responses((status = 200, body = WebhooksPage)))]
pub async fn list(
    State(app): State<App>,
    _: May<to::ManageWebhooks>,
) -> Result<Json<WebhooksPage>, ApiError> {
    let webhooks = app.accounts.webhooks().await?;
    let results = webhooks.into_iter().map(WebhookRow::from).collect();
    Ok(Json(WebhooksPage { results, next_cursor: None }))
}

/// Shows a webhook, without its secret
#[utoipa::path(get, path = "/api/admin/webhooks/{id}/", tag = "administration",
    params(("id" = Uuid, Path, description = "the webhook's id")), responses((status = 200, body = WebhookRow)))]
pub async fn show(
    State(app): State<App>,
    _: May<to::ManageWebhooks>,
    Path(id): Path<Uuid>,
) -> Result<Json<WebhookRow>, ApiError> {
    Ok(Json(app.accounts.webhook(id).await.map_err(of_webhook)?.into()))
}

/// Changes a webhook
///
/// What was made for it before is sent as it was made, to the address that it then has.
#[utoipa::path(patch, path = "/api/admin/webhooks/{id}/", tag = "administration",
    params(("id" = Uuid, Path, description = "the webhook's id")),
    request_body = Option<WebhookChange>, responses((status = 200, body = WebhookRow)))]
pub async fn change(
    State(app): State<App>,
    May(claims, ..): May<to::ManageWebhooks>,
    Path(id): Path<Uuid>,
    source: Source,
    Body(body): Body<WebhookChange>,
) -> Result<Json<WebhookRow>, ApiError> {
    let new_name = body.name.map(name).transpose()?;
    let new_url = body.url.map(|text| url(&app, &text)).transpose()?;
    let new_events = body.events.map(events).transpose()?;
    let new_debounce = body.debounce_ms.map(debounce).transpose()?;
    let change = move |said: &mut Registration| {
        said.name = new_name.unwrap_or_else(|| std::mem::take(&mut said.name));
        said.url = new_url.unwrap_or_else(|| std::mem::take(&mut said.url));
        said.org = body.org.unwrap_or_else(|| said.org.take());
        said.events = new_events.unwrap_or_else(|| std::mem::take(&mut said.events));
        said.debounce_ms = new_debounce.unwrap_or(said.debounce_ms);
        said.is_enabled = body.enabled.unwrap_or(said.is_enabled);
    };
    let changed = app.accounts.change_webhook(id, change, &source.of(&claims)).await;
    Ok(Json(changed.map_err(of_webhook)?.into()))
}

/// Deletes a webhook, with what waits for it and its dead letters
#[utoipa::path(delete, path = "/api/admin/webhooks/{id}/", tag = "administration",
    params(("id" = Uuid, Path, description = "the webhook's id")), responses((status = 204, description = "it is gone")))]
pub async fn delete(
    State(app): State<App>,
    May(claims, ..): May<to::ManageWebhooks>,
    Path(id): Path<Uuid>,
    source: Source,
) -> Result<StatusCode, ApiError> {
    app.accounts.delete_webhook(id, &source.of(&claims)).await.map_err(of_webhook)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a webhook a new secret
///
/// The one before signs beside it for a while. The new one is in this answer and nowhere else.
#[utoipa::path(post, path = "/api/admin/webhooks/{id}/rotate-secret/", tag = "administration",
    params(("id" = Uuid, Path, description = "the webhook's id")),
    request_body = Option<RotateBody>, responses((status = 200, body = WebhookMade)))]
pub async fn rotate(
    State(app): State<App>,
    May(claims, ..): May<to::ManageWebhooks>,
    Path(id): Path<Uuid>,
    source: Source,
    Body(body): Body<RotateBody>,
) -> Result<Json<WebhookMade>, ApiError> {
    let overlap = body.overlap_ms.unwrap_or(OVERLAP);
    if overlap > LONGEST_OVERLAP {
        return Err(ApiError::invalid("/overlap_ms", format!("expected 0 to {LONGEST_OVERLAP}")));
    }
    let secret = SigningSecret::random();
    let sealed = secret.sealed(&app.vault, id);
    let overlap = Duration::from_millis(overlap);
    let rotated = app.accounts.rotate_webhook_secret(id, &sealed, overlap, &source.of(&claims)).await;
    let row = rotated.map_err(of_webhook)?.into();
    Ok(Json(WebhookMade { row, secret: secret.text().expose_secret().to_owned() }))
}
