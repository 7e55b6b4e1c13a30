//! The caller's own profile, and the list of everybody that existing clients poll.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::{Account, AccountId};
use crate::app::App;
use crate::auth::Claims;
use crate::http::error::ApiError;
use crate::http::extract::Caller;
use crate::http::person::{Listed, Person};
use crate::http::seen::{see, see_oneself};
use crate::presence::{Role, UserId};

/// Answers the caller's account and presence
#[utoipa::path(get, path = "/api/auth/me/", tag = "auth", responses((status = 200, body = Person)))]
pub async fn me(State(app): State<App>, Caller(claims): Caller) -> Result<Json<Person>, ApiError> {
    profile(&app, &claims).await
}

/// The same as `/api/auth/me/`
#[utoipa::path(get, path = "/api/auth/profile/", tag = "auth", responses((status = 200, body = Person)))]
pub async fn auth_profile(State(app): State<App>, Caller(claims): Caller) -> Result<Json<Person>, ApiError> {
    profile(&app, &claims).await
}

/// The same as `/api/auth/me/`
#[utoipa::path(get, path = "/api/users/profile/", tag = "users", responses((status = 200, body = Person)))]
pub async fn users_profile(State(app): State<App>, Caller(claims): Caller) -> Result<Json<Person>, ApiError> {
    profile(&app, &claims).await
}

async fn profile(app: &App, claims: &Claims) -> Result<Json<Person>, ApiError> {
    let id = AccountId::of(&claims.user).ok_or(ApiError::NotFound("User"))?;
    let account = app.accounts.by_id(id).await?.ok_or(ApiError::NotFound("User"))?;
    let seen = see_oneself(app, claims).await?;
    Ok(Json(Person::new(&account, &seen)))
}

/// Everybody.
#[derive(Debug, Serialize, ToSchema)]
pub struct AllUsers {
    /// Newest accounts first.
    users: Vec<Listed>,
    count: usize,
}

/// Lists everybody with their presence
///
/// Plain users see their own organisation, and nobody's e-mail address but their own.
#[utoipa::path(get, path = "/api/users/all-users/", tag = "users", responses((status = 200, body = AllUsers)))]
pub async fn all(State(app): State<App>, Caller(claims): Caller) -> Result<Json<AllUsers>, ApiError> {
    let accounts: Vec<Account> = match claims.role {
        Role::User => app.accounts.all_of(&claims.org).await?,
        Role::Moderator | Role::Admin => app.accounts.all().await?,
    };
    let ids: Vec<UserId> = accounts.iter().map(|account| account.id.user()).collect();
    let seen = see(&app, &claims, &ids).await?;
    let users: Vec<Listed> =
        accounts.into_iter().zip(&seen).map(|(account, seen)| Listed::new(account, seen, &claims)).collect();
    Ok(Json(AllUsers { count: users.len(), users }))
}
