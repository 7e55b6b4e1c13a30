//! Registering and logging in.
//!
//! A login is a sign of life. With Redis away it is refused before anything is created: a login that nobody can
//! see would be answered by a client that believes it is online.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::accounts::{
    Account, AccountStatus, Credentials, Email, EndReason, Family, LoginMeta, NewAccount, Origin, Username,
};
use crate::app::App;
use crate::auth::{Grant, Password};
use crate::config::Registration;
use crate::http::error::ApiError;
use crate::http::extract::{Attempts, Body, Source};
use crate::http::measured;
use crate::http::person::Person;
use crate::http::seen::Seen;
use crate::http::uncut::uncut;
use crate::metrics::labels::AuthMethod;
use crate::presence::{Gate, GateKind, LoginId, Org, Pace, Reason, Role, Tab};
use crate::store::{Answer, Bearer, Beat};

/// Longer names and passwords, in characters, are refused unread: none can be right.
const LONGEST_NAME: usize = 254;
const LONGEST_PASSWORD: usize = 128;

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
}

/// A new account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterBody {
    /// 3-150 letters, digits, spaces and `_ . -`.
    #[serde(default)]
    username: String,
    /// `<username>@offchat.local` if absent.
    email: Option<String>,
    /// 8-128 characters.
    #[serde(default)]
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// At most 150 characters.
    #[serde(default)]
    first_name: String,
    /// At most 150 characters.
    #[serde(default)]
    last_name: String,
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
    user: Person,
    /// Absent if the account waits for approval and presence could not be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<TokenPair>,
}

/// Makes an account
///
/// Answers tokens like a login, but is no sign of life. Where accounts need approval, the tokens are good for nothing
/// until then.
#[utoipa::path(post, path = "/api/auth/register/", tag = "auth", security(()),
    request_body = RegisterBody, responses((status = 201, body = SignedIn)))]
pub async fn register(
    State(app): State<App>,
    Source(origin): Source,
    attempts: Attempts,
    Body(body): Body<RegisterBody>,
) -> Result<(StatusCode, Json<SignedIn>), ApiError> {
    attempts.register(&app).await?;
    let new = new_account(&app, body).await?;
    let account = app.accounts.create(&new, &origin).await?;
    let harmless = match account.gate() {
        None => true,
        Some(kind) => gate(&app, &account, kind).await,
    };
    let tokens = if harmless {
        let family = open(&app, &account, &origin).await?;
        Some(pair(&app, &account, &family.login, &family.refresh))
    } else {
        None
    };
    let user = Person::new(&account, &Seen::unknown(account.id.user()));
    Ok((StatusCode::CREATED, Json(SignedIn { user, tokens })))
}

/// Logs in
///
/// A sign of life: the user is online from now on, for as long as heartbeats follow.
#[utoipa::path(post, path = "/api/auth/login/", tag = "auth", security(()),
    request_body = LoginBody, responses((status = 200, body = SignedIn)))]
pub async fn login(
    State(app): State<App>,
    Source(origin): Source,
    attempts: Attempts,
    Body(body): Body<LoginBody>,
) -> Result<Json<SignedIn>, ApiError> {
    let account =
        measured::attempt(AuthMethod::Password, authenticated(&app, &attempts, body, &origin).await)?;
    app.store.ping().await?;
    uncut(async move {
        let family = open(&app, &account, &origin).await?;
        let seen = match began(&app, &account, &family.login, &origin).await {
            Ok(seen) => seen,
            Err(error) => {
                undo(&app, &account, &family.login, &origin).await;
                return Err(error);
            }
        };
        let tokens = Some(pair(&app, &account, &family.login, &family.refresh));
        Ok(Json(SignedIn { user: Person::new(&account, &seen), tokens }))
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

/// Tells presence that a new account may not be online yet; false if it could not be told. Existing clients take a
/// registration without tokens for a failure, so tokens are given as soon as they can do no harm.
async fn gate(app: &App, account: &Account, kind: GateKind) -> bool {
    let gate = Gate { kind: Some(kind), version: account.gate_version, until: None };
    match app.store.gate(&account.id.user(), &account.org, &gate, None).await {
        Ok(()) => {
            if let Err(error) = app.accounts.confirm_gate(account.id, gate.version).await {
                tracing::debug!(%error, "a new account's gate is told to the store once more");
            }
            true
        }
        Err(error) => {
            tracing::warn!(%error, account = %account.id, "a new account's gate is not in the store yet");
            false
        }
    }
}

/// The account behind name and password. Unknown names cost as much time as wrong passwords, and are told apart by
/// nothing in the answer.
async fn authenticated(
    app: &App,
    attempts: &Attempts,
    body: LoginBody,
    origin: &Origin,
) -> Result<Account, ApiError> {
    let LoginBody { username, password } = body;
    let (name, length) = (username.trim(), password.expose_secret().chars().count());
    if name.is_empty() || length == 0 {
        return Err(ApiError::invalid("", "Username and password are required"));
    }
    if name.chars().count() > LONGEST_NAME {
        return Err(ApiError::invalid("/username", "Username too long"));
    }
    if length > LONGEST_PASSWORD {
        return Err(ApiError::invalid("/password", "Password too long"));
    }
    let attempt = attempts.admit(app, name).await?;
    let _place = app.passwords.place(attempt.is_known())?;
    let credentials = app.accounts.credentials(name).await?;
    let hash = credentials.as_ref().map(|credentials| credentials.password_hash.as_str());
    let verdict = app.passwords.verify(password.clone(), hash).await?;
    let known = credentials.as_ref().map(|credentials| credentials.account.id);
    let Some(credentials) = credentials.filter(|_| verdict.ok) else {
        attempt.failed(app).await;
        app.accounts.record_failed_login(known, origin).await?;
        return Err(ApiError::BadCredentials);
    };
    attempt.good(app).await;
    if let Some(gate) = credentials.account.gate() {
        app.accounts.record_failed_login(known, origin).await?;
        return Err(ApiError::Gated(gate));
    }
    if verdict.needs_rehash
        && let Err(error) = rehash(app, &credentials, password).await
    {
        // The old hash is as good as it was; the next login tries again.
        tracing::warn!(%error, "a password keeps its old hash");
    }
    Ok(credentials.account)
}

/// Hashes a password anew at today's cost, while it is at hand.
async fn rehash(app: &App, credentials: &Credentials, password: SecretString) -> Result<(), ApiError> {
    let password = Password::parse(password).map_err(ApiError::internal)?;
    let hash = app.passwords.hash(password).await?;
    Ok(app.accounts.rehash(credentials, &hash).await?)
}

async fn new_account(app: &App, body: RegisterBody) -> Result<NewAccount, ApiError> {
    let status = match app.config.auth.registration {
        Registration::Active => AccountStatus::Active,
        Registration::Approval => AccountStatus::Pending,
        Registration::Closed => return Err(ApiError::Closed("Registration is closed.")),
    };
    let invalid = |pointer: &str, rule: &dyn std::fmt::Display| ApiError::invalid(pointer, rule.to_string());
    let username = Username::parse(&body.username).map_err(|rule| invalid("/username", &rule))?;
    let given = body.email.filter(|email| !email.trim().is_empty());
    let email = given.map_or_else(|| Email::of(&username), |email| Email::parse(&email));
    let email = email.map_err(|rule| invalid("/email", &rule))?;
    let password = Password::parse(body.password).map_err(|rule| invalid("/password", &rule))?;
    Ok(NewAccount {
        username,
        email,
        password_hash: app.passwords.hash(password).await?,
        role: Role::User,
        status,
        org: Org::default(),
        first_name: body.first_name,
        last_name: body.last_name,
    })
}

async fn open(app: &App, account: &Account, origin: &Origin) -> Result<Family, ApiError> {
    let meta =
        LoginMeta { device: None, user_agent: origin.user_agent.clone(), address: origin.address.clone() };
    Ok(app.accounts.open_family(account, &meta, app.config.auth.refresh_ttl.duration()).await?)
}

/// The sign of life that a login is, and its row: how the user stands after it.
async fn began(app: &App, account: &Account, login: &LoginId, origin: &Origin) -> Result<Seen, ApiError> {
    let seen = match app.store.beat(&first_beat(account, login)).await? {
        Answer::Standing { status, since, last_seen, .. } => {
            Seen::standing(account.id.user(), status, since, last_seen)
        }
        Answer::Gated(gate) => return Err(ApiError::Gated(gate)),
        Answer::Ended => return Err(ApiError::LoginEnded),
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
