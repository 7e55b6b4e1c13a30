//! `/api/presence/events/`: presence as a stream of server-sent events, for dashboards and scripts: counts each second, and
//! every change that others can notice.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use futures::stream;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until};
use utoipa::{IntoParams, ToSchema};

use super::Live;
use super::hub::{Change, Place};
use super::protocol::Counts;
use crate::app::App;
use crate::http::extract::{Lister, Query};
use crate::http::{ApiError, Timestamp};
use crate::metrics::record::{self, LiveConnection};
use crate::presence::{Org, Reason, Role, Status, UserId};

/// How often counts are told.
const COUNTS_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whether the reader still may read.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// A comment is sent after so long without an event, so that no proxy takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A client whose stream ends should try again after this long.
const RETRY: Duration = Duration::from_secs(2);
/// A stream of a token that lives longer than this ends then.
const FARTHEST: i64 = 86_400;

/// Which changes to tell.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// Of this organisation.
    #[param(value_type = Option<String>)]
    org: Option<Org>,
    /// Of this user.
    #[param(value_type = Option<String>)]
    user: Option<UserId>,
    /// Into this status: `online`, `away`, `busy` or `offline`.
    #[param(value_type = Option<String>)]
    status: Option<Status>,
    /// Without the counts.
    transitions_only: bool,
}

/// A change, as the stream tells it.
#[derive(Debug, Serialize, ToSchema)]
struct Told<'a> {
    #[schema(value_type = String)]
    user_id: &'a UserId,
    #[schema(value_type = String)]
    org: &'a Org,
    #[schema(value_type = String)]
    from: Status,
    #[schema(value_type = String)]
    to: Status,
    #[schema(value_type = String)]
    reason: Reason,
    occurred_at: Timestamp,
    version: i64,
    text: Option<&'a str>,
    emoji: Option<&'a str>,
}

/// One event, by the fields that it has in the stream.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is written by the library, and here for the description of the API")]
pub(super) struct StreamedEvent {
    /// `counts`, `transition` or `missed`.
    event: String,
    /// JSON.
    data: String,
    /// The version that a transition led to.
    id: Option<String>,
}

/// Streams counts and changes as they happen
///
/// Server-sent events: `counts` each second, `transition` for each change that others can notice, `missed` with the number of
/// changes that this reader was too slow for. The stream ends with the token. For moderators, administrators, and service
/// keys with `presence:read`.
#[utoipa::path(get, path = "/api/presence/events/", tag = "presence", params(EventsQuery),
    responses((status = 200, content_type = "text/event-stream", body = StreamedEvent)))]
pub(super) async fn stream(
    State(app): State<App>,
    Extension(live): Extension<Live>,
    lister: Lister,
    Query(query): Query<EventsQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let claims = lister.claims.clone();
    if query.status == Some(Status::Invisible) {
        return Err(ApiError::invalid("status", "expected online, away, busy or offline"));
    }
    let org = match (claims.role, query.org.clone()) {
        (Role::User, Some(other)) if other != claims.org => return Err(ApiError::Forbidden),
        (Role::User, _) => Some(claims.org.clone()),
        (_, org) => org,
    };
    let left = (claims.expires_at - OffsetDateTime::now_utc().unix_timestamp()).clamp(0, FARTHEST);
    let mut place = live.hub.enter(Arc::new(claims));
    place.watch_all();
    let mut counts = interval_at(Instant::now(), COUNTS_EVERY);
    counts.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let reading = Reading {
        ends: Instant::now() + Duration::from_secs(left.unsigned_abs()),
        waiting: Vec::new(),
        lister,
        looks: interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY),
        is_doubtful: false,
        _held: record::live_connection(),
        app,
        live,
        place,
        counts,
        org,
        query,
    };
    Ok(Sse::new(reading.stream()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// One reader of the stream.
struct Reading {
    app: App,
    live: Live,
    place: Place,
    counts: Interval,
    ends: Instant,
    org: Option<Org>,
    query: EventsQuery,
    /// What is to be sent next, last first.
    waiting: Vec<Event>,
    /// Who reads it, and by which token or key.
    lister: Lister,
    /// When it is looked next whether they still may; at once where that is in doubt.
    looks: Interval,
    is_doubtful: bool,
    _held: LiveConnection,
}

impl Reading {
    fn stream(mut self) -> impl Stream<Item = Result<Event, Infallible>> {
        self.waiting.push(Event::default().retry(RETRY).comment("presence"));
        stream::unfold(self, |mut reading| async move {
            let event = reading.next().await?;
            Some((Ok(event), reading))
        })
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            if std::mem::take(&mut self.is_doubtful) && !self.lister.may_go_on(&self.app).await {
                return None;
            }
            if let Some(event) = self.waiting.pop() {
                return Some(event);
            }
            tokio::select! {
                () = self.live.closing.cancelled() => return None,
                () = sleep_until(self.ends) => return None,
                _ = self.looks.tick() => self.is_doubtful = true,
                _ = self.counts.tick(), if !self.query.transitions_only => self.count().await,
                post = self.place.reader().mailbox().take() => {
                    self.is_doubtful |= post.is_suspect;
                    let mut events = Vec::new();
                    if post.missed > 0 || post.is_outdated {
                        events.push(Event::default().event("missed").data(post.missed.to_string()));
                    }
                    events.extend(post.events.iter().filter(|change| self.wants(change)).filter_map(|change| told(change)));
                    events.reverse();
                    self.waiting = events;
                }
            }
        }
    }

    async fn count(&mut self) {
        match self.app.store.stats(self.org.as_ref()).await {
            Ok(stats) => {
                self.waiting.extend(Event::default().event("counts").json_data(Counts::from(&stats)))
            }
            Err(error) => tracing::debug!(%error, "a stream goes without its counts"),
        }
    }

    fn wants(&self, change: &Change) -> bool {
        let entry = &change.entry;
        self.org.as_ref().is_none_or(|org| *org == entry.org)
            && self.query.user.as_ref().is_none_or(|user| *user == entry.user)
            && self.query.status.is_none_or(|status| status == entry.to.shown())
    }
}

fn told(change: &Change) -> Option<Event> {
    let entry = &change.entry;
    let is_present = entry.to.shown() != Status::Offline;
    let told = Told {
        user_id: &entry.user,
        org: &entry.org,
        from: entry.from.shown(),
        to: entry.to.shown(),
        reason: entry.shown_reason(),
        occurred_at: entry.occurred_at.into(),
        version: entry.shown_version,
        text: entry.text.as_deref().filter(|_| is_present),
        emoji: entry.emoji.as_deref().filter(|_| is_present),
    };
    Event::default().event("transition").id(entry.shown_version.to_string()).json_data(told).ok()
}
