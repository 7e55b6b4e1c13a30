//! `/api/presence/`: who is present, now.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::{Body, Counter, Lister, Path, Query, Source, Viewer};
use crate::http::seen::{Seen, reveal, see, see_present};
use crate::http::time::Timestamp;
use crate::http::words::Why;
use crate::presence::{Org, Role, Status, UserId};

/// How many users one query may ask for.
const MAX_USERS: usize = 1_000;

/// Counts of what is shown: invisible users are not in them.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatsAnswer {
    online: u64,
    away: u64,
    busy: u64,
    /// The sum of the three.
    users: u64,
    /// Tabs, windows and apps of these users.
    sessions: u64,
    /// The clock that decides presence.
    server_time: Timestamp,
}

/// Counts who is present
///
/// Plain users get the counts of their own organisation.
#[utoipa::path(get, path = "/api/presence/stats/", tag = "presence", responses((status = 200, body = StatsAnswer)))]
pub async fn stats(State(app): State<App>, Counter(claims): Counter) -> Result<Json<StatsAnswer>, ApiError> {
    let org = (claims.role == Role::User).then_some(&claims.org);
    let stats = app.store.stats(org).await?;
    Ok(Json(StatsAnswer {
        online: stats.online,
        away: stats.away,
        busy: stats.busy,
        users: stats.online + stats.away + stats.busy,
        sessions: stats.sessions,
        server_time: stats.now.into(),
    }))
}

/// Whose presence to answer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryBody {
    /// User ids, at most 1000.
    #[schema(value_type = Vec<String>, max_items = 1000)]
    users: Vec<UserId>,
}

/// The presence of the users asked for.
#[derive(Debug, Serialize, ToSchema)]
pub struct QueryAnswer {
    /// In the order asked. An unknown user is offline, without times.
    results: Vec<Seen>,
}

/// Answers the presence of up to 1000 users
#[utoipa::path(post, path = "/api/presence/query/", tag = "presence",
    request_body = QueryBody, responses((status = 200, body = QueryAnswer)))]
pub async fn query(
    State(app): State<App>,
    Viewer(claims): Viewer,
    Body(QueryBody { users }): Body<QueryBody>,
) -> Result<Json<QueryAnswer>, ApiError> {
    if users.len() > MAX_USERS {
        return Err(ApiError::invalid("/users", format!("at most {MAX_USERS} users")));
    }
    Ok(Json(QueryAnswer { results: see(&app, &claims, &users).await? }))
}

/// Who of those present to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OnlineQuery {
    /// In this organisation.
    #[param(value_type = Option<String>)]
    org: Option<Org>,
    /// In this status: `online`, `away` or `busy`.
    #[param(value_type = Option<String>)]
    status: Option<Status>,
    /// The newest of them; at most 1000, and 1000 if absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Lists who is present, accounts and other issuers' people alike
///
/// Those who came last first. For moderators, and service keys with `presence:read`.
#[utoipa::path(get, path = "/api/presence/online/", tag = "presence", params(OnlineQuery),
    responses((status = 200, body = QueryAnswer)))]
pub async fn online(
    State(app): State<App>,
    Lister { claims, .. }: Lister,
    Query(OnlineQuery { org, status, limit }): Query<OnlineQuery>,
) -> Result<Json<QueryAnswer>, ApiError> {
    let limit = limit.unwrap_or(MAX_USERS);
    if !(1..=MAX_USERS).contains(&limit) {
        return Err(ApiError::invalid("limit", format!("expected 1 to {MAX_USERS}")));
    }
    if status.is_some_and(|status| status.shown() == Status::Offline) {
        return Err(ApiError::invalid("status", "expected online, away or busy"));
    }
    let org = match (claims.role, org) {
        (Role::User, Some(other)) if other != claims.org => return Err(ApiError::Forbidden),
        (Role::User, _) => Some(claims.org.clone()),
        (_, org) => org,
    };
    let views = app.store.present_views(org.as_ref(), status, limit).await?;
    Ok(Json(QueryAnswer { results: see_present(&app, &claims, views) }))
}

/// Why somebody's true presence is looked at.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RevealQuery {
    /// For administrators: shows also who is invisible, and leaves an action with this reason (at most 500 characters).
    #[param(value_type = Option<String>)]
    pub reason: Option<Why>,
}

/// Answers the presence of one user
#[utoipa::path(get, path = "/api/presence/users/{id}/", tag = "presence",
    params(("id" = String, Path, description = "user id"), RevealQuery), responses((status = 200, body = Seen)))]
pub async fn user(
    State(app): State<App>,
    Viewer(claims): Viewer,
    Path(user): Path<UserId>,
    Query(query): Query<RevealQuery>,
    source: Source,
) -> Result<Json<Seen>, ApiError> {
    if let Some(why) = query.reason.as_ref().and_then(Why::some) {
        return reveal(&app, &claims, &user, why, source).await.map(Json);
    }
    let seen = see(&app, &claims, std::slice::from_ref(&user)).await?;
    seen.into_iter().next().map(Json).ok_or(ApiError::NotFound("User"))
}
