//! Who is calling. The argument's type says what a handler demands of the caller and whether the request is a
//! sign of life:
//!
//! | type | role | sign of life | login and gate checked | without Redis |
//! |---|---|---|---|---|
//! | [`Caller`] | any | yes | yes | the token alone decides |
//! | [`May`] | one with the permission | yes | yes | the token and Postgres decide |
//! | [`Entering`] | the same, and nothing before it reads | when it reads | when it reads | the same |
//! | [`Quiet`] | any | no | yes | 503: an ended login must not act |
//! | [`Verified`] | any | no | no | not asked: the handler's own call on the store decides (logout) |
//! | [`Beating`] | any | no | no | the same (heartbeat); above the pace of requests it is told so, and not refused |
//!
//! A [`Caller`] is let in while Redis does not answer, because requests that only read Postgres go on then; those that
//! need presence fail at their own call. While a shard is being restored Redis does answer, and soon knows better: its
//! users get 503.
//!
//! A token says which role its bearer had when it was issued. What demands more than a plain user reads the role anew, so
//! that one who was given or lost it need not wait for the next token; without Postgres that is a 503. For a [`Caller`]
//! the role only decides how much is shown: it is read anew, too, but a Postgres that does not answer at once leaves the
//! token's word.

use std::marker::PhantomData;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use time::OffsetDateTime;
use tokio::try_join;

use super::to::Demand;
use crate::accounts::{AccountError, AccountId};
use crate::app::App;
use crate::auth::Claims;
use crate::http::error::ApiError;
use crate::http::limits::{self, Excess};
use crate::http::measured;
use crate::metrics::labels::AuthMethod;
use crate::presence::{Millis, Role};
use crate::store::{Answer, Bearer, StoreError};

/// How long the present role of a caller is waited for where the token's word would do.
const ROLE_PATIENCE: Duration = Duration::from_millis(500);

/// Who has changed less long ago may have done so while this request was under way: by another one, by a touch that was
/// sent again, or by a clock that stood behind.
const JUST_NOW: Millis = Millis(2_000);

/// A caller whose token is good.
#[derive(Clone, Debug)]
pub struct Verified(pub Claims);

/// A caller whose token is good, with what would be refused: those who send signs of life too often are told how they
/// stand all the same.
#[derive(Debug)]
pub struct Beating(pub Claims, pub Result<(), Excess>);

/// A caller whose token and login are good; the request is no sign of life.
#[derive(Clone, Debug)]
pub struct Quiet(pub Claims);

/// A caller whose token and login are good; the request is a sign of life.
#[derive(Clone, Debug)]
pub struct Caller(pub Claims);

/// A [`Caller`] whose role has the permission that `P` names: `May(claims, ..): May<to::ViewUsers>`.
#[derive(Clone, Debug)]
pub struct May<P>(pub Claims, pub PhantomData<P>);

/// A [`May`] who is let in while the list that they ask for is read: a way to Redis less. All that is known before
/// [`reading`](Self::reading) is that the token is good.
#[derive(Clone, Debug)]
pub struct Entering<P>(Claims, PhantomData<P>);

impl From<&Claims> for Bearer {
    fn from(claims: &Claims) -> Self {
        Self {
            user: claims.user.clone(),
            org: claims.org.clone(),
            login: claims.login.clone(),
            token_version: claims.token_version,
        }
    }
}

/// What the store says of a caller.
fn judged(answer: Answer) -> Result<(), ApiError> {
    match answer {
        Answer::Standing { .. } => Ok(()),
        Answer::Ended => Err(ApiError::LoginEnded),
        Answer::Gated(gate) => Err(ApiError::Gated(gate)),
        Answer::Superseded => Err(ApiError::superseded()),
    }
}

/// The same where the store's silence is not the caller's fault. Only silence passes: a defect must not open doors.
///
/// # Errors
/// 401 if the login has ended, 403 if the account is gated, 503 if the shard is being restored.
pub fn admitted(answer: Result<Answer, StoreError>) -> Result<(), ApiError> {
    match answer {
        Ok(answer) => judged(answer),
        Err(error @ (StoreError::Unavailable(_) | StoreError::Overloaded)) => {
            tracing::debug!(%error, "served on the token alone");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// The token of the `Authorization` header.
pub fn bearer_token(headers: &HeaderMap) -> Result<&str, ApiError> {
    let header = headers.get(header::AUTHORIZATION).ok_or(ApiError::TokenMissing)?;
    let text = header.to_str().map_err(|_| ApiError::TokenInvalid)?;
    let (scheme, token) = text.split_once(' ').ok_or(ApiError::TokenInvalid)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(ApiError::TokenMissing) }
}

impl FromRequestParts<App> for Verified {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Beating(claims, pace) = Beating::from_request_parts(parts, app).await?;
        pace.map_err(Excess::refused)?;
        Ok(Self(claims))
    }
}

impl FromRequestParts<App> for Beating {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let claims = verify(app, bearer_token(&parts.headers)?).await?;
        let pace = limits::request(app, &claims, &parts.extensions).await;
        Ok(Self(claims, pace))
    }
}

/// Whose token this is.
///
/// # Errors
/// 401 if it is not good; 503 if its issuer's keys cannot be read.
pub async fn verify(app: &App, token: &str) -> Result<Claims, ApiError> {
    let verified = app.verifier.verify(token, OffsetDateTime::now_utc()).await;
    measured::attempt(AuthMethod::Access, verified.map_err(ApiError::from))
}

impl FromRequestParts<App> for Quiet {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Verified(claims) = Verified::from_request_parts(parts, app).await?;
        judged(app.store.check(&Bearer::from(&claims)).await?)?;
        Ok(Self(claims))
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Verified(claims) = Verified::from_request_parts(parts, app).await?;
        let bearer = Bearer::from(&claims);
        let (_, claims) = touched(app, &bearer, in_present_role(app, claims)).await?;
        claims.map(Self)
    }
}

/// The claims with the role that their bearer has now, where they say more than that of a plain user. A Postgres that
/// does not answer at once leaves the token's word.
///
/// # Errors
/// The account is gone, or may not act.
pub async fn in_present_role(app: &App, claims: Claims) -> Result<Claims, ApiError> {
    if claims.role == Role::User {
        return Ok(claims);
    }
    match tokio::time::timeout(ROLE_PATIENCE, role_now(app, &claims)).await {
        Ok(Ok(role)) => Ok(Claims { role, ..claims }),
        // Whose second factor is missing is let in like everybody, to enrol one.
        Ok(Err(AccountError::TotpDemanded)) => Ok(Claims { role: Role::User, ..claims }),
        Err(_) | Ok(Err(AccountError::Unavailable(_))) => {
            tracing::debug!("a role is taken from its token");
            Ok(claims)
        }
        Ok(Err(error)) => Err(error.into()),
    }
}

/// How the store met a caller. If it did not answer, it knows nothing of them.
#[derive(Clone, Copy, Debug, Default)]
struct Met {
    /// They may have come, or changed, by this very request or one beside it.
    has_come: bool,
    /// Their last sign of life, this request among them.
    last_seen: Option<Millis>,
}

/// What comes of something that is done while the store hears of the caller: each takes a way to a store and back. Who is not
/// admitted is told so at once, whatever would have come of it.
async fn touched<T>(
    app: &App,
    bearer: &Bearer,
    meanwhile: impl Future<Output = T>,
) -> Result<(Met, T), ApiError> {
    let touched = async {
        let answer = app.store.touch(bearer).await;
        let met = match answer {
            Ok(Answer::Standing { since, last_seen, now, .. }) => {
                Met { has_come: now - since < JUST_NOW, last_seen: Some(last_seen) }
            }
            _ => Met::default(),
        };
        admitted(answer).map(|()| met)
    };
    try_join!(touched, async { Ok(meanwhile.await) })
}

/// The role of a caller now. Who has no account here has the role that the token says.
async fn role_now(app: &App, claims: &Claims) -> Result<Role, AccountError> {
    match AccountId::of(&claims.user) {
        Some(account) => Ok(app.accounts.role_now(account, &claims.login).await?.unwrap_or(Role::User)),
        None => Ok(claims.role),
    }
}

impl<P: Demand> FromRequestParts<App> for May<P> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Verified(claims) = Verified::from_request_parts(parts, app).await?;
        let (_, role) = touched(app, &Bearer::from(&claims), role_now(app, &claims)).await?;
        permitted::<P>(claims, role?).map(|claims| Self(claims, PhantomData))
    }
}

/// The caller in their present role, if it has the permission that `P` names.
fn permitted<P: Demand>(claims: Claims, role: Role) -> Result<Claims, ApiError> {
    if role.may(P::PERMISSION) { Ok(Claims { role, ..claims }) } else { Err(ApiError::Forbidden) }
}

impl<P: Demand> FromRequestParts<App> for Entering<P> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Verified(claims) = Verified::from_request_parts(parts, app).await?;
        Ok(Self(claims, PhantomData))
    }
}

impl<P: Demand> Entering<P> {
    /// Reads a list of those present while the caller is let in. Who comes by this very request would be missing from it:
    /// for them it is read again. Whoever was there already may stand in it as they were before it: their last sign of
    /// life is answered beside it.
    ///
    /// # Errors
    /// Those of [`May`], then those of reading.
    pub async fn reading<T, E, F>(
        self,
        app: &App,
        read: impl Fn() -> F,
    ) -> Result<(Claims, Option<Millis>, T), ApiError>
    where
        ApiError: From<E>,
        F: Future<Output = Result<T, E>>,
    {
        let Self(claims, ..) = self;
        let bearer = Bearer::from(&claims);
        // For whom the token says no, nothing is read before it is known whether that has changed.
        let trusts_token = claims.role.may(P::PERMISSION);
        let early = async { Ok(if trusts_token { Some(read().await) } else { None }) };
        let entered = async {
            let role = role_now(app, &claims).await?;
            permitted::<P>(claims, role)
        };
        let (met, read_early) = touched(app, &bearer, async { try_join!(entered, early) }).await?;
        let (claims, early) = read_early?;
        let found = match early.filter(|_| !met.has_come) {
            Some(found) => found,
            None => read().await,
        };
        Ok((claims, met.last_seen, found?))
    }
}
