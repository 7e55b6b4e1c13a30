//! What goes into the store and what comes out, in words of presence.

use crate::presence::{
    Activity, ConnectionId, Device, GateKind, LoginId, Millis, Org, Pace, Reason, SessionId, Status, Tab,
    UserId,
};

/// On whose behalf a sign of life comes: facts of a verified token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// Who.
    pub user: UserId,
    /// The organisation.
    pub org: Org,
    /// The login (claim `sid`).
    pub login: LoginId,
    /// The token version (claim `tv`); lower than the user's cut means ended.
    pub token_version: i64,
}

/// One heartbeat, or the sign of life that a login is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Whose.
    pub bearer: Bearer,
    /// Which tab of the login.
    pub tab: Tab,
    /// What the client says of activity; `None` changes nothing.
    pub activity: Option<Activity>,
    /// For how long the client has been idle, in ms.
    pub idle_ms: Option<i64>,
    /// The rhythm the client keeps.
    pub pace: Pace,
    /// The kind of device, if the client says.
    pub device: Option<Device>,
    /// The page load or socket, if the client names it.
    pub connection: Option<ConnectionId>,
    /// `Login` or `Connect`: what a transition to online would say.
    pub reason: Reason,
    /// Whether it takes the session over from another connection. What opens a page or a socket does, and heartbeats over
    /// HTTP do; the later frames of a socket do not, or two copies of one tab would take it from each other for ever.
    pub takes: bool,
}

impl Beat {
    /// The session that it is a sign of.
    #[must_use]
    pub fn session(&self) -> SessionId {
        SessionId { login: self.bearer.login.clone(), tab: self.tab.clone() }
    }
}

/// A sign of life as a page sends it, or its goodbye.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sign {
    /// A heartbeat.
    Beat(Beat),
    /// One that says nothing of a page: of the login's newest session.
    Bare(Bearer),
    /// A goodbye of one connection, or of whichever the session has.
    Goodbye {
        /// Whose.
        bearer: Bearer,
        /// Which tab of the login.
        tab: Tab,
        /// The page load, if the client names it.
        connection: Option<ConnectionId>,
    },
}

impl Sign {
    /// On whose behalf it comes.
    #[must_use]
    pub const fn bearer(&self) -> &Bearer {
        match self {
            Self::Beat(Beat { bearer, .. }) | Self::Bare(bearer) | Self::Goodbye { bearer, .. } => bearer,
        }
    }

    /// Whether one call would do for both: alike but for the idle time within a second.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Beat(one), Self::Beat(another)) => {
                let seconds = |beat: &Beat| beat.idle_ms.map(|ms| ms / 1_000);
                seconds(one) == seconds(another)
                    && Beat { idle_ms: another.idle_ms, ..one.clone() } == *another
            }
            _ => self == other,
        }
    }
}

/// What became of a sign of life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Counted (or rightly ignored): this is how the user stands now, as the user sees it.
    Standing {
        /// The user's own status (`invisible` included).
        status: Status,
        /// Since when.
        since: Millis,
        /// Last sign of life.
        last_seen: Millis,
        /// The clock of Redis.
        now: Millis,
        /// A session began by it: what belonged to one of the same name before, ended with that.
        is_new: bool,
    },
    /// The account may not be online.
    Gated(GateKind),
    /// The login, or every token of this version, has ended.
    Ended,
    /// Another connection has the session, and this beat does not take it: nothing has changed.
    Superseded,
}

/// What is known of a user in Redis. A user without a record is not here: ask the audit for the last known state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Who.
    pub user: UserId,
    /// The organisation.
    pub org: Org,
    /// The true status (`invisible` included).
    pub status: Status,
    /// Since when, truly.
    pub since: Millis,
    /// Present without a break since; 0 when offline.
    pub online_since: Millis,
    /// Last sign of life, truly.
    pub last_seen: Millis,
    /// What others see: the same, or frozen while invisible.
    pub shown: Shown,
    /// Text of the claim in force, if any.
    pub text: Option<String>,
    /// Emoji of the claim in force, if any.
    pub emoji: Option<String>,
    /// Kinds of devices with a session, without repetition.
    pub devices: Vec<Device>,
}

/// What others see of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Never `invisible`.
    pub status: Status,
    /// Since when.
    pub since: Millis,
    /// Present without a break since; 0 when shown offline.
    pub online_since: Millis,
    /// Last sign of life.
    pub last_seen: Millis,
    /// `epoch * 2^32 + n` of the last change that others could see.
    pub version: i64,
}

/// Counts of what is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Users shown online.
    pub online: u64,
    /// Users shown away.
    pub away: u64,
    /// Users shown busy.
    pub busy: u64,
    /// Sessions of the users counted above.
    pub sessions: u64,
    /// Users who are present but shown offline; for operators only.
    pub invisible: u64,
    /// Entries in the outbox, copied or not.
    pub entries: u64,
    /// The clock of Redis.
    pub now: Millis,
}
