//! `.../set-online-status/`: the presence that an administrator gives somebody, whatever their sessions say.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::gates::DecisionBody;
use super::presence_admin::{self, PresenceSet};
use crate::accounts::AccountId;
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::{Body, May, Path, Source, to};
use crate::http::time::Timestamp;
use crate::http::words::Why;
use crate::presence::Status;

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
    let id = AccountId(id);
    Ok(StatusSet::new(id, presence_admin::give(app, claims, id.user(), source, body).await?))
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
    let id = AccountId(id);
    Ok(StatusSet::new(id, presence_admin::put(app, claims, id.user(), source, None, body.reason).await?))
}

impl StatusSet {
    fn new(user_id: AccountId, PresenceSet { message, seen }: PresenceSet) -> Json<Self> {
        Json(Self { message, user_id, online_status: seen.status.as_str(), last_seen: seen.last_seen })
    }
}
