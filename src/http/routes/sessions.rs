//! `/api/auth/sessions/`: the logins of somebody, for themselves and for administrators, and the end of one.
//!
//! Postgres knows logins, Redis the sessions that live. A login without one was last seen when it was last refreshed.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::gates::in_effect;
use super::own::own;
use crate::accounts::{AccountId, EndReason, Login};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::{Caller, May, Path, PathPair, Quiet, Source, to};
use crate::http::time::Timestamp;
use crate::http::uncut::uncut;
use crate::presence::{Device, LoginId, Millis, Reason, UserId};
use crate::store::StoreError;

/// A login that can still be used.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoginFacts {
    /// Its name.
    #[schema(value_type = String, example = "k3Jx0aPq9LmZ")]
    id: LoginId,
    /// The request was made with it.
    current: bool,
    /// Some session of it lives: a page or app that beats.
    present: bool,
    /// `web`, `mobile` or `desktop`, if a client says.
    #[schema(value_type = Option<String>, example = "web")]
    device: Option<Device>,
    /// Where it was opened from.
    address: Option<String>,
    /// The program that opened it, as it calls itself.
    program: Option<String>,
    /// When it was opened.
    since: Timestamp,
    /// Its last sign of life, or when it was last refreshed.
    last_seen: Timestamp,
    /// When it ends by itself.
    expires_at: Timestamp,
}

/// Somebody's logins.
#[derive(Debug, Serialize, ToSchema)]
pub struct Logins {
    /// Last refreshed first; at most 1000.
    results: Vec<LoginFacts>,
    /// Always null: there is one page.
    next_cursor: Option<String>,
}

/// A login was ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoginEnded {
    /// In words.
    message: &'static str,
    /// Whether presence has been told; if not, it will be within some seconds of its return.
    in_effect: bool,
}

/// Lists the caller's logins
#[utoipa::path(get, path = "/api/auth/sessions/", tag = "auth", responses((status = 200, body = Logins)))]
pub async fn list(State(app): State<App>, Caller(claims): Caller) -> Result<Json<Logins>, ApiError> {
    logins(&app, own(&claims)?, Some(&claims.login)).await
}

/// Ends one of the caller's logins
///
/// Its sessions and tokens end at once. 404 for a login that is not the caller's, or has ended.
#[utoipa::path(delete, path = "/api/auth/sessions/{id}/", tag = "auth",
    params(("id" = String, Path, description = "login")), responses((status = 200, body = LoginEnded)))]
pub async fn end(
    State(app): State<App>,
    Quiet(claims): Quiet,
    Path(login): Path<LoginId>,
    source: Source,
) -> Result<Json<LoginEnded>, ApiError> {
    let (id, origin) = (own(&claims)?, source.of(&claims));
    uncut(async move {
        if !app.accounts.end_family(id, &login, EndReason::Logout, &origin).await? {
            return Err(ApiError::NotFound("Login"));
        }
        let told = app.store.end_login(&claims.user, &claims.org, &login).await;
        Ok(Json(LoginEnded { message: "Login ended", in_effect: in_effect(told)? }))
    })
    .await
}

/// Lists somebody's logins
#[utoipa::path(get, path = "/api/users/admin/users/{id}/sessions/", tag = "administration",
    params(("id" = i64, Path, description = "account")), responses((status = 200, body = Logins)))]
pub async fn list_of(
    State(app): State<App>,
    May(claims, ..): May<to::ForceLogoutUser>,
    Path(id): Path<i64>,
) -> Result<Json<Logins>, ApiError> {
    let account = app.accounts.by_id(AccountId(id)).await?.ok_or(ApiError::NotFound("User"))?;
    logins(&app, account.id, Some(&claims.login)).await
}

/// Ends one of somebody's logins
#[utoipa::path(delete, path = "/api/users/admin/users/{id}/sessions/{session}/", tag = "administration",
    params(("id" = i64, Path, description = "account"), ("session" = String, Path, description = "login")),
    responses((status = 200, body = LoginEnded)))]
pub async fn end_of(
    State(app): State<App>,
    May(claims, ..): May<to::ForceLogoutUser>,
    PathPair(id, login): PathPair<i64, LoginId>,
    source: Source,
) -> Result<Json<LoginEnded>, ApiError> {
    let origin = source.of(&claims);
    uncut(async move {
        let ended = app.accounts.force_end_family(AccountId(id), &login, &origin).await?;
        let account = ended.ok_or(ApiError::NotFound("Login"))?;
        let (user, actor) = (account.id.user(), origin.request_id.as_deref());
        let told =
            app.store.end_login_for(&user, &account.org, &login, Reason::ForceLogout, actor, None).await;
        Ok(Json(LoginEnded { message: "Login ended", in_effect: in_effect(told)? }))
    })
    .await
}

async fn logins(app: &App, id: AccountId, current: Option<&LoginId>) -> Result<Json<Logins>, ApiError> {
    let logins = app.accounts.sessions(id).await?;
    let mut live = live(app, &id.user()).await?;
    let results = logins.into_iter().map(|login| {
        let is_current = current == Some(&login.login);
        let live = live.remove(&login.login);
        facts(login, live, is_current)
    });
    Ok(Json(Logins { results: results.collect(), next_cursor: None }))
}

/// What Redis knows of a login: its last sign of life, and the device of the session that gave it.
type Live = (Millis, Option<Device>);

/// The logins that have sessions. While Redis is away nobody is known to have any.
async fn live(app: &App, user: &UserId) -> Result<HashMap<LoginId, Live>, ApiError> {
    let facts = match app.store.facts(user).await {
        Ok(facts) => facts,
        Err(error @ (StoreError::Unavailable(_) | StoreError::Overloaded | StoreError::Restoring)) => {
            tracing::debug!(%error, "logins are listed without their sessions");
            return Ok(HashMap::new());
        }
        Err(error) => return Err(error.into()),
    };
    let mut live: HashMap<LoginId, Live> = HashMap::new();
    for session in facts.sessions {
        let Some(id) = session.id else { continue };
        let seen = (session.deadline - session.granted, session.device);
        let login = live.entry(id.login).or_insert(seen);
        if seen.0 > login.0 {
            *login = (seen.0, seen.1.or(login.1));
        } else {
            login.1 = login.1.or(seen.1);
        }
    }
    Ok(live)
}

fn facts(login: Login, live: Option<Live>, current: bool) -> LoginFacts {
    let refreshed = Timestamp::from(login.last_used_at);
    LoginFacts {
        id: login.login,
        current,
        present: live.is_some(),
        device: live.and_then(|(_, device)| device).or(login.meta.device),
        address: login.meta.address,
        program: login.meta.user_agent,
        since: login.created_at.into(),
        last_seen: live.map_or(refreshed, |(seen, _)| seen.into()),
        expires_at: login.expires_at.into(),
    }
}
