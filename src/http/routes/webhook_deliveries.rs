//! `/api/admin/webhooks/{id}/`: a trial, what was delivered and what was not, and dead letters sent again.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::webhooks::of_webhook;
use crate::accounts::{AccountError, DeliveryState, WebhookDelivery};
use crate::app::App;
use crate::audit::PATIENCE;
use crate::auth::{SigningSecret, signature};
use crate::courier::{Answer, Event, Letter};
use crate::http::error::ApiError;
use crate::http::extract::{May, Path, PathPair, Query, Source, to};
use crate::http::pages::{cursor, limit};
use crate::http::time::Timestamp;

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveriesQuery {
    /// `pending`, `delivered` (for a day), `dead` (for 30 days); all if absent.
    state: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// At most 1000; 100 if absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// A delivery, without what it says.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryRow {
    id: Uuid,
    /// `pending`, `delivered`, `dead`.
    state: &'static str,
    /// How many events it was made of.
    events: i32,
    attempts: i32,
    created_at: Timestamp,
    last_attempt_at: Option<Timestamp>,
    /// When it was taken, or given up.
    ended_at: Option<Timestamp>,
    /// What the receiver answered last.
    answer: Option<i16>,
    /// What was wrong the last time.
    problem: Option<String>,
}

/// A page of deliveries.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveriesPage {
    /// Newest first.
    results: Vec<DeliveryRow>,
    /// Where the next page begins; `null` after the last.
    next_cursor: Option<String>,
}

impl From<WebhookDelivery> for DeliveryRow {
    fn from(delivery: WebhookDelivery) -> Self {
        Self {
            id: delivery.id,
            state: delivery.state.as_str(),
            events: delivery.size,
            attempts: delivery.attempts,
            created_at: delivery.created_at.into(),
            last_attempt_at: delivery.tried_at.map(Timestamp::from),
            ended_at: delivery.ended_at.map(Timestamp::from),
            answer: delivery.answer,
            problem: delivery.problem,
        }
    }
}

/// What came back for a trial.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tried {
    /// Whether the receiver took it (any 2xx).
    delivered: bool,
    /// The status of its answer, if there was one.
    status: Option<u16>,
    /// Why there was none, or what is wrong with it.
    problem: Option<String>,
    /// The beginning of its answer's body.
    answer: String,
    /// How long it took, in ms.
    took_ms: u64,
}

/// Sends a webhook a `ping` event, once, and answers what came back
///
/// Also if it is switched off.
#[utoipa::path(post, path = "/api/admin/webhooks/{id}/test/", tag = "administration",
    params(("id" = Uuid, Path, description = "the webhook's id")), responses((status = 200, body = Tried)))]
pub async fn test(
    State(app): State<App>,
    May(claims, ..): May<to::ManageWebhooks>,
    Path(id): Path<Uuid>,
    source: Source,
) -> Result<Json<Tried>, ApiError> {
    let webhook = app.accounts.test_webhook(id, &source.of(&claims)).await.map_err(of_webhook)?;
    let sealed = app.accounts.webhook_secrets(id).await.map_err(of_webhook)?;
    let opened = sealed.iter().map(|sealed| SigningSecret::open(&app.vault, id, sealed));
    let answer = match opened.map(|opened| opened.map(|(secret, _)| secret)).collect::<Option<Vec<_>>>() {
        Some(secrets) => ping(&app, id, &webhook.said.url, &secrets).await,
        None => Answer::unsent("the secret does not open: rotate it".to_owned()),
    };
    Ok(Json(Tried {
        delivered: answer.is_good(),
        status: answer.status,
        problem: answer.problem,
        answer: answer.text,
        took_ms: u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX),
    }))
}

async fn ping(app: &App, webhook: Uuid, url: &str, secrets: &[SigningSecret]) -> Answer {
    let address = match app.courier.address(url) {
        Ok(address) => address,
        Err(error) => return Answer::unsent(error.to_string()),
    };
    let (id, now) = (Uuid::now_v7(), time::OffsetDateTime::now_utc());
    let sent_at = Timestamp::from(now);
    let letter = Letter { id, webhook, attempt: 1, sent_at, events: &[Event::ping(id, sent_at)] };
    app.courier.deliver(&address, &letter, |body| signature(secrets, now.unix_timestamp(), body)).await
}

/// Lists a webhook's deliveries, newest first, without what they say
#[utoipa::path(get, path = "/api/admin/webhooks/{id}/deliveries/", tag = "administration",
    params(("id" = Uuid, Path, description = "the webhook's id"), DeliveriesQuery),
    responses((status = 200, body = DeliveriesPage)))]
pub async fn list(
    State(app): State<App>,
    _: May<to::ManageWebhooks>,
    Path(id): Path<Uuid>,
    Query(query): Query<DeliveriesQuery>,
) -> Result<Json<DeliveriesPage>, ApiError> {
    let (limit, before) = (limit(query.limit)?, cursor::<i64>(query.cursor.as_deref())?);
    let state = query.state.map(|word| word.parse::<DeliveryState>()).transpose();
    let state = state.map_err(|error| ApiError::invalid("state", error.to_string()))?;
    // One more than asked for tells whether another page follows.
    let found = app.accounts.webhook_deliveries(id, state, before, limit + 1).await;
    let mut found = found.map_err(of_webhook)?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next_cursor = found.last().filter(|_| more).map(|delivery| delivery.place.to_string());
    Ok(Json(DeliveriesPage { results: found.into_iter().map(DeliveryRow::from).collect(), next_cursor }))
}

/// Sends a dead letter again, after what waits
#[utoipa::path(post, path = "/api/admin/webhooks/{id}/deliveries/{delivery}/redeliver/",
    tag = "administration", params(("id" = Uuid, Path, description = "the webhook's id"),
        ("delivery" = Uuid, Path, description = "the delivery's id")),
    responses((status = 200, body = DeliveryRow)))]
pub async fn redeliver(
    State(app): State<App>,
    May(claims, ..): May<to::ManageWebhooks>,
    PathPair(id, delivery): PathPair<Uuid, Uuid>,
    source: Source,
) -> Result<Json<DeliveryRow>, ApiError> {
    let again = app.accounts.redeliver_webhook(id, delivery, PATIENCE, &source.of(&claims)).await;
    let again = again.map_err(|error| match error {
        AccountError::NotFound => ApiError::NotFound("Delivery"),
        other => other.into(),
    })?;
    Ok(Json(again.into()))
}
