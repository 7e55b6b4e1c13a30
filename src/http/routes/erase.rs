//! Erasing a person: `/api/users/admin/users/{id}/erase/` for an account, `/api/admin/erase/` also for people of a host
//! application, `/api/auth/erase/` for oneself.
//!
//! Postgres forgets the account at once, and Redis is told: nobody is online by an old token from now on. The history
//! is unlinked within about a second, when it holds the last entry about them; a task does that. Asked again, each
//! answers how far it is.

use axum::Json;
use axum::extract::State;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::gates::{DecisionBody, in_effect};
use crate::accounts::{AccountError, AccountId, Erased, Origin};
use crate::app::{App, TOKEN_MARGIN};
use crate::audit::Footprint;
use crate::http::error::ApiError;
use crate::http::extract::{Attempts, Body, Caller, May, Path, Source, to};
use crate::http::proof;
use crate::http::time::Timestamp;
use crate::http::uncut::uncut;
use crate::http::words::Why;
use crate::presence::{LastSeenVisibility, Org, UserId};

/// Who is to be erased, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseBody {
    /// The user id: an account's number, or `<issuer>~<subject>`.
    #[schema(value_type = String, example = "corp~7")]
    user_id: UserId,
    /// At most 500 characters; kept with the action, so without names.
    #[schema(value_type = Option<String>, max_length = 500)]
    reason: Option<Why>,
}

/// The caller's password once more and, where there is a second factor, a code of it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseOneselfBody {
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// Six digits, or a recovery code.
    #[schema(value_type = Option<String>)]
    totp: Option<SecretString>,
}

/// What was erased.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErasedAnswer {
    pub(super) message: &'static str,
    /// The name of the erasure, as the recorded action has it.
    erasure_id: String,
    /// Whether there was an account; it is gone with everything about it.
    account: bool,
    /// Logins that went with it.
    logins: i64,
    /// Entries of the history that nothing ties to the person any more, or soon; they stay without a name.
    entries: i64,
    /// Stretches of a status, likewise.
    intervals: i64,
    /// Claims in force; they are gone, or soon.
    claims: i64,
    /// Whether presence has been told; if not, it will be within about a second of its return.
    in_effect: bool,
    /// Whether the history is unlinked; if not, it will be about a second after presence was told.
    unlinked: bool,
    /// Until then tokens that were issued before are refused.
    refused_until: Timestamp,
}

/// Erases an account
///
/// The account is gone, not in the trash; its name is free. Its user is offline at once, and no token is good any more.
/// The history stays without a name. The recorded action keeps the number.
#[utoipa::path(post, path = "/api/users/admin/users/{id}/erase/", tag = "administration",
    params(("id" = i64, Path, description = "account")),
    request_body = Option<DecisionBody>, responses((status = 200, body = ErasedAnswer)))]
pub async fn account(
    State(app): State<App>,
    May(claims, ..): May<to::EraseUser>,
    Path(id): Path<i64>,
    source: Source,
    Body(body): Body<DecisionBody>,
) -> Result<Json<ErasedAnswer>, ApiError> {
    erase(app, AccountId(id).user(), body.reason, source.of(&claims)).await.map(Json)
}

/// Erases a user, also one of a host application
///
/// Of people without an account: presence, what they chose, and their name in the history. A token that their host
/// issues later makes them known anew.
#[utoipa::path(post, path = "/api/admin/erase/", tag = "administration",
    request_body = EraseBody, responses((status = 200, body = ErasedAnswer), (status = 404, description = "There is no such user")))]
pub async fn user(
    State(app): State<App>,
    May(claims, ..): May<to::EraseUser>,
    source: Source,
    Body(body): Body<EraseBody>,
) -> Result<Json<ErasedAnswer>, ApiError> {
    erase(app, body.user_id, body.reason, source.of(&claims)).await.map(Json)
}

/// Erases the caller
#[utoipa::path(post, path = "/api/auth/erase/", tag = "auth",
    request_body = EraseOneselfBody, responses((status = 200, body = ErasedAnswer)))]
pub async fn oneself(
    State(app): State<App>,
    Caller(claims): Caller,
    attempts: Attempts,
    source: Source,
    Body(body): Body<EraseOneselfBody>,
) -> Result<Json<ErasedAnswer>, ApiError> {
    let id = AccountId::of(&claims.user).ok_or(ApiError::Forbidden)?;
    let origin = source.of(&claims);
    let EraseOneselfBody { password, totp } = body;
    let (_, attempt) = proof::of_password(&app, &attempts, id, &password, "/password", &origin).await?;
    if let Some(factor) = app.accounts.factor(id).await?.filter(|factor| factor.active) {
        let typed =
            totp.ok_or_else(|| ApiError::invalid("/totp", "A code of the second factor is needed."))?;
        let spent = match proof::second_factor(&app, id, &factor, &typed) {
            Some(proved) => app.accounts.spend_factor(id, &proved, &origin).await,
            None => Err(AccountError::WrongCode),
        };
        match spent {
            Ok(()) => {}
            Err(AccountError::WrongCode) => {
                attempt.failed(&app).await;
                return proof::wrong_code(&app, id, &origin).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    attempt.good(&app).await;
    erase(app, claims.user, None, origin).await.map(Json)
}

/// Erases somebody, whoever asks.
///
/// # Errors
/// Nobody has heard of them; the last administrator stays; a store does not answer.
pub(super) async fn erase(
    app: App,
    user: UserId,
    why: Option<Why>,
    origin: Origin,
) -> Result<ErasedAnswer, ApiError> {
    uncut(async move {
        let footprint = app.audit.footprint(&user).await?;
        let is_known = footprint.is_known || is_known(&app, &user).await?;
        let why = why.as_ref().and_then(Why::some);
        let token_life = app.config.auth.access_ttl.duration() + TOKEN_MARGIN;
        let erased = app.accounts.erase(&user, is_known, token_life, why, &origin).await?;
        let actor = erased.erasure.request_id.as_deref();
        let told = app.store.gate(&user, &Org::default(), &erased.erasure.gate(), actor).await;
        Ok(ErasedAnswer::of(&erased, footprint, in_effect(told)?))
    })
    .await
}

/// Whether anything but the history knows somebody. A Redis that does not answer may.
async fn is_known(app: &App, user: &UserId) -> Result<bool, ApiError> {
    if app.accounts.visibility(user).await? != LastSeenVisibility::default() {
        return Ok(true);
    }
    let facts = app.store.facts(user).await;
    Ok(facts.map_or(true, |facts| {
        facts.record.is_some() || facts.claims.in_force().is_some() || facts.gate.is_some()
    }))
}

impl ErasedAnswer {
    fn of(erased: &Erased, footprint: Footprint, in_effect: bool) -> Self {
        let erasure = &erased.erasure;
        Self {
            message: "User erased successfully",
            erasure_id: erasure.id.to_string(),
            account: erased.account,
            logins: erased.logins,
            entries: footprint.entries,
            intervals: footprint.intervals,
            claims: footprint.claims,
            in_effect,
            unlinked: erasure.unlinked_at.is_some(),
            refused_until: erasure.refused_until.into(),
        }
    }
}
