//! `/api/presence/figures/sessions/`: how long people stayed.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{failure, span};
use crate::app::App;
use crate::audit::Bucket;
use crate::http::error::ApiError;
use crate::http::extract::{May, Query, to};
use crate::http::time::{Timestamp, moment};
use crate::presence::{Millis, Org};

/// The span, if nothing is said of it.
const DAYS: i64 = 30;

/// Which span.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SessionsQuery {
    /// From this moment on (RFC 3339); 30 days before `to` if absent.
    #[serde(default, deserialize_with = "moment")]
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Millis>,
    /// Before this moment (RFC 3339); now if absent, and never later.
    #[serde(default, deserialize_with = "moment")]
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Millis>,
    /// In this organisation; in all if absent.
    #[param(value_type = Option<String>)]
    org: Option<Org>,
}

/// How many stayed for so long.
#[derive(Debug, Serialize, ToSchema)]
pub struct LengthBucket {
    /// At least so long.
    from_ms: u64,
    /// Shorter than this; `null`: any length.
    to_ms: Option<u64>,
    count: u64,
}

/// How long people stayed whose stay ended in a span.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionsAnswer {
    /// Later than asked for if the history begins later.
    from: Timestamp,
    to: Timestamp,
    /// How many stays ended in the span.
    count: u64,
    /// Within 0.8 %; `null` if none ended.
    median_ms: Option<u64>,
    /// Within 0.8 %; `null` if none ended.
    p90_ms: Option<u64>,
    /// Within 0.8 %; `null` if none ended.
    p99_ms: Option<u64>,
    /// `null` if none ended.
    mean_ms: Option<f64>,
    /// `null` if none ended.
    longest_ms: Option<u64>,
    /// Exact; the shortest first.
    buckets: Vec<LengthBucket>,
}

/// Answers how long people stayed online
///
/// A stay is an unbroken stretch of being shown as present; it counts where it ended.
#[utoipa::path(get, path = "/api/presence/figures/sessions/", tag = "presence", params(SessionsQuery),
    responses((status = 200, body = SessionsAnswer)))]
pub async fn sessions(
    State(app): State<App>,
    May(..): May<to::ViewHistory>,
    Query(query): Query<SessionsQuery>,
) -> Result<Json<SessionsAnswer>, ApiError> {
    let span = span(&app, query.from, query.to, query.org, DAYS).await?;
    let told = app.audit.session_lengths(&span).await.map_err(failure)?;
    Ok(Json(SessionsAnswer {
        from: told.from.into(),
        to: told.to.into(),
        count: told.count,
        median_ms: told.median_ms,
        p90_ms: told.p90_ms,
        p99_ms: told.p99_ms,
        mean_ms: told.mean_ms,
        longest_ms: told.longest_ms,
        buckets: told.buckets.into_iter().map(LengthBucket::from).collect(),
    }))
}

impl From<Bucket> for LengthBucket {
    fn from(bucket: Bucket) -> Self {
        Self { from_ms: bucket.from_ms, to_ms: bucket.to_ms, count: bucket.count }
    }
}
