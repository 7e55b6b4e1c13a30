//! The list of everybody that existing clients poll.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::Account;
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::Caller;
use crate::http::person::Listed;
use crate::http::seen::see;
use crate::presence::{Role, UserId};

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
