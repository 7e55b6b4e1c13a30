//! `/api/presence/rooms/`: who is in a room, for pages and servers without a socket.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::auth::{Claims, RoomPattern, TokenError};
use crate::http::error::ApiError;
use crate::http::extract::{Body, Caller, Granter, Path, Query, Viewer};
use crate::http::seen::{Seen, see};
use crate::http::time::Timestamp;
use crate::presence::{Org, Role, Room, Tab, UserId};
use crate::store::{Bearer, Join};

/// Most members of a page.
const MOST: usize = 1_000;
/// How long a grant is good that does not say it, in ms.
const USUAL_LIFE: i64 = 3_600_000;
/// The longest life of a grant, in ms: a day.
const LONGEST_LIFE: i64 = 86_400_000;

/// Whether a caller may join a room: their token says so, or a grant does.
///
/// # Errors
/// 403 if neither does; 400 at `/grant` for a grant that is not good, or is for somebody or something else; 503 if the
/// keys of its issuer cannot be read.
pub async fn admit(app: &App, claims: &Claims, room: &Room, grant: Option<&str>) -> Result<(), ApiError> {
    if claims.rooms.admits(room) {
        return Ok(());
    }
    let Some(grant) = grant else { return Err(ApiError::Forbidden) };
    let grant =
        app.verifier.room_grant(grant, OffsetDateTime::now_utc()).await.map_err(|error| match error {
            TokenError::Unavailable => error.into(),
            TokenError::Expired => ApiError::invalid("/grant", "the grant has expired"),
            TokenError::Invalid => ApiError::invalid("/grant", "the grant is not valid"),
        })?;
    if grant.admits(claims, room) {
        Ok(())
    } else {
        Err(ApiError::invalid("/grant", "the grant is for somebody else, or for another room"))
    }
}

/// Whether a session that wanted to join is in the room now.
///
/// # Errors
/// 409 with the reason; 401 and 403 as for a heartbeat.
pub fn joined(join: Join) -> Result<(), ApiError> {
    let conflict = |why: &str| Err(ApiError::Conflict(why.to_owned()));
    match join {
        Join::Joined | Join::Already => Ok(()),
        Join::Hidden => conflict("You are shown offline, and so you are in no room."),
        Join::Full => conflict("The room is full, or you are in as many rooms as a session may be in."),
        Join::NoSession => conflict("There is no such session. Send a heartbeat for it first."),
        Join::Gated(gate) => Err(ApiError::Gated(gate)),
        Join::Ended => Err(ApiError::LoginEnded),
    }
}

/// Where a page of members ended: at this one. Opaque to clients.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct MemberCursor(UserId);

impl FromStr for MemberCursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        let name = bytes.and_then(|bytes| UserId::parse(std::str::from_utf8(&bytes).ok()?).ok());
        name.map(Self).ok_or("not a cursor of this list")
    }
}

impl TryFrom<String> for MemberCursor {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for MemberCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0.as_str()))
    }
}

/// Which members to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MembersQuery {
    /// Of this organisation's room; for moderators, and service keys that are bound to none.
    #[param(value_type = Option<String>)]
    org: Option<Org>,
    /// At most 1000, and 1000 if absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The `next_cursor` of a page.
    #[param(value_type = Option<String>)]
    cursor: Option<MemberCursor>,
}

/// A room.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoomAnswer {
    /// Its name.
    #[schema(value_type = String, example = "doc:7")]
    room: Room,
    /// How many users are in it, on all pages.
    count: u64,
    /// Those of this page, by their ids.
    results: Vec<Seen>,
    /// Passed as `cursor`, the page after this one.
    next_cursor: Option<String>,
}

/// Lists who is in a room
///
/// For those who may join it or are in it, for moderators, and for service keys with `presence:read`.
#[utoipa::path(get, path = "/api/presence/rooms/{room}/", tag = "rooms",
    params(("room" = String, Path, description = "the room's name"), MembersQuery),
    responses((status = 200, body = RoomAnswer)))]
pub async fn members(
    State(app): State<App>,
    Viewer(claims): Viewer,
    Path(room): Path<Room>,
    Query(MembersQuery { org, limit, cursor }): Query<MembersQuery>,
) -> Result<Json<RoomAnswer>, ApiError> {
    let limit = limit.unwrap_or(MOST);
    if !(1..=MOST).contains(&limit) {
        return Err(ApiError::invalid("limit", format!("expected 1 to {MOST}")));
    }
    let org = match org {
        Some(other) if claims.role == Role::User && other != claims.org => return Err(ApiError::Forbidden),
        org => org.unwrap_or_else(|| claims.org.clone()),
    };
    let members = app.store.members(&org, &room, usize::MAX).await?;
    let mut users = members.users;
    if claims.role == Role::User && !claims.rooms.admits(&room) && !users.contains(&claims.user) {
        return Err(ApiError::Forbidden);
    }
    users.sort_unstable();
    users.retain(|user| cursor.as_ref().is_none_or(|MemberCursor(last)| user > last));
    let is_last = users.len() <= limit;
    users.truncate(limit);
    let last = users.last().filter(|_| !is_last);
    let next_cursor = last.map(|last| MemberCursor(last.clone()).to_string());
    let mut results = see(&app, &claims, &users).await?;
    results.retain(Seen::is_present);
    Ok(Json(RoomAnswer { room, count: members.count, results, next_cursor }))
}

/// Which session joins, and by which right.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JoinBody {
    /// Which tab of the login, as in heartbeats; `0` if absent.
    #[schema(value_type = Option<String>, example = "tab-1")]
    session: Option<Tab>,
    /// A room grant, where the token does not name the room.
    grant: Option<String>,
}

/// A session in a room.
#[derive(Debug, Serialize, ToSchema)]
pub struct MembershipAnswer {
    /// The room's name.
    #[schema(value_type = String, example = "doc:7")]
    room: Room,
    /// Whether the session is in it now.
    joined: bool,
}

/// Joins a room
///
/// The session is in it until it leaves or ends. To join again changes nothing.
#[utoipa::path(put, path = "/api/presence/rooms/{room}/membership/", tag = "rooms",
    params(("room" = String, Path, description = "the room's name")),
    request_body = Option<JoinBody>, responses((status = 200, body = MembershipAnswer),
        (status = 409, description = "The caller is shown offline, the room is full, or there is no such session")))]
pub async fn join(
    State(app): State<App>,
    Caller(claims): Caller,
    Path(room): Path<Room>,
    Body(body): Body<JoinBody>,
) -> Result<Json<MembershipAnswer>, ApiError> {
    admit(&app, &claims, &room, body.grant.as_deref()).await?;
    let tab = body.session.unwrap_or_default();
    joined(app.store.join(&Bearer::from(&claims), &tab, &room).await?)?;
    Ok(Json(MembershipAnswer { room, joined: true }))
}

/// Which session leaves.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LeaveQuery {
    /// Which tab of the login, as in heartbeats; `0` if absent.
    #[param(value_type = Option<String>)]
    session: Option<Tab>,
}

/// Leaves a room
///
/// A session that is not in it leaves nothing.
#[utoipa::path(delete, path = "/api/presence/rooms/{room}/membership/", tag = "rooms",
    params(("room" = String, Path, description = "the room's name"), LeaveQuery),
    responses((status = 200, body = MembershipAnswer)))]
pub async fn leave(
    State(app): State<App>,
    Caller(claims): Caller,
    Path(room): Path<Room>,
    Query(LeaveQuery { session }): Query<LeaveQuery>,
) -> Result<Json<MembershipAnswer>, ApiError> {
    app.store.leave(&Bearer::from(&claims), &session.unwrap_or_default(), &room).await?;
    Ok(Json(MembershipAnswer { room, joined: false }))
}

/// Whom to let in, and where.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantBody {
    /// The user's id, as presence knows it.
    #[schema(value_type = String, example = "42")]
    user: UserId,
    /// A room, or how rooms begin, with a `*` at the end.
    #[schema(value_type = String, example = "doc:7")]
    room: RoomPattern,
    /// How long the grant is good, in ms; an hour if absent, a day at most.
    #[schema(minimum = 1000, maximum = 86_400_000)]
    ttl_ms: Option<i64>,
}

/// A grant.
#[derive(Debug, Serialize, ToSchema)]
pub struct GrantAnswer {
    /// What the user's page joins by.
    grant: String,
    /// When it is no longer good to join by. Who has joined stays.
    expires_at: Timestamp,
}

/// Signs a grant by which a user may join a room
///
/// For service keys with `grants`. One that is bound to an organisation lets in members of that alone.
#[utoipa::path(post, path = "/api/presence/rooms/grants/", tag = "rooms",
    request_body = GrantBody, responses((status = 200, body = GrantAnswer)))]
pub async fn grant(
    State(app): State<App>,
    Granter(key): Granter,
    Body(GrantBody { user, room, ttl_ms }): Body<GrantBody>,
) -> Result<Json<GrantAnswer>, ApiError> {
    let seconds = match ttl_ms.unwrap_or(USUAL_LIFE) {
        ms @ 1_000..=LONGEST_LIFE => ms / 1_000,
        _ => return Err(ApiError::invalid("/ttl_ms", format!("expected 1000 to {LONGEST_LIFE}"))),
    };
    let now = OffsetDateTime::now_utc();
    let life = Duration::from_secs(seconds.unsigned_abs());
    let grant = app.tokens.issue_room_grant(&user, key.org.as_ref(), &room, now, life);
    Ok(Json(GrantAnswer { grant, expires_at: (now + life).into() }))
}
