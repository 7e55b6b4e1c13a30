//! `/api/presence/transitions/`: every change of status there was, by page and as a file.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::audit::{Audit, AuditError, Cursor, Filter, Sight, Transition};
use crate::http::error::ApiError;
use crate::http::extract::{May, Query, Source, to};
use crate::http::failures::Asked;
use crate::http::file::{Page, Pages};
use crate::http::pages::{cursor, limit};
use crate::http::sight::{self, sight};
use crate::http::time::{Timestamp, moment};
use crate::http::words::Why;
use crate::presence::{Device, Millis, Org, Reason, SessionId, Status, UserId};

/// Which transitions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TransitionsQuery {
    /// Of this user.
    #[param(value_type = Option<String>)]
    user: Option<UserId>,
    /// That this session caused; with `user` only.
    #[param(value_type = Option<String>)]
    session: Option<SessionId>,
    /// In this organisation.
    #[param(value_type = Option<String>)]
    org: Option<Org>,
    /// For this reason.
    #[param(value_type = Option<String>)]
    reason: Option<Reason>,
    /// From this status.
    #[param(value_type = Option<String>)]
    from: Option<Status>,
    /// To this status.
    #[param(value_type = Option<String>)]
    to: Option<Status>,
    /// At this moment or later (RFC 3339).
    #[serde(default, deserialize_with = "moment")]
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Millis>,
    /// Before this moment (RFC 3339).
    #[serde(default, deserialize_with = "moment")]
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Millis>,
    /// Tells what the invisible did, too, and leaves an action with this reason (at most 500 characters). Without it
    /// changes are told as others saw them.
    #[param(value_type = Option<String>)]
    why: Option<Why>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// At most 1000; 100 if absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// One change of status.
#[derive(Debug, Serialize, ToSchema)]
pub struct TransitionRow {
    /// Who; `null` if the person was erased.
    #[schema(value_type = Option<String>, example = "42")]
    user_id: Option<UserId>,
    #[schema(value_type = String, example = "main")]
    org: Org,
    /// The shard that noticed.
    shard: u16,
    /// The life of the shard's data.
    epoch: i64,
    /// The number in that life; without gaps.
    n: i64,
    /// Counts the user's transitions from 1; without gaps. `null` without `why`.
    sequence: Option<i64>,
    /// The status before.
    #[schema(value_type = String, example = "online")]
    from_status: Status,
    /// The status after.
    #[schema(value_type = String, example = "offline")]
    to_status: Status,
    /// Why.
    #[schema(value_type = String, example = "expired")]
    reason: Reason,
    /// When it happened.
    occurred_at: Timestamp,
    /// When the service noticed; `null` without `why` where somebody came or went as `connect` or `closed`.
    detected_at: Option<Timestamp>,
    /// When it was stored; `null` like `detected_at`.
    recorded_at: Option<Timestamp>,
    /// How far `occurred_at` may be wrong, in ms.
    uncertainty_ms: i64,
    /// The session that caused it; `null` like `detected_at`.
    #[schema(value_type = Option<String>)]
    session_id: Option<SessionId>,
    /// The kind of device of that session; `null` like `detected_at`.
    #[schema(value_type = Option<String>)]
    device: Option<Device>,
    /// The id of the administrator's request that caused it.
    actor: Option<String>,
}

/// Transitions, to be read page by page.
#[derive(Clone, Debug)]
pub struct TransitionPages {
    /// Where they are.
    pub audit: Audit,
    /// Which.
    pub filter: Filter,
}

impl Pages for TransitionPages {
    type Row = TransitionRow;
    type Cursor = Cursor;
    type Error = AuditError;

    const COLUMNS: &'static [&'static str] = &[
        "user_id",
        "org",
        "shard",
        "epoch",
        "n",
        "sequence",
        "from_status",
        "to_status",
        "reason",
        "occurred_at",
        "detected_at",
        "recorded_at",
        "uncertainty_ms",
        "session_id",
        "device",
        "actor",
    ];

    async fn page(&self, behind: Option<Cursor>, limit: u32) -> Result<Page<Self>, AuditError> {
        let page = self.audit.transitions_up_to(&self.filter, behind, limit).await?;
        let row = |row| TransitionRow::told(row, self.filter.sight);
        Ok((page.rows.into_iter().map(row).collect(), page.next_cursor))
    }
}

impl TransitionRow {
    fn told(row: Transition, sight: Sight) -> Self {
        let is_whole = sight == Sight::Truth || !row.is_brief();
        Self {
            user_id: row.user,
            org: row.org,
            shard: row.shard,
            epoch: row.epoch,
            n: row.n,
            sequence: Some(row.sequence).filter(|_| sight == Sight::Truth),
            from_status: row.from,
            to_status: row.to,
            reason: row.reason,
            occurred_at: row.occurred_at.into(),
            detected_at: is_whole.then(|| row.detected_at.into()),
            recorded_at: is_whole.then(|| row.recorded_at.into()),
            uncertainty_ms: row.uncertainty_ms,
            session_id: row.session,
            device: row.device,
            actor: row.actor,
        }
    }
}

/// A page of transitions.
#[derive(Debug, Serialize, ToSchema)]
pub struct TransitionsPage {
    /// Newest first.
    results: Vec<TransitionRow>,
    /// Where the next page begins; `null` after the last.
    next_cursor: Option<String>,
}

/// Whether a filter can be answered.
///
/// # Errors
/// A session without its user; a status that nobody is seen in.
pub fn check(filter: &Filter) -> Result<(), ApiError> {
    if filter.session.is_some() && filter.user.is_none() {
        return Err(ApiError::invalid(
            "session",
            "a session is looked for among those of a `user`: name both",
        ));
    }
    sight::check(filter.sight, "from", filter.from)?;
    sight::check(filter.sight, "to", filter.to)
}

/// Lists changes of status, newest first
///
/// As others saw them: whoever went invisible has gone as `closed`, whoever shows themselves again has come as `connect`.
/// With `why`, as they were.
#[utoipa::path(get, path = "/api/presence/transitions/", tag = "presence", params(TransitionsQuery),
    responses((status = 200, body = TransitionsPage)))]
pub async fn list(
    State(app): State<App>,
    May(claims, ..): May<to::ViewHistory>,
    source: Source,
    Query(query): Query<TransitionsQuery>,
) -> Result<Json<TransitionsPage>, ApiError> {
    let limit = limit(query.limit)?;
    let cursor = cursor(query.cursor.as_deref())?;
    let sight = sight(&app, &claims, query.why.as_ref(), query.user.as_ref(), "transitions", source).await?;
    let filter = Filter {
        user: query.user,
        org: query.org,
        reason: query.reason,
        from: query.from,
        to: query.to,
        since: query.since,
        until: query.until,
        shard: None,
        session: query.session,
        sight,
    };
    check(&filter)?;
    let page = app.audit.transitions(&filter, cursor, limit).await.map_err(Asked::answer)?;
    Ok(Json(TransitionsPage {
        results: page.rows.into_iter().map(|row| TransitionRow::told(row, sight)).collect(),
        next_cursor: page.next_cursor.map(|cursor| cursor.to_string()),
    }))
}
