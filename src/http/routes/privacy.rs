//! `/api/auth/privacy/`: what people keep to themselves; `/api/admin/privacy/{id}/`: the same, set for somebody, also
//! for people of a host application, who have no account here.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::{AccountId, Origin};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::{Body, Caller, May, Path, Source, to};
use crate::http::uncut::uncut;
use crate::presence::{LastSeenVisibility, UserId};

/// What is to change; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PrivacyBody {
    /// `everyone`, `organisation` or `nobody`.
    #[schema(value_type = Option<String>, example = "nobody")]
    last_seen_visibility: Option<LastSeenVisibility>,
}

/// What somebody keeps to themselves.
#[derive(Debug, Serialize, ToSchema)]
pub struct Privacy {
    #[schema(value_type = String, example = "42")]
    user_id: UserId,
    /// Who may see when the user was last seen: `everyone`, `organisation` or `nobody`. Moderators and administrators may.
    #[schema(value_type = String, example = "everyone")]
    last_seen_visibility: LastSeenVisibility,
}

/// Answers who may see when the caller was last seen
#[utoipa::path(get, path = "/api/auth/privacy/", tag = "auth", responses((status = 200, body = Privacy)))]
pub async fn own(State(app): State<App>, Caller(claims): Caller) -> Result<Json<Privacy>, ApiError> {
    answer(&app, claims.user).await
}

/// Sets who may see when the caller was last seen
///
/// To whoever may not, the caller is offline like somebody who was never seen: without times and version. All nodes
/// follow within two seconds, the one that answers at once.
#[utoipa::path(put, path = "/api/auth/privacy/", tag = "auth",
    request_body = Option<PrivacyBody>, responses((status = 200, body = Privacy)))]
pub async fn put_own(
    State(app): State<App>,
    Caller(claims): Caller,
    source: Source,
    Body(body): Body<PrivacyBody>,
) -> Result<Json<Privacy>, ApiError> {
    let origin = source.of(&claims);
    put(app, claims.user, body, origin).await
}

/// Answers who may see when a user was last seen
#[utoipa::path(get, path = "/api/admin/privacy/{id}/", tag = "administration",
    params(("id" = String, Path, description = "user id")), responses((status = 200, body = Privacy)))]
pub async fn of_user(
    State(app): State<App>,
    _: May<to::SetPresence>,
    Path(user): Path<UserId>,
) -> Result<Json<Privacy>, ApiError> {
    known(&app, &user).await?;
    answer(&app, user).await
}

/// Sets who may see when a user was last seen
#[utoipa::path(put, path = "/api/admin/privacy/{id}/", tag = "administration",
    params(("id" = String, Path, description = "user id")),
    request_body = Option<PrivacyBody>, responses((status = 200, body = Privacy)))]
pub async fn put_of_user(
    State(app): State<App>,
    May(claims, ..): May<to::SetPresence>,
    Path(user): Path<UserId>,
    source: Source,
    Body(body): Body<PrivacyBody>,
) -> Result<Json<Privacy>, ApiError> {
    known(&app, &user).await?;
    put(app, user, body, source.of(&claims)).await
}

/// A number must be an account's. Of a host's people it cannot be known who there is.
async fn known(app: &App, user: &UserId) -> Result<(), ApiError> {
    match AccountId::of(user) {
        Some(id) if app.accounts.by_id(id).await?.is_none() => Err(ApiError::NotFound("User")),
        _ => Ok(()),
    }
}

async fn answer(app: &App, user: UserId) -> Result<Json<Privacy>, ApiError> {
    let last_seen_visibility = app.accounts.visibility(&user).await?;
    Ok(Json(Privacy { user_id: user, last_seen_visibility }))
}

async fn put(app: App, user: UserId, body: PrivacyBody, origin: Origin) -> Result<Json<Privacy>, ApiError> {
    let Some(visibility) = body.last_seen_visibility else {
        return answer(&app, user).await;
    };
    uncut(async move {
        if let Some(choice) = app.accounts.choose_visibility(&user, visibility, &origin).await? {
            app.visibilities.learn(choice);
        }
        Ok(Json(Privacy { user_id: user, last_seen_visibility: visibility }))
    })
    .await
}
