//! What a session hears, and what it wants done: the words between `session`, which decides, and `socket`, which acts.

use std::time::Duration;

use super::goodbye::Goodbye;
use super::protocol::Targets;
use crate::http::{ApiError, StatusBody};
use crate::presence::{Activity, Room};

/// The times that a session keeps.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// How often the server pings.
    pub interval: Duration,
    /// How long the session outlives its last sign of life.
    pub ttl: Duration,
}

/// What a socket hears.
#[derive(Debug)]
pub enum Input<'a> {
    /// A frame of text.
    Text(&'a str),
    /// A frame that is no text.
    Binary,
    /// A frame of text that is too long to be read.
    Oversized,
    /// The answer to a ping, or a ping.
    Pong,
}

/// A sign of life as the store is to have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// What is said of activity.
    pub activity: Option<Activity>,
    /// For how long the client has been idle, in ms.
    pub idle_ms: Option<i64>,
    /// Whether it may take the session over from another connection.
    pub takes: bool,
    /// Whether the client waits for a `pong`.
    pub answer: bool,
}

/// What is to be done.
#[derive(Debug)]
pub enum Act {
    /// Find out whose token this is. Then [`Session::admit`](super::session::Session::admit).
    Verify(String),
    /// Record a sign of life. Then [`Session::beaten`](super::session::Session::beaten).
    Beat(Sign),
    /// Answer a heartbeat that needs no recording.
    Pong,
    /// Change the status to be seen in.
    Status(Box<StatusBody>),
    /// Begin to watch.
    Watch(Targets),
    /// Watch no longer.
    Unwatch(Targets),
    /// Enter a room.
    Join {
        /// Which.
        room: Room,
        /// What the host application gave the client to be let in.
        grant: Option<String>,
    },
    /// Leave a room.
    Leave(Room),
    /// Tell the others of a room that the client types, or no longer does.
    Typing {
        /// Where.
        room: Room,
        /// Whether it does.
        on: bool,
    },
    /// Look anew at everything that is watched.
    Refresh,
    /// Ask whether the client is there.
    Ping,
    /// Tell the client what was wrong.
    Refuse(ApiError),
    /// Close.
    Close(Goodbye),
}

impl Act {
    /// What it is, in traces.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Verify(_) => "verify",
            Self::Beat(_) => "beat",
            Self::Pong => "pong",
            Self::Ping => "ping",
            Self::Status(_) => "status",
            Self::Watch(_) => "watch",
            Self::Unwatch(_) => "unwatch",
            Self::Refresh => "refresh",
            Self::Join { .. } => "join",
            Self::Leave(_) => "leave",
            Self::Typing { .. } => "typing",
            Self::Refuse(_) => "refuse",
            Self::Close(_) => "close",
        }
    }
}

/// What became of a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beaten {
    /// It counts.
    Recorded,
    /// A newer connection has the session.
    Superseded,
    /// The store does not answer, or not now.
    Failed,
}
