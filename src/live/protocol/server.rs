//! What the server says.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::http::{ApiError, Seen, Timestamp};
use crate::metrics::labels::LiveMessage;
use crate::presence::{ConnectionId, Millis, Org, Room, Status, Tab, UserId};
use crate::store::Stats;

/// How many are present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Counts {
    online: u64,
    away: u64,
    busy: u64,
    /// The sum of the three.
    users: u64,
    sessions: u64,
}

impl From<&Stats> for Counts {
    fn from(stats: &Stats) -> Self {
        Self {
            online: stats.online,
            away: stats.away,
            busy: stats.busy,
            users: stats.online + stats.away + stats.busy,
            sessions: stats.sessions,
        }
    }
}

impl Counts {
    /// Everybody who is shown present.
    #[must_use]
    pub const fn users(self) -> u64 {
        self.users
    }
}

/// Who is in a room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RoomShown {
    /// How many.
    pub count: u64,
    /// Who, the one first who has been there longest; of a large room only some.
    pub members: Vec<UserId>,
}

/// What happened in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Happened {
    /// Somebody came, or is seen there again.
    Joined(Member),
    /// Somebody left, or is not seen there any more.
    Left {
        /// Who.
        user_id: UserId,
    },
    /// Somebody types, or no longer does.
    Typing {
        /// Who.
        user_id: UserId,
        /// Whether they do.
        on: bool,
    },
    /// The room has so many members, more than each of them is told of.
    Count(u64),
}

/// Somebody in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Who.
    pub user_id: UserId,
    /// In which status.
    pub status: Status,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Of which change.
    pub version: i64,
}

/// A change of somebody's presence.
#[derive(Clone, Debug, Serialize)]
pub struct PresenceFrame<'a> {
    /// Who.
    pub user_id: &'a UserId,
    /// In which status.
    pub status: Status,
    /// Since when.
    pub since: Option<Timestamp>,
    /// The last sign of life.
    pub last_seen: Option<Timestamp>,
    /// Grows with every change; what is not newer than what is known is to be dropped.
    pub version: Option<i64>,
    /// The user's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<&'a str>,
    /// The user's emoji.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emoji: Option<&'a str>,
}

/// What the server says.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame<'a> {
    /// The client is present now.
    Welcome {
        /// Its session: keep it, and say it when coming back.
        session: &'a Tab,
        /// Its connection, by the name it was given or that was made.
        connection: &'a ConnectionId,
        /// Who the token says it is.
        user: &'a UserId,
        /// How often the server pings.
        interval_ms: Millis,
        /// How long the session outlives its last sign of life.
        ttl_ms: Millis,
        /// The clock that decides presence.
        server_time: Timestamp,
    },
    /// A heartbeat was recorded.
    Pong {
        /// The user's own status.
        status: Status,
        /// The clock that decides presence.
        server_time: Timestamp,
    },
    /// How those who are watched stand.
    Snapshot {
        /// People.
        views: Vec<Seen>,
        /// Organisations.
        counts: BTreeMap<Org, Counts>,
        /// Rooms.
        rooms: BTreeMap<Room, RoomShown>,
        /// Whether this was the last part.
        complete: bool,
    },
    /// Somebody changed.
    Presence(PresenceFrame<'a>),
    /// How many are present of an organisation.
    Counts {
        /// Which.
        org: &'a Org,
        /// How many.
        #[serde(flatten)]
        counts: Counts,
    },
    /// Something happened in a room.
    Room {
        /// Which.
        room: &'a Room,
        /// What.
        #[serde(flatten)]
        happened: &'a Happened,
    },
    /// Something the client said was not done.
    Error {
        /// For programs.
        code: &'static str,
        /// For people.
        detail: String,
        /// Worth trying again after so many seconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
    },
    /// The server is about to close.
    Goodbye {
        /// Why, for programs.
        code: &'static str,
        /// When to come back; absent: not at all, or with another token.
        #[serde(skip_serializing_if = "Option::is_none")]
        reconnect_in_ms: Option<u64>,
    },
}

impl ServerFrame<'_> {
    /// The frame as text.
    #[must_use]
    pub fn encode(&self) -> String {
        // Only maps with keys that are no text cannot be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Its word in the metrics.
    #[must_use]
    pub const fn label(&self) -> LiveMessage {
        match self {
            Self::Welcome { .. } => LiveMessage::Welcome,
            Self::Pong { .. } => LiveMessage::Pong,
            Self::Snapshot { .. } => LiveMessage::Snapshot,
            Self::Presence(_) => LiveMessage::Presence,
            Self::Counts { .. } => LiveMessage::Counts,
            Self::Room { .. } => LiveMessage::Room,
            Self::Error { .. } => LiveMessage::Error,
            Self::Goodbye { .. } => LiveMessage::Goodbye,
        }
    }
}

impl From<&ApiError> for ServerFrame<'static> {
    fn from(error: &ApiError) -> Self {
        Self::Error { code: error.code(), detail: error.to_string(), retry_after: error.retry_after() }
    }
}
