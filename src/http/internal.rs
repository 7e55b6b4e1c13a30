//! The internal listener: what the people who run the service look at. On an address of its own, so that nobody
//! outside can reach it by accident.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio::sync::Mutex;

use super::fallback::{not_allowed, not_found};
use super::health::Health;
use crate::app::App;
use crate::config::Cidrs;

/// How long an answer about the stores is good: probes of many balancers must not become a load.
const FRESH: Duration = Duration::from_secs(1);
/// The exposition format of Prometheus.
const EXPOSITION: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// What the handlers share.
#[derive(Clone)]
struct Internal {
    app: App,
    /// The last answer of the stores. The lock is held while they are asked, so that they are asked once.
    last: Arc<Mutex<Option<(Instant, Health)>>>,
}

/// The router of the internal listener.
pub(super) fn router(app: App) -> Router {
    Router::new()
        .route("/metrics", get(exposition))
        .route("/livez", get(alive))
        .route("/readyz", get(ready))
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn(super::problem::write_problems))
        .layer(from_fn_with_state(Cidrs::default(), super::secure::secure))
        .with_state(Internal { app, last: Arc::default() })
}

async fn exposition(State(internal): State<Internal>) -> Response {
    ([(header::CONTENT_TYPE, EXPOSITION)], internal.app.metrics.render()).into_response()
}

/// The process runs; it does not matter what it depends on, because a restart would not mend that.
async fn alive() -> Json<Health> {
    Json(Health { status: "ok", checks: BTreeMap::new() })
}

/// Whether clients should be sent here. Without Postgres presence works, so that is only degraded; so it is while a part
/// of a cluster of Redis is down, which every other node lacks as well.
async fn ready(State(internal): State<Internal>) -> Response {
    let mut health = internal.health().await;
    if internal.app.is_draining() {
        health.status = "draining";
    }
    let status = match health.status {
        "ok" | "degraded" => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(health)).into_response()
}

impl Internal {
    async fn health(&self) -> Health {
        let mut last = self.last.lock().await;
        if let Some((at, health)) = last.as_ref()
            && at.elapsed() < FRESH
        {
            return health.clone();
        }
        let health = Health::of(&self.app).await;
        *last = Some((Instant::now(), health.clone()));
        health
    }
}
