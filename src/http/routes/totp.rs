//! `/api/auth/totp/`: one's second factor, and its end by an administrator for whoever lost the authenticator.
//!
//! begin (password) -> the secret, shown once -> confirm (a code) -> asked for at each login -> disable (password and
//! code). Whose role needs one (`auth.require_totp`) and who has none may do what every user may, this among it.

use axum::Json;
use axum::extract::State;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Done;
use super::gates::DecisionBody;
use super::own::own;
use crate::accounts::{AccountError, AccountId, Spend};
use crate::app::App;
use crate::auth::{TotpSecret, recovery_codes};
use crate::http::error::ApiError;
use crate::http::extract::{Attempts, Body, Caller, May, Path, Quiet, Source, to};
use crate::http::proof;
use crate::http::uncut::uncut;
use crate::http::words::Why;

/// How one's second factor stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct TotpStanding {
    /// Asked for at each login.
    enabled: bool,
    /// Begun, and not confirmed yet.
    pending: bool,
    /// Whether the caller's role needs one.
    required: bool,
    /// How many recovery codes are left.
    recovery_codes_left: i64,
}

/// Answers how the caller's second factor stands
#[utoipa::path(get, path = "/api/auth/totp/", tag = "auth", responses((status = 200, body = TotpStanding)))]
pub async fn standing(
    State(app): State<App>,
    Caller(claims): Caller,
) -> Result<Json<TotpStanding>, ApiError> {
    let id = own(&claims)?;
    let account = app.accounts.by_id(id).await?.ok_or(ApiError::NotFound("User"))?;
    let factor = app.accounts.factor(id).await?;
    Ok(Json(TotpStanding {
        enabled: factor.as_ref().is_some_and(|factor| factor.active),
        pending: factor.as_ref().is_some_and(|factor| !factor.active),
        required: app.accounts.demands_totp(account.role),
        recovery_codes_left: factor.map_or(0, |factor| factor.recovery_codes),
    }))
}

/// The caller's password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TotpBeginBody {
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// What an authenticator needs. Shown once.
#[derive(Debug, Serialize, ToSchema)]
pub struct TotpBegun {
    /// For typing in: base 32.
    secret: String,
    /// For a QR code.
    otpauth_uri: String,
}

/// Begins a second factor
///
/// Nothing is asked for until it is confirmed. Begun again, it takes the place of one that was not confirmed; 409 if one
/// is in use.
#[utoipa::path(post, path = "/api/auth/totp/", tag = "auth",
    request_body = TotpBeginBody, responses((status = 200, body = TotpBegun)))]
pub async fn begin(
    State(app): State<App>,
    Quiet(claims): Quiet,
    source: Source,
    attempts: Attempts,
    Body(TotpBeginBody { password }): Body<TotpBeginBody>,
) -> Result<Json<TotpBegun>, ApiError> {
    let (id, origin) = (own(&claims)?, source.of(&claims));
    let proved = proof::of_password(&app, &attempts, id, &password, "/password", &origin).await?;
    let (credentials, attempt) = proved;
    attempt.good(&app).await;
    let secret = TotpSecret::random();
    app.accounts.begin_totp(id, &secret.sealed(&app.vault, &id.to_string())).await?;
    let uri = secret.uri(&app.config.auth.issuer, &credentials.account.username);
    Ok(Json(TotpBegun {
        secret: secret.text().expose_secret().to_owned(),
        otpauth_uri: uri.expose_secret().to_owned(),
    }))
}

/// A code of the authenticator.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TotpConfirmBody {
    /// Six digits.
    #[schema(value_type = String)]
    totp: SecretString,
}

/// A second factor in use.
#[derive(Debug, Serialize, ToSchema)]
pub struct TotpConfirmed {
    /// In words.
    message: &'static str,
    /// Each is good for one login, in place of a code. Shown once.
    recovery_codes: Vec<String>,
}

/// Confirms a second factor by its first code
///
/// From now on each login asks for a code. The answer has recovery codes for the day on which the authenticator is lost.
#[utoipa::path(post, path = "/api/auth/totp/confirm/", tag = "auth",
    request_body = TotpConfirmBody, responses((status = 200, body = TotpConfirmed)))]
pub async fn confirm(
    State(app): State<App>,
    Quiet(claims): Quiet,
    source: Source,
    attempts: Attempts,
    Body(TotpConfirmBody { totp }): Body<TotpConfirmBody>,
) -> Result<Json<TotpConfirmed>, ApiError> {
    let (id, origin) = (own(&claims)?, source.of(&claims));
    let begun = app.accounts.factor(id).await?.filter(|factor| !factor.active);
    let begun = begun.ok_or_else(|| ApiError::Conflict("There is no second factor to confirm".to_owned()))?;
    let account = app.accounts.by_id(id).await?.ok_or(ApiError::NotFound("User"))?;
    let attempt = attempts.admit(&app, &account.username).await?;
    let Some(Spend::Code { step, .. }) = proof::second_factor(&app, id, &begun, &totp) else {
        attempt.failed(&app).await;
        return proof::wrong_code(&app, id, &origin).await;
    };
    attempt.good(&app).await;
    let (codes, hashes) = recovery_codes();
    app.accounts.confirm_totp(id, &begun.secret, step, &hashes, &origin).await?;
    Ok(Json(TotpConfirmed {
        message: "Second factor enabled",
        recovery_codes: codes.iter().map(|code| code.expose_secret().to_owned()).collect(),
    }))
}

/// Both proofs.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TotpDisableBody {
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// Six digits, or a recovery code.
    #[schema(value_type = String)]
    totp: SecretString,
}

/// Gives up the caller's second factor
///
/// Its recovery codes go with it.
#[utoipa::path(delete, path = "/api/auth/totp/", tag = "auth",
    request_body = TotpDisableBody, responses((status = 200, body = Done)))]
pub async fn disable(
    State(app): State<App>,
    Quiet(claims): Quiet,
    source: Source,
    attempts: Attempts,
    Body(TotpDisableBody { password, totp }): Body<TotpDisableBody>,
) -> Result<Json<Done>, ApiError> {
    let (id, origin) = (own(&claims)?, source.of(&claims));
    let (_, attempt) = proof::of_password(&app, &attempts, id, &password, "/password", &origin).await?;
    let factor = app.accounts.factor(id).await?.filter(|factor| factor.active);
    let factor = factor.ok_or_else(|| ApiError::Conflict("There is no second factor in use".to_owned()))?;
    let disabled = match proof::second_factor(&app, id, &factor, &totp) {
        Some(proved) => app.accounts.disable_totp(id, &proved, &origin).await,
        None => Err(AccountError::WrongCode),
    };
    match disabled {
        Ok(()) => {
            attempt.good(&app).await;
            Ok(Done::saying("Second factor disabled"))
        }
        Err(AccountError::WrongCode) => {
            attempt.failed(&app).await;
            proof::wrong_code(&app, id, &origin).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Takes away somebody's second factor
///
/// For whoever lost the authenticator and the recovery codes. Not one's own.
#[utoipa::path(post, path = "/api/users/admin/users/{id}/reset-totp/", tag = "administration",
    params(("id" = i64, Path, description = "account")),
    request_body = Option<DecisionBody>, responses((status = 200, body = Done)))]
pub async fn reset(
    State(app): State<App>,
    May(claims, ..): May<to::ResetTotp>,
    Path(id): Path<i64>,
    source: Source,
    Body(body): Body<DecisionBody>,
) -> Result<Json<Done>, ApiError> {
    let origin = source.of(&claims);
    uncut(async move {
        let why = body.reason.as_ref().and_then(Why::some);
        app.accounts.reset_totp(AccountId(id), why, &origin).await?;
        Ok(Done::saying("Second factor taken away"))
    })
    .await
}
