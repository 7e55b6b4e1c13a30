//! What client and server may say to each other on a socket: one JSON object per frame, with a `type`.

mod server;

use serde::Deserialize;

pub use server::{Counts, Happened, Member, PresenceFrame, RoomShown, ServerFrame};

use crate::http::{ApiError, StatusBody};
use crate::metrics::labels::LiveMessage;
use crate::presence::{Activity, ConnectionId, Device, Org, Room, Tab, UserId};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presence::Status;

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
