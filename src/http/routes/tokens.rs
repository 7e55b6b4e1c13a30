//! Tokens after the login: renewed, looked at, ended.

use axum::Json;
use axum::extract::State;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::login::{TokenPair, pair};
use super::{Done, host_logins};
use crate::accounts::{AccountId, EndReason, Origin, RefreshError, Rotation};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::{Body, Quiet, Source, Verified, admitted};
use crate::http::measured;
use crate::http::uncut::uncut;
use crate::metrics::labels::AuthMethod;
use crate::metrics::record;
use crate::presence::{Org, Reason};
use crate::store::Bearer;

/// The token that renews.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshBody {
    #[schema(value_type = String)]
    refresh: SecretString,
}

/// Exchanges a refresh token for a new pair
///
/// No sign of life. A refresh token that comes back after its exchange ends the login: somebody has a copy.
#[utoipa::path(post, path = "/api/auth/refresh/", tag = "auth", security(()),
    request_body = RefreshBody, responses((status = 200, body = TokenPair),
        (status = 401, description = "The token is not good, or its login has ended")))]
pub async fn refresh(
    State(app): State<App>,
    Source(origin): Source,
    Body(RefreshBody { refresh }): Body<RefreshBody>,
) -> Result<Json<TokenPair>, ApiError> {
    let renewing = {
        let app = app.clone();
        async move { Ok(renewed(&app, &refresh, &origin).await?) }
    };
    let rotation = measured::attempt(AuthMethod::Refresh, uncut(renewing).await)?;
    Ok(Json(pair(&app, &rotation.account, &rotation.login, &rotation.refresh)))
}

/// Exchanges the token. With a login that ends now for reuse, or ended before, go its access tokens and sessions.
async fn renewed(app: &App, refresh: &SecretString, origin: &Origin) -> Result<Rotation, RefreshError> {
    let rotated = app.accounts.rotate(refresh, &app.refresh_rules, origin).await;
    if matches!(rotated, Err(RefreshError::Reused { .. })) {
        record::refresh_reuse();
    }
    if let Err(RefreshError::Reused { account, login } | RefreshError::Ended { account, login }) = &rotated {
        // The store knows the organisation better. If it is away, the answer is the same: Postgres has judged, and the
        // task for ended logins tells the store later.
        if let Err(error) = app.store.end_login(&account.user(), &Org::default(), login).await {
            tracing::warn!(%error, %login, "an ended login's sessions go on until the store is told");
        }
    }
    rotated
}

/// A token to look at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyBody {
    /// An access token.
    #[schema(value_type = String)]
    token: SecretString,
}

/// Nothing to say.
#[derive(Debug, Serialize, ToSchema)]
pub struct Empty {}

/// Says whether an access token is good
///
/// No sign of life.
#[utoipa::path(post, path = "/api/auth/verify/", tag = "auth", security(()),
    request_body = VerifyBody, responses((status = 200, body = Empty),
        (status = 401, description = "The token is not good, or its login has ended")))]
pub async fn verify(
    State(app): State<App>,
    Body(VerifyBody { token }): Body<VerifyBody>,
) -> Result<Json<Empty>, ApiError> {
    use secrecy::ExposeSecret;
    let claims = app.verifier.verify(token.expose_secret(), OffsetDateTime::now_utc()).await?;
    admitted(app.store.check(&Bearer::from(&claims)).await)?;
    Ok(Json(Empty {}))
}

/// What existing clients may send along.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogoutBody {
    /// Not needed: the login ends with all its tokens.
    #[serde(rename = "refresh_token")]
    #[schema(value_type = Option<String>)]
    _refresh_token: Option<SecretString>,
}

/// Logs out here
///
/// Ends the login with all its sessions and tokens; one that has ended stays so.
#[utoipa::path(post, path = "/api/auth/logout/", tag = "auth",
    request_body = Option<LogoutBody>, responses((status = 200, body = Done)))]
pub async fn logout(
    State(app): State<App>,
    Verified(claims): Verified,
    source: Source,
    _: Body<LogoutBody>,
) -> Result<Json<Done>, ApiError> {
    // Postgres first: what Redis forgets is restored from there. Where one of them is away the other is told all the
    // same; the client learns by the 503 that it should come back.
    uncut(async move {
        if let Some(ended) = host_logins::logout(&app, &claims) {
            host_logins::end(&app, &ended, None, &source.of(&claims)).await?;
            return Ok(Done::saying("Logout successful"));
        }
        let kept = match AccountId::of(&claims.user) {
            Some(account) => {
                let origin = source.of(&claims);
                app.accounts.end_family(account, &claims.login, EndReason::Logout, &origin).await
            }
            None => Ok(false),
        };
        app.store.end_login(&claims.user, &claims.org, &claims.login).await?;
        kept?;
        Ok(Done::saying("Logout successful"))
    })
    .await
}

/// Nothing to send.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoBody {}

/// Logs out everywhere
///
/// Ends every login of the caller with all sessions and tokens.
#[utoipa::path(post, path = "/api/auth/logout-all-devices/", tag = "auth",
    request_body = Option<NoBody>, responses((status = 200, body = Done)))]
pub async fn logout_everywhere(
    State(app): State<App>,
    Quiet(claims): Quiet,
    source: Source,
    _: Body<NoBody>,
) -> Result<Json<Done>, ApiError> {
    uncut(async move {
        let origin = source.of(&claims);
        if let Some(ended) = host_logins::logout_everywhere(&app, &claims) {
            host_logins::end(&app, &ended, None, &origin).await?;
            return Ok(Done::saying("Logged out from all devices"));
        }
        let account = AccountId::of(&claims.user).ok_or(ApiError::Forbidden)?;
        let version = app.accounts.end_all(account, None, EndReason::LogoutAll, &origin).await?;
        app.store.cut(&claims.user, &claims.org, version, None, Reason::LogoutAll, None).await?;
        Ok(Done::saying("Logged out from all devices"))
    })
    .await
}
