//! One's own account: read, and changed as far as it is one's own to change; the password, too.
//!
//! A new password ends all other logins; the one that set it goes on.

use axum::Json;
use axum::extract::State;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::gates::in_effect;
use crate::accounts::{Account, AccountId, Email, NewPassword, Origin, OwnChanges};
use crate::app::App;
use crate::auth::{Claims, ResetToken};
use crate::http::error::ApiError;
use crate::http::extract::{Attempts, Body, Caller, Quiet, Source};
use crate::http::person::Person;
use crate::http::proof;
use crate::http::seen::see_oneself;
use crate::http::uncut::uncut;
use crate::http::words::Words;
use crate::presence::{LoginId, Reason};

/// Most characters of what people say of themselves.
const LONGEST_BIO: usize = 500;

/// Answers the caller's account and presence
#[utoipa::path(get, path = "/api/auth/me/", tag = "auth", responses((status = 200, body = Person)))]
pub async fn me(State(app): State<App>, Caller(claims): Caller) -> Result<Json<Person>, ApiError> {
    profile(&app, &claims).await
}

/// The same as `/api/auth/me/`
#[utoipa::path(get, path = "/api/auth/profile/", tag = "auth", responses((status = 200, body = Person)))]
pub async fn auth_profile(State(app): State<App>, Caller(claims): Caller) -> Result<Json<Person>, ApiError> {
    profile(&app, &claims).await
}

/// The same as `/api/auth/me/`
#[utoipa::path(get, path = "/api/users/profile/", tag = "users", responses((status = 200, body = Person)))]
pub async fn users_profile(State(app): State<App>, Caller(claims): Caller) -> Result<Json<Person>, ApiError> {
    profile(&app, &claims).await
}

async fn profile(app: &App, claims: &Claims) -> Result<Json<Person>, ApiError> {
    let account = app.accounts.by_id(own(claims)?).await?.ok_or(ApiError::NotFound("User"))?;
    let seen = see_oneself(app, claims).await?;
    Ok(Json(Person::new(account, &seen)))
}

/// What is to be different. What is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnBody {
    #[schema(value_type = Option<String>, max_length = 150)]
    first_name: Option<Words<150>>,
    #[schema(value_type = Option<String>, max_length = 150)]
    last_name: Option<Words<150>>,
    #[schema(max_length = 500)]
    bio: Option<String>,
    /// Also good to log in with. A new one is not verified.
    email: Option<String>,
    /// Ignored: existing clients send it along.
    #[serde(rename = "username")]
    #[schema(value_type = Option<String>)]
    _username: Option<String>,
    /// Needed with `new_password`.
    #[schema(value_type = Option<String>, format = Password)]
    current_password: Option<SecretString>,
    /// 8-128 characters; ends all other logins. Empty is absent.
    #[schema(value_type = Option<String>, format = Password)]
    new_password: Option<SecretString>,
}

/// Changes the caller's account
#[utoipa::path(patch, path = "/api/auth/me/", tag = "auth",
    request_body = Option<OwnBody>, responses((status = 200, body = Person)))]
pub async fn change_me(
    State(app): State<App>,
    Caller(claims): Caller,
    source: Source,
    attempts: Attempts,
    Body(body): Body<OwnBody>,
) -> Result<Json<Person>, ApiError> {
    change(app, claims, source, &attempts, body).await
}

/// The same as PATCH on `/api/auth/me/`
#[utoipa::path(put, path = "/api/auth/profile/", tag = "auth",
    request_body = Option<OwnBody>, responses((status = 200, body = Person)))]
pub async fn change_auth_profile(
    State(app): State<App>,
    Caller(claims): Caller,
    source: Source,
    attempts: Attempts,
    Body(body): Body<OwnBody>,
) -> Result<Json<Person>, ApiError> {
    change(app, claims, source, &attempts, body).await
}

/// The same as PATCH on `/api/auth/me/`
#[utoipa::path(put, path = "/api/users/profile/", tag = "users",
    request_body = Option<OwnBody>, responses((status = 200, body = Person)))]
pub async fn change_users_profile(
    State(app): State<App>,
    Caller(claims): Caller,
    source: Source,
    attempts: Attempts,
    Body(body): Body<OwnBody>,
) -> Result<Json<Person>, ApiError> {
    change(app, claims, source, &attempts, body).await
}

async fn change(
    app: App,
    claims: Claims,
    source: Source,
    attempts: &Attempts,
    body: OwnBody,
) -> Result<Json<Person>, ApiError> {
    let (id, origin) = (own(&claims)?, source.of(&claims));
    if body.bio.as_ref().is_some_and(|bio| bio.chars().count() > LONGEST_BIO) {
        return Err(ApiError::invalid("/bio", format!("expected at most {LONGEST_BIO} characters")));
    }
    let email = body.email.as_deref().map(Email::parse).transpose();
    let email = email.map_err(|rule| ApiError::invalid("/email", rule.to_string()))?;
    let new = body.new_password.filter(|password| !password.expose_secret().is_empty());
    let password = match new {
        Some(new) => {
            Some(changed(&app, attempts, id, &body.current_password.unwrap_or_default(), new, &origin).await?)
        }
        None => None,
    };
    let changes = OwnChanges {
        first_name: body.first_name.map(Words::into_text),
        last_name: body.last_name.map(Words::into_text),
        bio: body.bio,
        email,
        password,
    };
    uncut(async move {
        let (account, _) = apply(&app, id, &changes, &claims.login, &origin).await?;
        let seen = see_oneself(&app, &claims).await?;
        Ok(Json(Person::new(account, &seen)))
    })
    .await
}

/// The old password and the new one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordBody {
    #[schema(value_type = String, format = Password)]
    current_password: SecretString,
    /// 8-128 characters.
    #[schema(value_type = String, format = Password)]
    new_password: SecretString,
}

/// A new password.
#[derive(Debug, Serialize, ToSchema)]
pub struct PasswordAnswer {
    /// In words.
    message: &'static str,
    /// Whether presence has been told; if not, sessions end within about a second of its return.
    in_effect: bool,
}

/// Changes the caller's password
///
/// Ends all other logins; this one goes on with the tokens it has.
#[utoipa::path(post, path = "/api/auth/password/", tag = "auth",
    request_body = PasswordBody, responses((status = 200, body = PasswordAnswer)))]
pub async fn password(
    State(app): State<App>,
    Quiet(claims): Quiet,
    source: Source,
    attempts: Attempts,
    Body(body): Body<PasswordBody>,
) -> Result<Json<PasswordAnswer>, ApiError> {
    let (id, origin) = (own(&claims)?, source.of(&claims));
    let password = changed(&app, &attempts, id, &body.current_password, body.new_password, &origin).await?;
    let changes = OwnChanges { password: Some(password), ..OwnChanges::default() };
    uncut(async move {
        let (_, in_effect) = apply(&app, id, &changes, &claims.login, &origin).await?;
        Ok(Json(PasswordAnswer { message: "Password changed", in_effect }))
    })
    .await
}

/// A link that an administrator made, and the password it is to set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetBody {
    /// As it was handed over: `pr_..`.
    #[schema(value_type = String)]
    token: SecretString,
    /// 8-128 characters.
    #[schema(value_type = String, format = Password)]
    new_password: SecretString,
}

/// Sets a password by a link
///
/// Good once. Ends all logins; a second factor stays.
#[utoipa::path(post, path = "/api/auth/password/reset/", tag = "auth", security(()),
    request_body = ResetBody, responses((status = 200, body = PasswordAnswer)))]
pub async fn reset(
    State(app): State<App>,
    Source(origin): Source,
    attempts: Attempts,
    Body(ResetBody { token, new_password }): Body<ResetBody>,
) -> Result<Json<PasswordAnswer>, ApiError> {
    let over = || ApiError::invalid("/token", "The link is not valid any more");
    let link = ResetToken::parse(&token).ok_or_else(over)?.hash();
    let attempt = attempts.admit(&app, token.expose_secret()).await?;
    let Some(account) = app.accounts.reset_link(link).await? else {
        attempt.failed(&app).await;
        return Err(over());
    };
    attempt.good(&app).await;
    let hash = proof::new_password(&app, &account, new_password).await?;
    uncut(async move {
        let (account, version) = app.accounts.reset_password(link, &hash, &origin).await?;
        let user = account.id.user();
        let cut = app.store.cut(&user, &account.org, version, None, Reason::LogoutAll, None).await;
        Ok(Json(PasswordAnswer { message: "Password set", in_effect: in_effect(cut)? }))
    })
    .await
}

/// A new password in place of the present one, which proves its user.
async fn changed(
    app: &App,
    attempts: &Attempts,
    id: AccountId,
    present: &SecretString,
    new: SecretString,
    origin: &Origin,
) -> Result<NewPassword, ApiError> {
    let proved = proof::of_password(app, attempts, id, present, "/current_password", origin).await?;
    let (credentials, attempt) = proved;
    attempt.good(app).await;
    if new.expose_secret() == present.expose_secret() {
        return Err(ApiError::invalid("/new_password", "The new password is the present one."));
    }
    let hash = proof::new_password(app, &credentials.account, new).await?;
    Ok(NewPassword { was: credentials.password_hash, hash })
}

/// Changes the account, and where the password changed tells presence of the logins that ended; answers whether it knows.
async fn apply(
    app: &App,
    id: AccountId,
    changes: &OwnChanges,
    keep: &LoginId,
    origin: &Origin,
) -> Result<(Account, bool), ApiError> {
    let (account, version) = app.accounts.change_own(id, changes, keep, origin).await?;
    let Some(version) = version else {
        return Ok((account, true));
    };
    let user = id.user();
    let cut = app.store.cut(&user, &account.org, version, Some(keep), Reason::LogoutAll, None).await;
    Ok((account, in_effect(cut)?))
}

/// The caller's account; whom a host vouches for has none here.
pub(super) fn own(claims: &Claims) -> Result<AccountId, ApiError> {
    AccountId::of(&claims.user).ok_or(ApiError::NotFound("User"))
}
