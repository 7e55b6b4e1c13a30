//! `.../{id}/approve/` and its like: whether an account may be online, and the end of its logins.
//!
//! Postgres decides, and Redis is told at once. When Redis does not answer the decision stands all the same: login and
//! refresh follow it from now on, and a task brings it to Redis within about a second of its return (`in_effect` says
//! whether that is still to come).

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Deserializer, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::ToSchema;

use crate::accounts::{Account, AccountGate, AccountId, Decided, Decision, End, Origin};
use crate::app::App;
use crate::auth::Claims;
use crate::http::error::ApiError;
use crate::http::extract::{Body, May, Path, Source, to};
use crate::http::time::Timestamp;
use crate::http::uncut::uncut;
use crate::http::words::Why;
use crate::presence::Reason;
use crate::store::StoreError;

/// The farthest end of a suspension, in ms: ten years.
const FARTHEST_END: i64 = 3_653 * 86_400_000;

/// Why it is decided.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionBody {
    /// At most 500 characters; kept with the action.
    #[schema(value_type = Option<String>, max_length = 500)]
    pub(super) reason: Option<Why>,
}

/// Why, and until when. Without an end until an administrator activates the account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SuspendBody {
    /// At most 500 characters; kept with the action.
    #[schema(value_type = Option<String>, max_length = 500)]
    reason: Option<Why>,
    /// The end, in ms from now; ten years at most.
    #[schema(minimum = 1)]
    expires_in_ms: Option<i64>,
    /// The end as a moment (RFC 3339), in place of `expires_in_ms`.
    #[serde(default, deserialize_with = "moment")]
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<OffsetDateTime>,
}

/// Reads the end of a suspension; what is finer than a millisecond is cut off.
pub(super) fn moment<'de, D: Deserializer<'de>>(input: D) -> Result<Option<OffsetDateTime>, D::Error> {
    let at =
        OffsetDateTime::parse(&String::deserialize(input)?, &Rfc3339).map_err(serde::de::Error::custom)?;
    at.replace_millisecond(at.millisecond()).map(Some).map_err(serde::de::Error::custom)
}

/// The end of a suspension as it is asked for: so many ms from now, or then, or none.
pub(super) fn end(expires_in_ms: Option<i64>, until: Option<OffsetDateTime>) -> Result<End, ApiError> {
    match (expires_in_ms, until) {
        (None, None) => Ok(End::Never),
        (None, Some(at)) if at > OffsetDateTime::now_utc() => Ok(End::At(at)),
        (None, Some(_)) => Err(ApiError::invalid("/until", "expected a moment that is to come")),
        (Some(_), Some(_)) => Err(ApiError::invalid("/until", "expected one end, not two")),
        (Some(ms), None) => match u64::try_from(ms) {
            Ok(span @ 1..) if ms <= FARTHEST_END => Ok(End::After(Duration::from_millis(span))),
            _ => Err(ApiError::invalid("/expires_in_ms", format!("expected 1 to {FARTHEST_END}"))),
        },
    }
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
pub struct DecidedAnswer {
    message: String,
    #[schema(value_type = i64, example = 42)]
    user_id: AccountId,
    /// Where the account stands: `active`, `pending`, `suspended` or `banned`.
    status: &'static str,
    /// When the suspension ends, if it does.
    suspended_until: Option<Timestamp>,
    /// Whether presence has been told; if not, it will be within about a second of its return.
    in_effect: bool,
}

impl DecidedAnswer {
    fn of(account: &Account, done: &str, in_effect: bool) -> Json<Self> {
        Json(Self {
            message: format!("User {} {done} successfully", account.username),
            user_id: account.id,
            status: account.status.as_str(),
            suspended_until: account.suspended_until.map(Timestamp::from),
            in_effect,
        })
    }
}

/// Declares the endpoints that only decide.
macro_rules! decisions {
    ($($(#[$doc:meta])* $name:ident = $path:literal, $demand:ident, $decision:expr, $done:literal;)+) => {$(
        $(#[$doc])*
        #[utoipa::path(post, path = $path, tag = "administration",
            params(("id" = i64, Path, description = "account")),
            request_body = Option<DecisionBody>, responses((status = 200, body = DecidedAnswer),
                (status = 409, description = "The account's state does not allow it, or it is the last active administrator")))]
        pub async fn $name(
            State(app): State<App>,
            May(claims, ..): May<to::$demand>,
            Path(id): Path<i64>,
            source: Source,
            Body(body): Body<DecisionBody>,
        ) -> Result<Json<DecidedAnswer>, ApiError> {
            decide(app, claims, source, id, $decision, body.reason, $done).await
        }
    )+};
}

decisions! {
    /// Lets a pending account in
    approve = "/api/users/admin/users/{id}/approve/", ApproveUser, Decision::Approve, "approved";
    /// Turns a pending account away
    ///
    /// It is banned; its name stays taken.
    reject = "/api/users/admin/users/{id}/reject/", ApproveUser, Decision::Reject, "rejected";
    /// Shuts an account out for good
    ///
    /// Its user is offline at once, and its logins end.
    ban = "/api/users/admin/users/{id}/ban/", SuspendUser, Decision::Ban, "banned";
    /// Lets an account in again that was suspended, banned or switched off
    ///
    /// Nobody is online by that: the next sign of life does it.
    activate = "/api/users/admin/users/{id}/activate/", SuspendUser, Decision::Activate, "activated";
}

/// Shuts an account out, perhaps until an end
///
/// Its user is offline at once. Logins are kept and refused until the suspension ends.
#[utoipa::path(post, path = "/api/users/admin/users/{id}/suspend/", tag = "administration",
    params(("id" = i64, Path, description = "account")),
    request_body = Option<SuspendBody>, responses((status = 200, body = DecidedAnswer),
                (status = 409, description = "The account's state does not allow it, or it is the last active administrator")))]
pub async fn suspend(
    State(app): State<App>,
    May(claims, ..): May<to::SuspendUser>,
    Path(id): Path<i64>,
    source: Source,
    Body(body): Body<SuspendBody>,
) -> Result<Json<DecidedAnswer>, ApiError> {
    let decision = Decision::Suspend(end(body.expires_in_ms, body.until)?);
    decide(app, claims, source, id, decision, body.reason, "suspended").await
}

/// Ends all logins of an account, with all sessions and tokens
#[utoipa::path(post, path = "/api/users/admin/users/{id}/force-logout/", tag = "administration",
    params(("id" = i64, Path, description = "account")),
    request_body = Option<DecisionBody>, responses((status = 200, body = DecidedAnswer),
                (status = 409, description = "The account's state does not allow it, or it is the last active administrator")))]
pub async fn force_logout(
    State(app): State<App>,
    May(claims, ..): May<to::ForceLogoutUser>,
    Path(id): Path<i64>,
    source: Source,
    Body(body): Body<DecisionBody>,
) -> Result<Json<DecidedAnswer>, ApiError> {
    let origin = source.of(&claims);
    uncut(async move {
        let why = body.reason.as_ref().and_then(Why::some);
        let (account, told) = logged_out(&app, AccountId(id), why, &origin).await?;
        Ok(DecidedAnswer::of(&account, "logged out", told))
    })
    .await
}

async fn decide(
    app: App,
    claims: Claims,
    source: Source,
    id: i64,
    decision: Decision,
    why: Option<Why>,
    done: &'static str,
) -> Result<Json<DecidedAnswer>, ApiError> {
    let origin = source.of(&claims);
    uncut(async move {
        let why = why.as_ref().and_then(Why::some);
        let decided = app.accounts.decide(AccountId(id), decision, why, &origin).await?;
        let told = tell_decided(&app, &decided, Reason::Banned, &origin).await?;
        Ok(DecidedAnswer::of(&decided.gate.account, done, told))
    })
    .await
}

/// Logs somebody out by force; whether presence was told.
pub(super) async fn logged_out(
    app: &App,
    id: AccountId,
    why: Option<&str>,
    origin: &Origin,
) -> Result<(Account, bool), ApiError> {
    let (account, version) = app.accounts.force_logout(id, why, origin).await?;
    let cut = end_tokens(app, &account, version, Reason::ForceLogout, origin).await;
    Ok((account, in_effect(cut)?))
}

/// Brings what was decided about an account to Redis; whether it is there.
pub(super) async fn tell_decided(
    app: &App,
    Decided { gate, ended }: &Decided,
    reason: Reason,
    origin: &Origin,
) -> Result<bool, ApiError> {
    let mut told = in_effect(tell(app, gate).await)?;
    if let Some(version) = ended {
        told &= in_effect(end_tokens(app, &gate.account, *version, reason, origin).await)?;
    }
    Ok(told)
}

/// Brings a gate to Redis, and notes that it is there.
async fn tell(app: &App, gate: &AccountGate) -> Result<(), StoreError> {
    let account = &gate.account;
    app.store.gate(&account.id.user(), &account.org, &gate.gate, gate.actor.as_deref()).await?;
    if let Err(error) = app.accounts.confirm_gate(account.id, gate.gate.version).await {
        tracing::debug!(%error, "a gate is told to redis once more");
    }
    Ok(())
}

async fn end_tokens(
    app: &App,
    account: &Account,
    version: i64,
    reason: Reason,
    origin: &Origin,
) -> Result<(), StoreError> {
    let actor = origin.request_id.as_deref();
    app.store.cut(&account.id.user(), &account.org, version, None, reason, actor).await
}

/// Whether Redis was told. That it does not answer, or has lost its data, takes nothing back; a defect is one.
pub(super) fn in_effect(told: Result<(), StoreError>) -> Result<bool, ApiError> {
    match told {
        Ok(()) => Ok(true),
        Err(error @ (StoreError::Unavailable(_) | StoreError::Overloaded | StoreError::Restoring)) => {
            tracing::warn!(%error, "redis learns later of what an administrator has decided");
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}
