//! One change of somebody's presence, as it goes to watchers. Written out once for each kind of viewer, however many
//! there are of them.

use std::sync::OnceLock;

use axum::extract::ws::Utf8Bytes;

use crate::auth::Claims;
use crate::http::Timestamp;
use crate::live::existing::Tongue;
use crate::live::protocol::{PresenceFrame, ServerFrame};
use crate::presence::{Entry, Org, Role, Status, UserId};

/// How much a viewer may see of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eye {
    /// Their own truth, `invisible` included.
    Own,
    /// What others see.
    Open,
    /// What others see who may not know when the user was last seen.
    Closed,
}

/// A change.
#[derive(Debug)]
pub struct Change {
    /// What happened.
    pub entry: Entry,
    frames: [OnceLock<Utf8Bytes>; 3],
    existing: [OnceLock<Utf8Bytes>; 2],
}

impl Change {
    /// What an entry tells.
    #[must_use]
    pub fn new(entry: Entry) -> Self {
        Self { entry, frames: [const { OnceLock::new() }; 3], existing: [const { OnceLock::new() }; 2] }
    }

    /// Who changed.
    #[must_use]
    pub const fn user(&self) -> &UserId {
        &self.entry.user
    }

    /// Whether a viewer is told of it at all: of one's own changes, and of those of others that can be noticed, in one's
    /// own organisation or by role.
    #[must_use]
    pub fn concerns(&self, viewer: &Claims) -> bool {
        self.entry.user == viewer.user || self.entry.is_shown() && may_see(viewer, &self.entry.org)
    }

    /// The frame for such a viewer.
    #[must_use]
    pub fn frame(&self, eye: Eye) -> Utf8Bytes {
        self.frames[eye as usize].get_or_init(|| self.told(eye).encode().into()).clone()
    }

    /// The frame for clients of an older protocol, whoever they are; whoever needs it first writes it.
    #[must_use]
    pub const fn existing(&self, tongue: Tongue) -> &OnceLock<Utf8Bytes> {
        &self.existing[tongue as usize]
    }

    fn told(&self, eye: Eye) -> ServerFrame<'_> {
        let entry = &self.entry;
        let (status, since, last_seen) = match eye {
            Eye::Own => (entry.to, entry.since, entry.last_seen),
            Eye::Open | Eye::Closed => (entry.to.shown(), entry.shown_since, entry.shown_last_seen),
        };
        let is_present = status != Status::Offline;
        // Of somebody who is offline, since when and the version would tell when they were last seen.
        let is_known = is_present || eye != Eye::Closed;
        ServerFrame::Presence(PresenceFrame {
            user_id: &entry.user,
            status,
            since: Timestamp::unless_never(since).filter(|_| is_known),
            last_seen: Timestamp::unless_never(last_seen).filter(|_| eye != Eye::Closed),
            version: Some(entry.shown_version).filter(|version| is_known && *version > 0),
            text: entry.text.as_deref().filter(|_| is_present),
            emoji: entry.emoji.as_deref().filter(|_| is_present),
        })
    }
}

/// Whether a viewer sees people of an organisation.
#[must_use]
pub fn may_see(viewer: &Claims, org: &Org) -> bool {
    viewer.role != Role::User || viewer.org == *org
}
