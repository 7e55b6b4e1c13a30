//! `/api/presence/users/{id}/explain/`: why a user has this status.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::explain::{Explanation, explain};
use crate::http::extract::{May, Path, Query, Source, to};
use crate::http::sight::sight;
use crate::http::words::Why;
use crate::presence::UserId;

/// Why it is asked.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExplainQuery {
    /// Explains the invisible, too, and leaves an action with this reason (at most 500 characters). Without it the answer
    /// says what others may know: of whoever is offline to them no session and no comparison of the stores.
    #[param(value_type = Option<String>)]
    why: Option<Why>,
}

/// Explains a user's status
#[utoipa::path(get, path = "/api/presence/users/{id}/explain/", tag = "presence",
    params(("id" = String, Path, description = "user id"), ExplainQuery),
    responses((status = 200, body = Explanation)))]
pub async fn user(
    State(app): State<App>,
    May(claims, ..): May<to::ViewHistory>,
    source: Source,
    Path(user): Path<UserId>,
    Query(query): Query<ExplainQuery>,
) -> Result<Json<Explanation>, ApiError> {
    let sight = sight(&app, &claims, query.why.as_ref(), Some(&user), "explain", source).await?;
    let explanation = explain(&app.store, &app.audit, &app.accounts, &user, sight).await?;
    explanation.map(Json).ok_or(ApiError::NotFound("User"))
}
