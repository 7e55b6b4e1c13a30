//! `/api/admin/audit-logs/stats/`: how much was done, of what, by whom and when.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::accounts::Tally;
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::{May, Query, to};
use crate::http::failures::Asked;
use crate::http::time::{Timestamp, moment, point};
use crate::presence::Millis;

/// The span, unless asked otherwise: 30 days.
const SPAN: Millis = Millis(30 * 86_400_000);

/// The span of time.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditStatsQuery {
    /// From this moment on (RFC 3339); 30 days before `until` if absent.
    #[serde(default, deserialize_with = "moment")]
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Millis>,
    /// Before this moment (RFC 3339); now if absent.
    #[serde(default, deserialize_with = "moment")]
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Millis>,
}

/// How often something was.
#[derive(Debug, Serialize, ToSchema)]
pub struct Counted {
    #[schema(example = "USER_LOGIN")]
    name: String,
    count: i64,
}

/// How often somebody acted.
#[derive(Debug, Serialize, ToSchema)]
pub struct CountedActor {
    /// The user id, or `cli`.
    #[schema(example = "42")]
    actor_id: String,
    /// The account name, while there is such an account.
    actor: String,
    count: i64,
}

/// How often something was on a day.
#[derive(Debug, Serialize, ToSchema)]
pub struct CountedDay {
    /// Its midnight (UTC).
    day: Timestamp,
    count: i64,
}

/// What was done in a span of time.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditStats {
    since: Timestamp,
    until: Timestamp,
    total: i64,
    /// The most frequent first.
    by_action: Vec<Counted>,
    /// The most frequent first.
    by_severity: Vec<Counted>,
    /// The most frequent first.
    by_category: Vec<Counted>,
    /// The ten who acted most often.
    by_actor: Vec<CountedActor>,
    /// Oldest first; days on which nothing was done are left out.
    by_day: Vec<CountedDay>,
}

/// Counts what administrators did and what concerned the security of accounts
#[utoipa::path(get, path = "/api/admin/audit-logs/stats/", tag = "administration", params(AuditStatsQuery),
    responses((status = 200, body = AuditStats)))]
pub async fn stats(
    State(app): State<App>,
    _: May<to::ViewAuditLogs>,
    Query(query): Query<AuditStatsQuery>,
) -> Result<Json<AuditStats>, ApiError> {
    let until = match query.until {
        Some(until) => until,
        None => app.audit.reach().await?.now,
    };
    let since = query.since.unwrap_or(until - SPAN);
    if since >= until {
        return Err(ApiError::invalid("since", "expected a moment before `until`"));
    }
    let tally = app.accounts.tally(point("since", since)?, point("until", until)?).await;
    Ok(Json(answer(tally.map_err(Asked::answer)?, since, until)))
}

fn answer(tally: Tally, since: Millis, until: Millis) -> AuditStats {
    let counted = |rows: Vec<(String, i64)>| {
        rows.into_iter().map(|(name, count)| Counted { name, count }).collect::<Vec<_>>()
    };
    AuditStats {
        since: since.into(),
        until: until.into(),
        total: tally.total,
        by_action: counted(tally.by_action),
        by_severity: counted(tally.by_severity),
        by_category: counted(tally.by_category),
        by_actor: tally
            .by_actor
            .into_iter()
            .map(|row| CountedActor {
                actor: row.name.unwrap_or_else(|| row.actor.clone()),
                actor_id: row.actor,
                count: row.count,
            })
            .collect(),
        by_day: tally.by_day.into_iter().map(|(day, count)| CountedDay { day: day.into(), count }).collect(),
    }
}
