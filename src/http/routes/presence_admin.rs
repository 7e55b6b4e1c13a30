//! What administrators do to anybody's presence, by the id that presence knows: also to the people of other issuers, who
//! have no account and no number. `/api/users/admin/users/{id}/..` does the same for accounts, as existing clients ask.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::admin_status::SetStatusBody;
use super::gates::DecisionBody;
use super::host_logins;
use super::status::ends_at;
use crate::accounts::{AccountId, Origin, actions};
use crate::app::App;
use crate::auth::Claims;
use crate::http::error::ApiError;
use crate::http::extract::{Body, May, Path, Source, to};
use crate::http::seen::{Seen, see};
use crate::http::uncut::uncut;
use crate::http::words::Why;
use crate::presence::{Claim, Millis, Org, Reason, UserId, Whose};

/// What was done, and how the user is seen now.
#[derive(Debug, Serialize, ToSchema)]
pub struct PresenceSet {
    pub(super) message: String,
    #[serde(flatten)]
    pub(super) seen: Seen,
}

/// Sets somebody's presence
///
/// It goes before what the user says, and needs a session to show: without one it is kept for the return.
#[utoipa::path(post, path = "/api/presence/users/{id}/set-online-status/", tag = "presence",
    params(("id" = String, Path, description = "user id")),
    request_body = Option<SetStatusBody>, responses((status = 200, body = PresenceSet)))]
pub async fn set(
    State(app): State<App>,
    May(claims, ..): May<to::SetPresence>,
    Path(user): Path<UserId>,
    source: Source,
    Body(body): Body<SetStatusBody>,
) -> Result<Json<PresenceSet>, ApiError> {
    give(app, claims, user, source, body).await.map(Json)
}

/// Lets sessions and the user say again how they are
#[utoipa::path(delete, path = "/api/presence/users/{id}/set-online-status/", tag = "presence",
    params(("id" = String, Path, description = "user id")),
    request_body = Option<DecisionBody>, responses((status = 200, body = PresenceSet)))]
pub async fn clear(
    State(app): State<App>,
    May(claims, ..): May<to::SetPresence>,
    Path(user): Path<UserId>,
    source: Source,
    Body(body): Body<DecisionBody>,
) -> Result<Json<PresenceSet>, ApiError> {
    put(app, claims, user, source, None, body.reason).await.map(Json)
}

/// Ends all logins of somebody, with all sessions and tokens
#[utoipa::path(post, path = "/api/presence/users/{id}/force-logout/", tag = "presence",
    params(("id" = String, Path, description = "user id")),
    request_body = Option<DecisionBody>, responses((status = 200, body = PresenceSet)))]
pub async fn force_logout(
    State(app): State<App>,
    May(claims, ..): May<to::ForceLogoutUser>,
    Path(user): Path<UserId>,
    source: Source,
    Body(body): Body<DecisionBody>,
) -> Result<Json<PresenceSet>, ApiError> {
    let origin = source.of(&claims);
    uncut(async move {
        let why = body.reason.as_ref().and_then(Why::some);
        match AccountId::of(&user) {
            Some(id) => {
                let (account, version) = app.accounts.force_logout(id, why, &origin).await?;
                let actor = origin.request_id.as_deref();
                app.store.cut(&user, &account.org, version, None, Reason::ForceLogout, actor).await?;
            }
            None => {
                let org = org_of(&app, &user).await?;
                let ended = host_logins::force_logout(&app, &user, &org).ok_or(ApiError::NotFound("User"))?;
                host_logins::end(&app, &ended, why, &origin).await?;
            }
        }
        answer(&app, &claims, user, "User logged out successfully".to_owned()).await.map(Json)
    })
    .await
}

/// Gives somebody the presence that the body says.
///
/// # Errors
/// As [`put`]; an end that is too far away.
pub(super) async fn give(
    app: App,
    claims: Claims,
    user: UserId,
    source: Source,
    body: SetStatusBody,
) -> Result<PresenceSet, ApiError> {
    let until = ends_at(&app, body.expires_in_ms).await?;
    let (text, emoji) = (String::new(), String::new());
    let claim = Claim { id: Uuid::now_v7().to_string(), status: body.status, text, emoji, until };
    put(app, claims, user, source, Some(claim), body.reason).await
}

/// Sets an administrator's claim, or takes it back. The row of the action first: Redis alone keeps the claim, and its entry
/// carries the request's id.
///
/// # Errors
/// 404 for somebody whom nobody knows; a store does not answer.
pub(super) async fn put(
    app: App,
    claims: Claims,
    user: UserId,
    source: Source,
    claim: Option<Claim>,
    why: Option<Why>,
) -> Result<PresenceSet, ApiError> {
    let origin = source.of(&claims);
    uncut(async move {
        let (name, after, message) = match &claim {
            Some(Claim { status, until, .. }) => {
                let until = until.map(|Millis(until)| until);
                let after = json!({"online_status": status, "until_ms": until});
                (actions::ONLINE_STATUS_SET, after, format!("User online status updated to {status}"))
            }
            None => {
                let message = "User online status cleared".to_owned();
                (actions::ONLINE_STATUS_CLEARED, serde_json::Value::Null, message)
            }
        };
        let org = record(&app, &user, name, after, why.as_ref().and_then(Why::some), &origin).await?;
        let request = origin.request_id.as_deref();
        app.store.claim(&user, &org, Whose::Admin, claim.as_ref(), request).await?;
        answer(&app, &claims, user, message).await
    })
    .await
}

/// The row of the action, before Redis is told; answers the user's organisation.
async fn record(
    app: &App,
    user: &UserId,
    name: &'static str,
    after: serde_json::Value,
    why: Option<&str>,
    origin: &Origin,
) -> Result<Org, ApiError> {
    match AccountId::of(user) {
        Some(id) => Ok(app.accounts.record_presence_action(id, name, after, why, origin).await?.org),
        None => {
            let org = org_of(app, user).await?;
            app.accounts.record_host_presence_action(user, name, after, why, origin).await?;
            Ok(org)
        }
    }
}

/// The organisation of somebody without an account, as presence or history know it.
async fn org_of(app: &App, user: &UserId) -> Result<Org, ApiError> {
    let users = std::slice::from_ref(user);
    if let Some(view) = app.store.views(users).await?.pop().flatten() {
        return Ok(view.org);
    }
    let last = app.audit.last(users).await?.pop().flatten();
    last.map(|last| last.org).ok_or(ApiError::NotFound("User"))
}

async fn answer(app: &App, viewer: &Claims, user: UserId, message: String) -> Result<PresenceSet, ApiError> {
    let seen = see(app, viewer, std::slice::from_ref(&user)).await?.pop();
    Ok(PresenceSet { message, seen: seen.unwrap_or_else(|| Seen::unknown(user)) })
}
