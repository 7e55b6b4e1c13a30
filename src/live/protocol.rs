//! What client and server may say to each other on a socket: one JSON object per frame, with a `type`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::http::{ApiError, Seen, StatusBody, Timestamp};
use crate::metrics::labels::LiveMessage;
use crate::presence::{Activity, ConnectionId, Device, Millis, Org, Room, Status, Tab, UserId};
use crate::store::Stats;

/// What a client says first.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hello {
    /// An access token: in the first hello where none came with the handshake, later to go on with a new one.
    pub token: Option<String>,
    /// Which tab of the login; the server makes a name where the client has none.
    pub session: Option<Tab>,
    /// A random name of this page load; the server makes one where the client has none.
    pub connection: Option<ConnectionId>,
    /// The kind of device.
    pub device: Option<Device>,
    /// `active` or `idle`; absent says nothing.
    pub activity: Option<Activity>,
    /// For how long nobody has touched the page, in ms.
    pub idle_ms: Option<u32>,
}

/// A sign of life with something to say.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Heartbeat {
    /// `active` or `idle`; absent says nothing.
    pub activity: Option<Activity>,
    /// For how long nobody has touched the page, in ms.
    pub idle_ms: Option<u32>,
    /// The page is hidden. Accepted and of no consequence: browsers answer pings of hidden pages, too.
    #[serde(rename = "hidden")]
    _hidden: Option<bool>,
}

/// Whom to watch, or no longer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Targets {
    /// People.
    pub users: Vec<UserId>,
    /// Everybody of these organisations.
    pub orgs: Vec<Org>,
    /// Everybody in these rooms of one's own organisation.
    pub rooms: Vec<Room>,
}

impl Targets {
    /// Whether nobody is named.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.users.is_empty() && self.orgs.is_empty() && self.rooms.is_empty()
    }
}

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClientFrame {
    /// Who and what it is.
    Hello(Hello),
    /// A sign of life.
    Heartbeat(Heartbeat),
    /// The status to be seen in.
    StatusChange(StatusBody),
    /// Tell me of these from now on.
    Watch(Targets),
    /// No longer; nobody named is everybody.
    Unwatch(Targets),
    /// Enters a room.
    Join {
        /// Which.
        room: Room,
        /// What the host application gave the client to be let in.
        #[serde(default)]
        grant: Option<String>,
    },
    /// Leaves a room.
    Leave {
        /// Which.
        room: Room,
    },
    /// Types, or no longer does.
    Typing {
        /// Where.
        room: Room,
        /// Whether it does.
        on: bool,
    },
}

impl ClientFrame {
    /// Reads a frame.
    ///
    /// # Errors
    /// What is wrong with it, for its sender.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        serde_json::from_str(text).map_err(|error| {
            let detail = error.to_string();
            let detail = detail.split(" at line ").next().unwrap_or_default().to_owned();
            ApiError::invalid("", detail)
        })
    }

    /// Its word in the metrics.
    #[must_use]
    pub const fn label(&self) -> LiveMessage {
        match self {
            Self::Hello(_) => LiveMessage::Hello,
            Self::Heartbeat(_) => LiveMessage::Heartbeat,
            Self::StatusChange(_) => LiveMessage::StatusChange,
            Self::Watch(_) => LiveMessage::Watch,
            Self::Unwatch(_) => LiveMessage::Unwatch,
            Self::Join { .. } => LiveMessage::Join,
            Self::Leave { .. } => LiveMessage::Leave,
            Self::Typing { .. } => LiveMessage::Typing,
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_objects_with_a_known_type() {
        assert!(matches!(ClientFrame::parse(r#"{"type":"hello"}"#), Ok(ClientFrame::Hello(_))));
        let watch = ClientFrame::parse(r#"{"type":"watch","users":["7"],"orgs":["main"]}"#).unwrap();
        assert!(
            matches!(watch, ClientFrame::Watch(targets) if targets.users.len() == 1 && targets.orgs.len() == 1)
        );
        for wrong in [
            "",
            "[1]",
            "7",
            "{}",
            r#"{"type":"dance"}"#,
            r#"{"type":"status_change","status":5}"#,
            r#"{"type":"heartbeat","activity":"asleep"}"#,
            r#"{"type":"heartbeat","idle_ms":-1}"#,
            r#"{"type":"watch","user":["7"]}"#,
            r#"{"type":"hello"} {"type":"hello"}"#,
        ] {
            assert_eq!(ClientFrame::parse(wrong).unwrap_err().code(), "invalid_value", "{wrong}");
        }
    }

    #[test]
    fn what_is_not_known_is_left_out_or_null() {
        let user = UserId::parse("7").unwrap();
        let frame = ServerFrame::Presence(PresenceFrame {
            user_id: &user,
            status: Status::Offline,
            since: None,
            last_seen: None,
            version: None,
            text: None,
            emoji: None,
        });
        let text = r#"{"type":"presence","user_id":"7","status":"offline","since":null,"last_seen":null,"version":null}"#;
        assert_eq!(frame.encode(), text);
        let error = ServerFrame::from(&ApiError::Restoring).encode();
        assert!(error.contains(r#""code":"restoring""#) && error.contains(r#""retry_after":1"#), "{error}");
    }
}
