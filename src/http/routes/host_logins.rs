//! The ends of logins of other issuers' people: Postgres first, because Redis may forget, then Redis.
//!
//! A host's token that names its login is ended by that name. One that names none can only be told by when it was issued:
//! it ends with all that were issued before it, and the next one that the host issues is good again.

use time::OffsetDateTime;

use crate::accounts::{EndedHost, HostEnd, Origin};
use crate::app::App;
use crate::auth::Claims;
use crate::http::error::ApiError;
use crate::presence::{Org, Reason, UserId};
use crate::store::StoreError;

/// The login of tokens that name none.
const NO_LOGIN: &str = "-";

/// What a logout of this caller ends; `None` if they are nobody's but our own.
pub(super) fn logout(app: &App, claims: &Claims) -> Option<EndedHost> {
    let end = match claims.login.as_str() {
        NO_LOGIN => HostEnd::IssuedBefore(claims.token_version.saturating_add(1)),
        _ => HostEnd::Login(claims.login.clone()),
    };
    ended(app, &claims.user, &claims.org, end, Reason::Logout)
}

/// What a logout everywhere of this caller ends: at least the token that says so, whatever the issuer's clock.
pub(super) fn logout_everywhere(app: &App, claims: &Claims) -> Option<EndedHost> {
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let end = HostEnd::IssuedBefore(now.max(claims.token_version.saturating_add(1)));
    ended(app, &claims.user, &claims.org, end, Reason::LogoutAll)
}

/// What a logout by force ends: all that may have been issued so far by a clock that is allowed to be ahead.
pub(super) fn force_logout(app: &App, user: &UserId, org: &Org) -> Option<EndedHost> {
    let name = user.issuer()?;
    let issuer = app.config.auth.issuers.iter().find(|issuer| issuer.name == name)?;
    let now = OffsetDateTime::now_utc().unix_timestamp() + issuer.leeway.millis().0 / 1_000;
    ended(app, user, org, HostEnd::IssuedBefore(now.saturating_add(1)), Reason::ForceLogout)
}

fn ended(app: &App, user: &UserId, org: &Org, end: HostEnd, reason: Reason) -> Option<EndedHost> {
    let life = app.verifier.host_token_life(user)?;
    Some(EndedHost { user: user.clone(), org: org.clone(), end, life, reason })
}

/// Ends it. Where one of the stores is away the other is told all the same; the caller learns that it should come back.
///
/// # Errors
/// Those of the stores; 403 for an administrator who is none any more, and then nothing ended.
pub(super) async fn end(
    app: &App,
    ended: &EndedHost,
    why: Option<&str>,
    origin: &Origin,
) -> Result<(), ApiError> {
    let kept = app.accounts.end_host(ended, why, origin).await;
    if let Err(crate::accounts::AccountError::NotEntitled) = kept {
        return Err(ApiError::Forbidden);
    }
    tell(app, ended, origin).await?;
    Ok(kept?)
}

async fn tell(app: &App, ended: &EndedHost, origin: &Origin) -> Result<(), StoreError> {
    let EndedHost { user, org, end, life, reason } = ended;
    let actor = origin.request_id.as_deref().filter(|_| *reason == Reason::ForceLogout);
    match end {
        HostEnd::Login(login) => app.store.end_login_for(user, org, login, *reason, actor, Some(*life)).await,
        HostEnd::IssuedBefore(second) => app.store.cut(user, org, *second, None, *reason, actor).await,
    }
}
