//! `/api/presence/activity/`: a host application's servers say who has just been active, so that every request of its
//! people keeps them online, without a change in its clients.
//!
//! Each is a sign of life of a session of that person, like a heartbeat of a visible page, and goes the same way.

use std::collections::HashMap;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::{AccountId, GoodKey};
use crate::app::App;
use crate::auth::Verifier;
use crate::http::error::ApiError;
use crate::http::extract::{Body, Reporter};
use crate::http::measured;
use crate::http::time::Timestamp;
use crate::metrics::labels::Transport;
use crate::metrics::record;
use crate::presence::{Activity, Device, LoginId, Org, Pace, Reason, Status, Tab, UserId};
use crate::store::{Answer, Bearer, Beat};

/// Most people of one report.
pub const MOST: usize = 1_000;
/// Bytes of a report's body: all of them with the longest names there are.
pub const BODY_LIMIT: usize = 1024 * 1024;
/// Heartbeats under way at a time, so that a report fills calls on Redis and leaves room for others.
const AT_ONCE: usize = 200;
/// The login of those whose session the host does not name.
const SERVICE_LOGIN: &str = "srv";
/// A host's word is newer than any token: the largest version that scripts can compare.
const TOKEN_VERSION: i64 = (1 << 53) - 1;

/// Somebody who has just been active. What is wrong with one of them is answered for that one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActivePerson {
    /// An account's number as text, or `<issuer>~<subject>`.
    #[schema(example = "shop~4711")]
    id: String,
    /// The organisation of somebody without an account; that of the key, or `main`, if absent.
    org: Option<String>,
    /// `web`, `mobile` or `desktop`.
    device: Option<String>,
    /// For how long they have not been active, in ms; not at all if absent.
    #[schema(minimum = 0)]
    idle_ms: Option<u32>,
    /// The host's name of their session, as its tokens say it (`sid`): a logout of that one ends this, too.
    session: Option<String>,
}

/// Who has just been active.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActivityBody {
    /// At most 1000.
    #[schema(max_items = 1000)]
    users: Vec<ActivePerson>,
}

/// What became of one of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActivityResult {
    id: String,
    /// Whether it counted.
    ok: bool,
    /// As others see them now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "online")]
    online_status: Option<Status>,
    /// Why it did not count, in the words of errors: `account_banned`, `login_ended`, `invalid_value` ...
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// The same for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// What became of all.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActivityAnswer {
    /// In the order of the report.
    results: Vec<ActivityResult>,
    /// How many counted.
    accepted: usize,
    /// For so long they are present now without another sign of life, in ms.
    ttl_ms: i64,
    /// The clock that decides presence; `null` if nothing counted.
    server_time: Option<Timestamp>,
}

/// Records that people are active
///
/// For a host application's servers, with a service key (`activity:write`). Each is judged by itself.
#[utoipa::path(post, path = "/api/presence/activity/", tag = "presence",
    request_body = ActivityBody, responses((status = 200, body = ActivityAnswer)))]
pub async fn report(
    State(app): State<App>,
    Reporter(key): Reporter,
    Body(ActivityBody { users }): Body<ActivityBody>,
) -> Result<Json<ActivityAnswer>, ApiError> {
    if users.len() > MOST {
        return Err(ApiError::invalid("/users", format!("at most {MOST} users")));
    }
    let (ids, beats) = beats(&app, &key, users).await?;
    let said: Vec<_> = stream::iter(beats).map(|beat| said(&app, beat)).buffered(AT_ONCE).collect().await;
    if let Some(error) = silence(&said) {
        return Err(error);
    }
    let server_time = said.iter().flatten().map(|(_, at)| *at).max();
    let results: Vec<_> = ids.into_iter().zip(said).map(|(id, said)| ActivityResult::of(id, said)).collect();
    Ok(Json(ActivityAnswer {
        accepted: results.iter().filter(|result| result.ok).count(),
        results,
        ttl_ms: app.policy.visible.ttl.0,
        server_time,
    }))
}

impl ActivityResult {
    fn of(id: String, said: Result<(Status, Timestamp), ApiError>) -> Self {
        match said {
            Ok((status, _)) => {
                Self { id, ok: true, online_status: Some(status.shown()), code: None, detail: None }
            }
            Err(error) => {
                let (code, detail) = (Some(error.code()), Some(error.to_string()));
                Self { id, ok: false, online_status: None, code, detail }
            }
        }
    }
}

/// Why nothing of a report could be done: a store that is away is away for all of it, and the host should come back with
/// the whole.
fn silence<T>(said: &[Result<T, ApiError>]) -> Option<ApiError> {
    let errors: Option<Vec<&ApiError>> = said.iter().map(|said| said.as_ref().err()).collect();
    let errors = errors.filter(|errors| errors.iter().all(|error| error.retry_after().is_some()))?;
    errors.first().map(|error| (*error).clone())
}

/// One sign of life.
async fn said(app: &App, beat: Result<Beat, ApiError>) -> Result<(Status, Timestamp), ApiError> {
    let beat = beat?;
    let began = Instant::now();
    let result = match app.store.beat(&beat).await {
        Ok(Answer::Standing { status, now, .. }) => Ok((status, Timestamp::from(now))),
        Ok(Answer::Gated(gate)) => Err(ApiError::Gated(gate)),
        Ok(Answer::Ended) => Err(ApiError::LoginEnded),
        Ok(Answer::Superseded) => Err(ApiError::superseded()),
        Err(error) => Err(error.into()),
    };
    record::heartbeat(Transport::Http, measured::heartbeat(&result), began.elapsed());
    result
}

type Beats = (Vec<String>, Vec<Result<Beat, ApiError>>);

/// What the report says of each, in the organisation that they are in. That of an account is Postgres's to say, and a
/// key that is bound to one reaches nobody of another: neither accounts, nor people who are known there.
async fn beats(app: &App, key: &GoodKey, users: Vec<ActivePerson>) -> Result<Beats, ApiError> {
    let ids = users.iter().map(|person| person.id.clone()).collect();
    let mut beats: Vec<_> = users.into_iter().map(|person| beat(app, key, person)).collect();
    let accounts: Vec<_> =
        beats.iter().flatten().filter_map(|beat| AccountId::of(&beat.bearer.user)).collect();
    let (orgs, silent) = app.orgs.of(&accounts).await;
    let known = if key.org.is_some() { known_orgs(app, &beats).await? } else { HashMap::new() };
    for beat in &mut beats {
        let Ok(said) = beat else { continue };
        let user = &said.bearer.user;
        match (AccountId::of(user).map(|id| orgs.get(&id)), known.get(user)) {
            (Some(Some(org)), _) | (None, Some(org)) => said.bearer.org = org.clone(),
            (None, None) => {}
            (Some(None), _) => {
                *beat = Err(match &silent {
                    Some(_) => ApiError::Unavailable("The database"),
                    None => ApiError::NotFound("User"),
                });
                continue;
            }
        }
        if key.org.as_ref().is_some_and(|org| *org != said.bearer.org) {
            *beat = Err(ApiError::Forbidden);
        }
    }
    Ok((ids, beats))
}

/// The organisations of those whom presence knows.
async fn known_orgs(app: &App, beats: &[Result<Beat, ApiError>]) -> Result<HashMap<UserId, Org>, ApiError> {
    let users: Vec<UserId> = beats.iter().flatten().map(|beat| beat.bearer.user.clone()).collect();
    let views = app.store.views(&users).await?.into_iter().flatten();
    Ok(views.map(|view| (view.user, view.org)).collect())
}

fn beat(app: &App, key: &GoodKey, person: ActivePerson) -> Result<Beat, ApiError> {
    let invalid = |error: &dyn std::fmt::Display| ApiError::invalid("", error.to_string());
    let user = UserId::parse(&person.id).map_err(|error| invalid(&error))?;
    if AccountId::of(&user).is_none() && user.issuer().is_none_or(str::is_empty) {
        return Err(invalid(&"expected an account's number or <issuer>~<subject>"));
    }
    let org = match &person.org {
        Some(org) => Org::parse(org).map_err(|error| invalid(&error))?,
        None => key.org.clone().unwrap_or_else(|| default_org(app, &user)),
    };
    let login = match person.session.as_deref().filter(|session| !session.is_empty()) {
        Some(session) => Verifier::login_of_session(session),
        None => LoginId::parse(SERVICE_LOGIN).map_err(ApiError::internal)?,
    };
    let idle_ms = person.idle_ms.map(i64::from);
    let idle = idle_ms.is_some_and(|ms| ms >= app.policy.idle_away.0);
    Ok(Beat {
        bearer: Bearer { user, org, login, token_version: TOKEN_VERSION },
        tab: Tab::default(),
        activity: Some(if idle { Activity::Idle } else { Activity::Active }),
        idle_ms: idle_ms.filter(|_| idle),
        pace: Pace::Visible,
        device: person
            .device
            .map(|word| word.parse::<Device>())
            .transpose()
            .map_err(|error| invalid(&error))?,
        connection: None,
        reason: Reason::Connect,
        takes: true,
    })
}

/// The organisation of an issuer's people whose organisation nobody says.
fn default_org(app: &App, user: &UserId) -> Org {
    let mut issuers = app.config.auth.issuers.iter();
    let issuer = issuers.find(|issuer| user.issuer() == Some(issuer.name.as_str()));
    issuer.map(|issuer| issuer.org.clone()).unwrap_or_default()
}
