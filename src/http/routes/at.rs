//! `/api/presence/at/`: who was present at a moment of the past, and whether that is the whole answer.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::audit::{Reach, WasPresent};
use crate::http::copied::copied_until;
use crate::http::error::ApiError;
use crate::http::extract::{May, Query, Source, to};
use crate::http::pages::limit;
use crate::http::sight::{self, sight};
use crate::http::time::{Timestamp, moment};
use crate::http::words::Why;
use crate::presence::{Millis, Org, Status, UserId};

/// Which moment, and whom.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AtQuery {
    /// The moment (RFC 3339); needed.
    #[serde(default, deserialize_with = "moment")]
    #[param(value_type = String, format = DateTime, required = true)]
    time: Option<Millis>,
    /// In this organisation.
    #[param(value_type = Option<String>)]
    org: Option<Org>,
    /// In this status: `online`, `away`, `busy`; with `why` also `invisible`.
    #[param(value_type = Option<String>)]
    status: Option<Status>,
    /// Tells the invisible, too, and leaves an action with this reason (at most 500 characters).
    #[param(value_type = Option<String>)]
    why: Option<Why>,
    /// The `next_cursor` of the page before.
    cursor: Option<i64>,
    /// At most 1000; 100 if absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Somebody who was present.
#[derive(Debug, Serialize, ToSchema)]
pub struct PresentAt {
    /// Who; `null` if the person was erased.
    #[schema(value_type = Option<String>, example = "42")]
    user_id: Option<UserId>,
    #[schema(value_type = String, example = "main")]
    org: Org,
    /// `online`, `away`, `busy`; with `why` also `invisible`.
    #[schema(value_type = String, example = "online")]
    status: Status,
    /// Since when.
    since: Timestamp,
    /// Until when; `null` if it still holds.
    until: Option<Timestamp>,
}

/// Who was present at a moment.
#[derive(Debug, Serialize, ToSchema)]
pub struct AtAnswer {
    time: Timestamp,
    /// Whether nothing that happened until then is missing.
    complete: bool,
    /// What may be missing; `null` if nothing is.
    incomplete_because: Option<String>,
    /// Whatever was noticed before this moment has been copied; `null` if that is not known.
    copied_until: Option<Timestamp>,
    /// How many there are on all pages.
    count: i64,
    /// In an order that does not change.
    results: Vec<PresentAt>,
    /// Where the next page begins; `null` after the last.
    next_cursor: Option<String>,
}

/// Answers who was present at a moment
///
/// As others saw it; with `why` the invisible are among them.
#[utoipa::path(get, path = "/api/presence/at/", tag = "presence", params(AtQuery),
    responses((status = 200, body = AtAnswer)))]
pub async fn at(
    State(app): State<App>,
    May(claims, ..): May<to::ViewHistory>,
    source: Source,
    Query(query): Query<AtQuery>,
) -> Result<Json<AtAnswer>, ApiError> {
    let limit = limit(query.limit)?;
    let at = query.time.ok_or_else(|| ApiError::invalid("time", "expected a moment (RFC 3339)"))?;
    if query.status == Some(Status::Offline) {
        return Err(ApiError::invalid("status", "expected online, away, busy or invisible"));
    }
    let looks = sight(&app, &claims, query.why.as_ref(), None, "at", source).await?;
    sight::check(looks, "status", query.status)?;
    let reach = app.audit.reach().await?;
    if at > reach.now {
        return Err(ApiError::invalid("time", "this moment is in the future"));
    }
    // Before the rows, so that what is copied meanwhile can only make the answer more complete than it says.
    let copied = copied_until(&app.store, &app.audit).await?;
    let after = query.cursor.unwrap_or(0);
    let page = app.audit.present_at(at, query.org.as_ref(), query.status, after, limit, looks).await?;
    let missing = missing(at, &reach, copied);
    Ok(Json(AtAnswer {
        time: at.into(),
        complete: missing.is_none(),
        incomplete_because: missing,
        copied_until: copied.map(Timestamp::from),
        count: page.count,
        results: page.rows.into_iter().map(PresentAt::from).collect(),
        next_cursor: page.next.map(|next| next.to_string()),
    }))
}

/// What the answer for this moment may lack.
fn missing(at: Millis, reach: &Reach, copied: Option<Millis>) -> Option<String> {
    let time = Timestamp::from;
    match (reach.kept_since, copied) {
        (Some(since), _) if at < since => {
            Some(format!("what happened before {} was dropped by audit.retention", time(since)))
        }
        (_, Some(copied)) if at < copied => None,
        (_, Some(copied)) => Some(format!("the history was copied until {} so far", time(copied))),
        (_, None) => Some("it is not known how far the history was copied".to_owned()),
    }
}

impl From<WasPresent> for PresentAt {
    fn from(row: WasPresent) -> Self {
        Self {
            user_id: row.user,
            org: row.org,
            status: row.status,
            since: row.since.into(),
            until: row.until.map(Timestamp::from),
        }
    }
}
