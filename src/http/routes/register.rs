//! Registering: somebody makes an account of their own.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::login::{SignedIn, login_meta, pair};
use crate::accounts::{Account, AccountStatus, Email, NewAccount, Username};
use crate::app::App;
use crate::auth::Password;
use crate::config::Registration;
use crate::http::error::ApiError;
use crate::http::extract::{Attempts, Body, Source};
use crate::http::person::Person;
use crate::http::seen::Seen;
use crate::presence::{Gate, GateKind, Org, Role};

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

/// Makes an account
///
/// Answers tokens like a login, but is no sign of life. Where accounts need approval, the tokens are good for nothing
/// until then.
#[utoipa::path(post, path = "/api/auth/register/", tag = "auth", security(()),
    request_body = RegisterBody, responses((status = 201, body = SignedIn),
        (status = 409, description = "The name or the address is taken")))]
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
        let life = app.config.auth.refresh_ttl.duration();
        let family = app.accounts.open_family(&account, &login_meta(&origin), life).await?;
        Some(pair(&app, &account, &family.login, &family.refresh))
    } else {
        None
    };
    let seen = Seen::unknown(account.id.user());
    Ok((StatusCode::CREATED, Json(SignedIn { user: Person::new(account, &seen), tokens })))
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
