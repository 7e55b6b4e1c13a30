//! `/api/users/heartbeat/`: the sign of life that a page sends for as long as it is open, and its goodbye.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use rand::RngExt;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::{Beating, Body};
use crate::http::limits::Excess;
use crate::http::measured;
use crate::http::time::Timestamp;
use crate::metrics::labels::Transport;
use crate::metrics::record;
use crate::presence::{Activity, ConnectionId, Device, Millis, Pace, Reason, Status, Tab};
use crate::store::{Answer, Bearer, Beat, Sign};

/// The told interval varies by this part of itself, so that pages opened together do not beat together.
const JITTER: f64 = 0.1;

/// What a page says of itself. All of it is optional.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HeartbeatBody {
    /// `active` or `idle`; absent changes nothing.
    #[schema(value_type = Option<String>, example = "active")]
    activity: Option<Activity>,
    /// For how long nobody has touched the page, in ms.
    #[schema(minimum = 0)]
    idle_ms: Option<u32>,
    /// The page is hidden: a slower rhythm, because browsers slow its timers down.
    hidden: bool,
    /// `web`, `mobile` or `desktop`.
    #[schema(value_type = Option<String>, example = "web")]
    device: Option<Device>,
    /// Which tab of the login; `0` if the page does not say.
    #[schema(value_type = Option<String>, example = "tab-1")]
    session: Option<Tab>,
    /// A random name of this page load, so that a late goodbye cannot end its successor.
    #[schema(value_type = Option<String>)]
    connection: Option<ConnectionId>,
    /// Goodbye: the page closes, or the user leaves it.
    logout: bool,
}

impl HeartbeatBody {
    const fn pace(&self) -> Pace {
        if self.hidden { Pace::Hidden } else { Pace::Visible }
    }
}

/// How the user stands after the heartbeat.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeartbeatAnswer {
    message: &'static str,
    /// The user's own status; `invisible` if they are.
    #[schema(value_type = String, example = "online")]
    online_status: Status,
    /// The last sign of life.
    last_seen: Option<Timestamp>,
    /// Since when the user has had this status.
    since: Option<Timestamp>,
    /// When to beat next, in ms from now.
    next_heartbeat_in_ms: i64,
    /// The clock that decides presence.
    server_time: Timestamp,
}

/// Records a heartbeat
///
/// With `logout` it is a goodbye: the page's session ends after a short linger, unless it comes back. Heartbeats above the
/// pace of requests are not refused: those that say the same share one look at the store.
#[utoipa::path(post, path = "/api/users/heartbeat/", tag = "heartbeat",
    request_body = Option<HeartbeatBody>, responses((status = 200, body = HeartbeatAnswer)))]
pub async fn beat(
    State(app): State<App>,
    Beating(claims, pace): Beating,
    Body(body): Body<HeartbeatBody>,
) -> Result<Json<HeartbeatAnswer>, ApiError> {
    signed(&app, body.pace(), pace, sign_of(Bearer::from(&claims), body)).await
}

/// Records a heartbeat that says nothing of the page
#[utoipa::path(get, path = "/api/users/heartbeat/", tag = "heartbeat",
    responses((status = 200, body = HeartbeatAnswer)))]
pub async fn standing(
    State(app): State<App>,
    Beating(claims, pace): Beating,
) -> Result<Json<HeartbeatAnswer>, ApiError> {
    signed(&app, Pace::Visible, pace, Sign::Bare(Bearer::from(&claims))).await
}

fn sign_of(bearer: Bearer, body: HeartbeatBody) -> Sign {
    let (pace, tab) = (body.pace(), body.session.unwrap_or_default());
    if body.logout {
        return Sign::Goodbye { bearer, tab, connection: body.connection };
    }
    Sign::Beat(Beat {
        bearer,
        pace,
        tab,
        activity: body.activity,
        idle_ms: body.idle_ms.map(i64::from),
        device: body.device,
        connection: body.connection,
        reason: Reason::Connect,
        takes: true,
    })
}

/// Tells the store, counts the heartbeat, and tells how the user stands.
async fn signed(
    app: &App,
    rhythm: Pace,
    pace: Result<(), Excess>,
    sign: Sign,
) -> Result<Json<HeartbeatAnswer>, ApiError> {
    let arrived = Instant::now();
    let answer = match pace {
        Ok(()) => app.store.sign(&sign).await,
        Err(excess) => match app.store.sign_shared(&sign).await {
            Some(answer) => answer,
            None => return Err(excess.refused()),
        },
    };
    let result = match answer {
        Ok(Answer::Standing { status, since, last_seen, now, .. }) => Ok(Json(HeartbeatAnswer {
            message: "Heartbeat recorded",
            online_status: status,
            last_seen: Timestamp::unless_never(last_seen),
            since: Timestamp::unless_never(since),
            next_heartbeat_in_ms: jittered(app.policy.rhythm(rhythm).interval).0,
            server_time: now.into(),
        })),
        Ok(Answer::Gated(gate)) => Err(ApiError::Gated(gate)),
        Ok(Answer::Ended) => Err(ApiError::LoginEnded),
        Ok(Answer::Superseded) => Err(ApiError::superseded()),
        Err(error) => Err(error.into()),
    };
    record::heartbeat(Transport::Http, measured::heartbeat(&result), arrived.elapsed());
    result
}

/// The interval, up to a tenth shorter or longer, so that what began together does not go on together.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "intervals are minutes at most"
)]
pub fn jittered(interval: Millis) -> Millis {
    let factor = rand::rng().random_range(1.0 - JITTER..=1.0 + JITTER);
    Millis((interval.0 as f64 * factor).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jitter_stays_in_its_bounds() {
        let told: Vec<i64> = (0..1_000).map(|_| jittered(Millis(30_000)).0).collect();
        assert!(told.iter().all(|ms| (27_000..=33_000).contains(ms)));
        assert!(told.iter().any(|ms| *ms < 29_000) && told.iter().any(|ms| *ms > 31_000));
    }
}
