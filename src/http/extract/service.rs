//! Endpoints that a host application's servers may call, too, with a service key in place of a token:
//!
//! | type | people | keys with |
//! |---|---|---|
//! | [`Viewer`] | every [`Caller`] | `presence:read` |
//! | [`Lister`] | those who may view users | `presence:read` |
//! | [`Counter`] | every [`Caller`] | `presence:read` or `stats:read` |
//! | [`Reporter`] | nobody | `activity:write` |
//! | [`Granter`] | nobody | `grants` |
//!
//! To what decides who may see what, a key that is bound to an organisation is one of its plain users, and one that is
//! not is a moderator.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::caller::bearer_token;
use super::to::Demand;
use super::{Caller, May, in_present_role, to};
use crate::accounts::{GoodKey, Scope};
use crate::app::App;
use crate::auth::{Claims, RoomRights};
use crate::http::error::ApiError;
use crate::http::measured;
use crate::metrics::labels::AuthMethod;
use crate::presence::{LoginId, Role, UserId};
use crate::store::{Answer, Bearer};

/// How a service key begins.
const PREFIX: &str = "rc_sk_";

/// Who may see the presence of others.
#[derive(Clone, Debug)]
pub struct Viewer(pub Claims);

/// Who may see lists of those present.
#[derive(Clone, Debug)]
pub struct Lister {
    /// Who it is, as somebody who looks at others.
    pub claims: Claims,
    token: String,
}

impl Lister {
    /// Whether the same token or key would be let in now: for answers that go on. No sign of life. Where a store does not
    /// answer, it may.
    pub async fn may_go_on(&self, app: &App) -> bool {
        if self.token.starts_with(PREFIX) {
            let found = app.service_keys.find(&self.token).await;
            return found.is_err()
                || found.is_ok_and(|key| key.is_some_and(|key| key.scopes.contains(&Scope::PresenceRead)));
        }
        let is_welcome = match app.store.check(&Bearer::from(&self.claims)).await {
            Ok(Answer::Gated(_) | Answer::Ended) => false,
            Ok(_) | Err(_) => true,
        };
        let role = in_present_role(app, self.claims.clone()).await;
        is_welcome && role.is_ok_and(|claims| claims.role.may(to::ViewUsers::PERMISSION))
    }
}

/// Who may see how many are present.
#[derive(Clone, Debug)]
pub struct Counter(pub Claims);

/// Who may say that people are active.
#[derive(Clone, Debug)]
pub struct Reporter(pub GoodKey);

/// Who may let people into rooms.
#[derive(Clone, Debug)]
pub struct Granter(pub GoodKey);

/// The service key of a request, if it brings one, and it has one of these scopes.
async fn service_key(parts: &Parts, app: &App, scopes: &[Scope]) -> Result<Option<GoodKey>, ApiError> {
    let token = bearer_token(&parts.headers)?;
    if !token.starts_with(PREFIX) {
        return Ok(None);
    }
    let found = app.service_keys.find(token).await?;
    let key = measured::attempt(AuthMethod::ServiceKey, found.ok_or(ApiError::TokenInvalid))?;
    if scopes.iter().any(|scope| key.scopes.contains(scope)) {
        Ok(Some(key))
    } else {
        Err(ApiError::Forbidden)
    }
}

/// A key as somebody who looks at others.
fn as_viewer(key: &GoodKey) -> Result<Claims, ApiError> {
    Ok(Claims {
        // No account has such a name, and no user of another issuer.
        user: UserId::parse(&format!("{PREFIX}{}", key.id)).map_err(ApiError::internal)?,
        org: key.org.clone().unwrap_or_default(),
        login: LoginId::parse("-").map_err(ApiError::internal)?,
        token_version: 0,
        role: if key.org.is_some() { Role::User } else { Role::Moderator },
        expires_at: i64::MAX,
        rooms: RoomRights::all(),
    })
}

impl FromRequestParts<App> for Viewer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        if let Some(key) = service_key(parts, app, &[Scope::PresenceRead]).await? {
            return as_viewer(&key).map(Self);
        }
        Caller::from_request_parts(parts, app).await.map(|Caller(claims)| Self(claims))
    }
}

impl FromRequestParts<App> for Lister {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let token = bearer_token(&parts.headers)?.to_owned();
        if let Some(key) = service_key(parts, app, &[Scope::PresenceRead]).await? {
            return Ok(Self { claims: as_viewer(&key)?, token });
        }
        let May(claims, ..) = May::<to::ViewUsers>::from_request_parts(parts, app).await?;
        Ok(Self { claims, token })
    }
}

impl FromRequestParts<App> for Counter {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        if let Some(key) = service_key(parts, app, &[Scope::PresenceRead, Scope::StatsRead]).await? {
            return as_viewer(&key).map(Self);
        }
        Caller::from_request_parts(parts, app).await.map(|Caller(claims)| Self(claims))
    }
}

impl FromRequestParts<App> for Reporter {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let key = service_key(parts, app, &[Scope::ActivityWrite]).await?;
        // A person's token is good, but it is no key.
        key.map(Self).ok_or(ApiError::Forbidden)
    }
}

impl FromRequestParts<App> for Granter {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let key = service_key(parts, app, &[Scope::Grants]).await?;
        key.map(Self).ok_or(ApiError::Forbidden)
    }
}
