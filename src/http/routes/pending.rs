//! `/api/admin/pending-users/`: those who wait for approval, under the paths of existing consoles. They decide by the same
//! rules as `approve/` and `reject/`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::gates::tell_decided;
use super::people::{PeoplePage, listed};
use super::people_query::ListQuery;
use super::tokens::NoBody;
use crate::accounts::{AccountId, Decision};
use crate::app::App;
use crate::auth::Claims;
use crate::http::error::ApiError;
use crate::http::extract::{Body, May, Path, Query, Source, to};
use crate::http::uncut::uncut;
use crate::presence::Reason;

/// Where pages of this list begin.
const LIST: &str = "/api/admin/pending-users/";

/// Lists accounts that wait for approval
///
/// As the list of all accounts, with the status `pending`.
#[utoipa::path(get, path = "/api/admin/pending-users/", tag = "administration", params(ListQuery),
    responses((status = 200, body = PeoplePage)))]
pub async fn list(
    State(app): State<App>,
    May(claims, ..): May<to::ApproveUser>,
    Query(query): Query<ListQuery>,
) -> Result<Json<PeoplePage>, ApiError> {
    listed(&app, &claims, &query.pending(), LIST).await
}

/// How many wait.
#[derive(Debug, Serialize, ToSchema)]
pub struct PendingCount {
    total: i64,
}

/// Counts accounts that wait for approval
#[utoipa::path(get, path = "/api/admin/pending-users/stats/", tag = "administration",
    responses((status = 200, body = PendingCount)))]
pub async fn stats(State(app): State<App>, _: May<to::ApproveUser>) -> Result<Json<PendingCount>, ApiError> {
    let filter = ListQuery::default().pending().filter(&app).await?;
    Ok(Json(PendingCount { total: app.accounts.count(&filter).await? }))
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
pub struct PendingDecided {
    /// In words.
    status: &'static str,
}

/// Lets an account in
#[utoipa::path(post, path = "/api/admin/pending-users/{id}/approve/", tag = "administration",
    params(("id" = i64, Path, description = "account")),
    request_body = Option<NoBody>, responses((status = 200, body = PendingDecided)))]
pub async fn approve(
    State(app): State<App>,
    May(claims, ..): May<to::ApproveUser>,
    Path(id): Path<i64>,
    source: Source,
    _: Body<NoBody>,
) -> Result<Json<PendingDecided>, ApiError> {
    decide(app, claims, id, source, Decision::Approve, "user approved").await
}

/// Turns an account away
#[utoipa::path(post, path = "/api/admin/pending-users/{id}/reject/", tag = "administration",
    params(("id" = i64, Path, description = "account")),
    request_body = Option<NoBody>, responses((status = 200, body = PendingDecided)))]
pub async fn reject(
    State(app): State<App>,
    May(claims, ..): May<to::ApproveUser>,
    Path(id): Path<i64>,
    source: Source,
    _: Body<NoBody>,
) -> Result<Json<PendingDecided>, ApiError> {
    decide(app, claims, id, source, Decision::Reject, "user rejected").await
}

async fn decide(
    app: App,
    claims: Claims,
    id: i64,
    source: Source,
    decision: Decision,
    status: &'static str,
) -> Result<Json<PendingDecided>, ApiError> {
    let origin = source.of(&claims);
    uncut(async move {
        let decided = app.accounts.decide(AccountId(id), decision, None, &origin).await?;
        tell_decided(&app, &decided, Reason::Banned, &origin).await?;
        Ok(Json(PendingDecided { status }))
    })
    .await
}
