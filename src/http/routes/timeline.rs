//! `/api/presence/users/{id}/timeline/`: one person's history.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::audit::{Sight, Stretch, Told};
use crate::http::error::ApiError;
use crate::http::extract::{May, Path, Query, Source, to};
use crate::http::pages::{cursor, limit};
use crate::http::sight::sight;
use crate::http::time::{Timestamp, moment};
use crate::http::words::Why;
use crate::presence::{Device, EntryKind, Millis, Reason, SessionId, Status, UserId};

/// How far back the answer goes, unless asked otherwise: 7 days, in ms.
const SPAN: Millis = Millis(7 * 86_400_000);

/// Which part of the history.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TimelineQuery {
    /// From this moment on (RFC 3339); 7 days before `until` if absent.
    #[serde(default, deserialize_with = "moment")]
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Millis>,
    /// Before this moment (RFC 3339); now if absent.
    #[serde(default, deserialize_with = "moment")]
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Millis>,
    /// Tells what was done unseen, too, and leaves an action with this reason (at most 500 characters).
    #[param(value_type = Option<String>)]
    why: Option<Why>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Entries of a page, at most 1000; 100 if absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// An unbroken stretch of one status other than offline.
#[derive(Debug, Serialize, ToSchema)]
pub struct TimelineInterval {
    /// `online`, `away`, `busy`; with `why` also `invisible`.
    #[schema(value_type = String, example = "online")]
    status: Status,
    /// When it began, be it before `since`.
    from: Timestamp,
    /// When it ended; `null` while it is open.
    to: Option<Timestamp>,
    /// How long it lasted, in ms; `null` while it is open.
    duration_ms: Option<i64>,
    /// Why it ended; `null` while it is open.
    #[schema(value_type = Option<String>, example = "expired")]
    end_reason: Option<Reason>,
    /// Whether it had no end when the history was read.
    open: bool,
}

/// An entry of the history.
#[derive(Debug, Serialize, ToSchema)]
pub struct TimelineEntry {
    /// `transition`: the status changed; `claim`: only text, emoji or end of a claim did; `wish` (with `why` only): a claim
    /// changed and others noticed nothing.
    kind: &'static str,
    /// Counts the transitions from 1; `null` for others, and without `why`.
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
    /// The last sign of life then; `null` like `detected_at`.
    last_seen: Option<Timestamp>,
    /// How far `occurred_at` may be wrong, in ms.
    uncertainty_ms: i64,
    /// The shard that noticed.
    shard: u16,
    /// The life of the shard's data.
    epoch: i64,
    /// The number in that life.
    n: i64,
    /// The session that caused it; `null` like `detected_at`.
    #[schema(value_type = Option<String>)]
    session_id: Option<SessionId>,
    /// The kind of device of that session; `null` like `detected_at`.
    #[schema(value_type = Option<String>)]
    device: Option<Device>,
    /// The id of the administrator's request that caused it.
    actor: Option<String>,
}

/// One person's history.
#[derive(Debug, Serialize, ToSchema)]
pub struct TimelineAnswer {
    #[schema(value_type = String, example = "42")]
    user_id: UserId,
    since: Timestamp,
    until: Timestamp,
    /// Newest first: the stretches that entries of this page began, and on the last page the one that `since` lies in.
    intervals: Vec<TimelineInterval>,
    /// Newest first.
    entries: Vec<TimelineEntry>,
    /// Where the next page begins; `null` after the last.
    next_cursor: Option<String>,
}

/// Answers one person's history, newest first
///
/// As others saw it; with `why`, as it was.
#[utoipa::path(get, path = "/api/presence/users/{id}/timeline/", tag = "presence",
    params(("id" = String, Path, description = "user id"), TimelineQuery),
    responses((status = 200, body = TimelineAnswer)))]
pub async fn timeline(
    State(app): State<App>,
    May(claims, ..): May<to::ViewHistory>,
    source: Source,
    Path(user): Path<UserId>,
    Query(query): Query<TimelineQuery>,
) -> Result<Json<TimelineAnswer>, ApiError> {
    let (limit, cursor) = (limit(query.limit)?, cursor(query.cursor.as_deref())?);
    let until = match query.until {
        Some(until) => until,
        None => app.audit.reach().await?.now,
    };
    let since = query.since.unwrap_or(until - SPAN);
    if since >= until {
        return Err(ApiError::invalid("since", "expected a moment before `until`"));
    }
    let sight = sight(&app, &claims, query.why.as_ref(), Some(&user), "timeline", source).await?;
    let page = app.audit.timeline(&user, since, until, cursor, limit, sight).await?;
    let page = page.ok_or(ApiError::NotFound("User"))?;
    if sight == Sight::Shown && page.entries.is_empty() && !was_seen(&app, &user).await? {
        return Err(ApiError::NotFound("User"));
    }
    Ok(Json(TimelineAnswer {
        user_id: user,
        since: since.into(),
        until: until.into(),
        intervals: page.stretches.into_iter().map(TimelineInterval::from).collect(),
        entries: page.entries.into_iter().map(|told| TimelineEntry::told(told, sight)).collect(),
        next_cursor: page.next_cursor.map(|cursor| cursor.to_string()),
    }))
}

/// Whether others ever saw a user who has a history.
async fn was_seen(app: &App, user: &UserId) -> Result<bool, ApiError> {
    let last = app.audit.last(std::slice::from_ref(user)).await?.pop().flatten();
    Ok(last.is_some_and(|last| last.shown_version > 0))
}

impl From<Stretch> for TimelineInterval {
    fn from(Stretch { status, from, end }: Stretch) -> Self {
        Self {
            status,
            from: from.into(),
            to: end.map(|(at, _)| at.into()),
            duration_ms: end.map(|(at, _)| (at - from).0),
            end_reason: end.map(|(_, reason)| reason),
            open: end.is_none(),
        }
    }
}

impl TimelineEntry {
    /// An entry as it was, or as others saw it.
    pub(in crate::http) fn told(told: Told, sight: Sight) -> Self {
        let is_whole = sight == Sight::Truth || !told.is_brief();
        Self {
            kind: match told.kind {
                EntryKind::Transition => "transition",
                EntryKind::Claim => "claim",
                EntryKind::Wish => "wish",
            },
            sequence: told.sequence.filter(|_| sight == Sight::Truth),
            from_status: told.from,
            to_status: told.to,
            reason: told.reason,
            occurred_at: told.place.occurred_at.into(),
            detected_at: is_whole.then(|| told.detected_at.into()),
            last_seen: Timestamp::unless_never(told.last_seen).filter(|_| is_whole),
            uncertainty_ms: told.uncertainty_ms,
            shard: told.place.shard,
            epoch: told.place.epoch,
            n: told.place.n,
            session_id: told.session,
            device: told.device,
            actor: told.actor,
        }
    }
}

impl std::fmt::Display for TimelineEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { occurred_at, from_status, to_status, reason, epoch, n, .. } = self;
        write!(f, "{occurred_at} {from_status} -> {to_status} ({reason}), epoch {epoch}, n {n}")?;
        self.session_id.as_ref().map_or(Ok(()), |session| write!(f, ", session {session}"))
    }
}
