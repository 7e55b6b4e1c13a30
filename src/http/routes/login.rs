//! Logging in.
//!
//! A login is a sign of life. With Redis away it is refused before anything is created: a login that nobody can
//! see would be answered by a client that believes it is online.

use axum::Json;
use axum::extract::State;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::accounts::{Account, EndReason, LoginMeta, Origin};
use crate::app::App;
use crate::auth::Grant;
use crate::http::error::ApiError;
use crate::http::extract::{Attempts, Body, Source};
use crate::http::measured;
use crate::http::person::Person;
use crate::http::proof;
use crate::http::seen::Seen;
use crate::http::uncut::uncut;
use crate::metrics::labels::AuthMethod;
use crate::presence::{LoginId, Pace, Reason, Tab};
use crate::store::{Answer, Bearer, Beat};

/// Name and password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginBody {
    /// User name or e-mail address.
    #[serde(default)]
    username: String,
    /// 8-128 characters.
    #[serde(default)]
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// Of whom has a second factor: the six digits that the authenticator shows, or a recovery code.
    #[schema(value_type = Option<String>)]
    totp: Option<SecretString>,
}

impl LoginBody {
    /// Of somebody without a second factor.
    pub(in crate::http) fn of(username: String, password: SecretString) -> Self {
        Self { username, password, totp: None }
    }
}

/// An access token and the token that renews it.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenPair {
    /// Sent with every request as `Authorization: Bearer`.
    pub access: String,
    /// Exchanged for a new pair by `/api/auth/refresh/`.
    pub refresh: String,
}

/// Who logged in, and their tokens.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedIn {
    pub(super) user: Person,
    /// Absent if the account waits for approval and presence could not be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tokens: Option<TokenPair>,
}

/// Logs in
///
/// A sign of life: the user is online from now on, for as long as heartbeats follow. Who has a second factor sends
/// `totp`; without it the answer to the right password is 401 `totp_required`.
#[utoipa::path(post, path = "/api/auth/login/", tag = "auth", security(()),
    request_body = LoginBody, responses((status = 200, body = SignedIn),
        (status = 401, description = "Wrong name or wrong password")))]
pub async fn login(
    State(app): State<App>,
    Source(origin): Source,
    attempts: Attempts,
    Body(body): Body<LoginBody>,
) -> Result<Json<SignedIn>, ApiError> {
    let LoginBody { username, password, totp } = body;
    let proved = proof::of_login(&app, &attempts, &username, password, totp.as_ref(), &origin).await;
    let proof::Login { credentials, proved, attempt } = measured::attempt(AuthMethod::Password, proved)?;
    app.store.ping().await?;
    uncut(async move {
        let (account, life) = (&credentials.account, app.config.auth.refresh_ttl.duration());
        let opened = app.accounts.log_in(&credentials, &proved, &login_meta(&origin), life, &origin).await;
        let family = proof::spent(&app, account, attempt, opened, &origin).await?;
        let seen = match began(&app, account, &family.login, &origin).await {
            Ok(seen) => seen,
            Err(error) => {
                undo(&app, account, &family.login, &origin).await;
                return Err(error);
            }
        };
        let tokens = Some(pair(&app, account, &family.login, &family.refresh));
        Ok(Json(SignedIn { user: Person::new(credentials.account, &seen), tokens }))
    })
    .await
}

/// Takes back a login whose tokens nobody will get. Its sign of life may have been counted although it seemed to fail;
/// once the store knows that the login has ended, a late one starts nothing. What fails here is left to the task that
/// tells the store of ended logins.
async fn undo(app: &App, account: &Account, login: &LoginId, origin: &Origin) {
    if let Err(error) = app.accounts.end_family(account.id, login, EndReason::Abandoned, origin).await {
        tracing::warn!(%error, %login, "a login that nobody got is still open");
    }
    if let Err(error) = app.store.end_login(&account.id.user(), &account.org, login).await {
        tracing::warn!(%error, %login, "a login that nobody got may still show its user online");
    }
}

/// Where a login comes from.
pub(super) fn login_meta(origin: &Origin) -> LoginMeta {
    LoginMeta { device: None, user_agent: origin.user_agent.clone(), address: origin.address.clone() }
}

/// The sign of life that a login is, and its row: how the user stands after it.
async fn began(app: &App, account: &Account, login: &LoginId, origin: &Origin) -> Result<Seen, ApiError> {
    let seen = match app.store.beat(&first_beat(account, login)).await? {
        Answer::Standing { status, since, last_seen, .. } => {
            Seen::standing(account.id.user(), status, since, last_seen)
        }
        Answer::Gated(gate) => return Err(ApiError::Gated(gate)),
        Answer::Ended => return Err(ApiError::LoginEnded),
        Answer::Superseded => return Err(ApiError::superseded()),
    };
    let origin = Origin { session_id: Some(login.to_string()), ..origin.clone() };
    app.accounts.record_login(account.id, &origin).await?;
    Ok(seen)
}

fn first_beat(account: &Account, login: &LoginId) -> Beat {
    Beat {
        bearer: Bearer {
            user: account.id.user(),
            org: account.org.clone(),
            login: login.clone(),
            token_version: account.token_version,
        },
        tab: Tab::default(),
        activity: None,
        idle_ms: None,
        pace: Pace::Visible,
        device: None,
        connection: None,
        reason: Reason::Login,
        takes: true,
    }
}

/// An access token for this login of the account, and its refresh token.
pub(super) fn pair(app: &App, account: &Account, login: &LoginId, refresh: &SecretString) -> TokenPair {
    let grant = Grant {
        user: account.id.user(),
        org: account.org.clone(),
        login: login.clone(),
        token_version: account.token_version,
        role: account.role,
    };
    TokenPair {
        access: app.tokens.issue(&grant, OffsetDateTime::now_utc()),
        refresh: refresh.expose_secret().to_owned(),
    }
}
