//! `/api/presence/users/{id}/explain/`: why a user has this status.

use axum::Json;
use axum::extract::State;

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::explain::{Explanation, explain};
use crate::http::extract::{May, Path, to};
use crate::presence::UserId;

/// Explains a user's status
#[utoipa::path(get, path = "/api/presence/users/{id}/explain/", tag = "presence",
    params(("id" = String, Path, description = "user id")), responses((status = 200, body = Explanation)))]
pub async fn user(
    State(app): State<App>,
    _: May<to::ViewHistory>,
    Path(user): Path<UserId>,
) -> Result<Json<Explanation>, ApiError> {
    let explanation = explain(&app.store, &app.audit, &app.accounts, &user).await?;
    explanation.map(Json).ok_or(ApiError::NotFound("User"))
}
