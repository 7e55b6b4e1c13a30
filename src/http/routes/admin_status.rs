//! `.../set-online-status/`: the presence that an administrator gives somebody, whatever their sessions say.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::gates::DecisionBody;
use super::status::ends_at;
use crate::accounts::{AccountId, actions};
use crate::app::App;
use crate::auth::Claims;
use crate::http::error::ApiError;
use crate::http::extract::{Body, May, Path, Source, to};
use crate::http::seen::{Seen, see};
use crate::http::time::Timestamp;
use crate::http::uncut::uncut;
use crate::http::words::Why;
use crate::presence::{Claim, Millis, Status, Whose};

/// What somebody is to be seen as.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetStatusBody {
    /// `online`, `away`, `busy`, `invisible` or `offline`.
    #[serde(default = "offline")]
    #[schema(value_type = String, default = "offline", example = "away")]
    pub(super) status: Status,
    /// At most 500 characters; kept with the action.
    #[schema(value_type = Option<String>, max_length = 500)]
    pub(super) reason: Option<Why>,
    /// When it ends, in ms from now; a year at most. Without it: when an administrator takes it back.
    #[schema(minimum = 1)]
    pub(super) expires_in_ms: Option<i64>,
}

const fn offline() -> Status {
    Status::Offline
}

/// How somebody is seen now.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatusSet {
    message: String,
    #[schema(value_type = i64, example = 42)]
    user_id: AccountId,
    /// As others see it. Nobody is shown present without a session.
    online_status: &'static str,
    last_seen: Option<Timestamp>,
}

/// Sets the presence of an account
///
/// It goes before what the user says, and needs a session to show: without one it is kept for the return.
#[utoipa::path(post, path = "/api/users/admin/users/{id}/set-online-status/", tag = "administration",
    params(("id" = i64, Path, description = "account")),
    request_body = Option<SetStatusBody>, responses((status = 200, body = StatusSet)))]
pub async fn set(
    State(app): State<App>,
    May(claims, ..): May<to::SetPresence>,
    Path(id): Path<i64>,
    source: Source,
    Body(body): Body<SetStatusBody>,
) -> Result<Json<StatusSet>, ApiError> {
    let until = ends_at(&app, body.expires_in_ms).await?;
    let (text, emoji) = (String::new(), String::new());
    let claim = Claim { id: Uuid::now_v7().to_string(), status: body.status, text, emoji, until };
    put(app, claims, AccountId(id), source, Some(claim), body.reason).await
}

/// Lets sessions and the user say again how they are
#[utoipa::path(delete, path = "/api/users/admin/users/{id}/set-online-status/", tag = "administration",
    params(("id" = i64, Path, description = "account")),
    request_body = Option<DecisionBody>, responses((status = 200, body = StatusSet)))]
pub async fn clear(
    State(app): State<App>,
    May(claims, ..): May<to::SetPresence>,
    Path(id): Path<i64>,
    source: Source,
    Body(body): Body<DecisionBody>,
) -> Result<Json<StatusSet>, ApiError> {
    put(app, claims, AccountId(id), source, None, body.reason).await
}

/// The row of the action first: Redis alone keeps the claim, and its entry carries the request's id.
async fn put(
    app: App,
    claims: Claims,
    id: AccountId,
    source: Source,
    claim: Option<Claim>,
    why: Option<Why>,
) -> Result<Json<StatusSet>, ApiError> {
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
        let why = why.as_ref().and_then(Why::some);
        let account = app.accounts.record_presence_action(id, name, after, why, &origin).await?;
        let (user, request) = (account.id.user(), origin.request_id.as_deref());
        app.store.claim(&user, &account.org, Whose::Admin, claim.as_ref(), request).await?;
        let seen = see(&app, &claims, std::slice::from_ref(&user)).await?.pop();
        let seen = seen.unwrap_or_else(|| Seen::unknown(user));
        Ok(Json(StatusSet {
            message,
            user_id: id,
            online_status: seen.status.as_str(),
            last_seen: seen.last_seen,
        }))
    })
    .await
}
