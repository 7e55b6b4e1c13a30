//! The closed vocabularies: every word that travels between Redis, Postgres, HTTP and metrics.

use serde::{Deserialize, Serialize};

/// A word that does not belong to the vocabulary it was parsed as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownWord {
    /// What the word should have been: `status`, `reason` ...
    pub vocabulary: &'static str,
    /// The word as it came.
    pub word: String,
}

impl std::fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} is not a {}", self.word, self.vocabulary)
    }
}

impl std::error::Error for UnknownWord {}

/// Declares a closed vocabulary: an enum, its words, and conversions both ways.
macro_rules! vocabulary {
    ($(#[$meta:meta])* $name:ident ($label:literal) { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$doc])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// Every word of the vocabulary, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word as it is stored and sent.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { vocabulary: $label, word: word.to_owned() }),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

vocabulary! {
    /// What a user's presence is. `Invisible` exists inside only; outside it is `offline` ([`Status::shown`]).
    Status ("status") {
        /// No session, or gated.
        Offline = "offline",
        /// Some session is active.
        Online = "online",
        /// Every session is idle, or the user says so.
        Away = "away",
        /// The user does not want to be disturbed.
        Busy = "busy",
        /// Present, but shown as offline.
        Invisible = "invisible",
    }
}

impl Status {
    /// The number that stands for the status in sorted-set scores (`code * 10^13 + since`).
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Offline => 0,
            Self::Online => 1,
            Self::Away => 2,
            Self::Busy => 3,
            Self::Invisible => 4,
        }
    }

    /// The status with this number.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|status| status.code() == code)
    }

    /// What others see: `invisible` is `offline` to them.
    #[must_use]
    pub const fn shown(self) -> Self {
        match self {
            Self::Invisible => Self::Offline,
            other => other,
        }
    }
}

vocabulary! {
    /// Who may see when somebody was last seen: the person's own choice. Moderators and administrators see it whatever
    /// it says.
    #[derive(Default)]
    LastSeenVisibility ("visibility") {
        /// Whoever may see the person at all.
        #[default]
        Everyone = "everyone",
        /// Members of the person's organisation.
        Organisation = "organisation",
        /// Nobody.
        Nobody = "nobody",
    }
}

impl LastSeenVisibility {
    /// Whether a plain viewer may see it.
    #[must_use]
    pub const fn admits(self, is_of_same_org: bool) -> bool {
        match self {
            Self::Everyone => true,
            Self::Organisation => is_of_same_org,
            Self::Nobody => false,
        }
    }
}

vocabulary! {
    /// Why a status changed; stands in every audit row.
    Reason ("reason") {
        /// The user logged in.
        Login = "login",
        /// First heartbeat, socket or authenticated request.
        Connect = "connect",
        /// A deadline passed without a sign of life.
        Expired = "expired",
        /// The last session said goodbye and did not come back within the linger.
        Closed = "closed",
        /// The last active session reported idle.
        Idle = "idle",
        /// A session became active again.
        Active = "active",
        /// The session was idle for too long.
        IdleTimeout = "idle_timeout",
        /// The user set a status.
        ManualSet = "manual_set",
        /// The user took the status back.
        ManualCleared = "manual_cleared",
        /// The user's status came to its end.
        ManualExpired = "manual_expired",
        /// An administrator set a status.
        AdminSet = "admin_set",
        /// An administrator took the status back.
        AdminCleared = "admin_cleared",
        /// The administrator's status came to its end.
        AdminExpired = "admin_expired",
        /// The user logged out on this device.
        Logout = "logout",
        /// The user logged out everywhere.
        LogoutAll = "logout_all",
        /// An administrator logged the user out.
        ForceLogout = "force_logout",
        /// The account was suspended.
        Suspended = "suspended",
        /// The account was banned.
        Banned = "banned",
        /// The account was deactivated.
        Deactivated = "deactivated",
        /// Redis came back empty and the user did not return.
        StoreLost = "store_lost",
        /// Redis came back with an older state.
        StoreRewound = "store_rewound",
    }
}

vocabulary! {
    /// What a client says of the person in front of it.
    Activity ("activity") {
        /// Someone is using the page.
        Active = "active",
        /// Nobody has touched it for a while.
        Idle = "idle",
    }
}

vocabulary! {
    /// How often a session was told to send a sign of life; decides its time to live.
    Pace ("pace") {
        /// HTTP heartbeats of a visible page.
        Visible = "visible",
        /// HTTP heartbeats of a hidden page: browsers slow its timers down.
        Hidden = "hidden",
        /// Pings of a socket.
        Socket = "socket",
    }
}

vocabulary! {
    /// The kind of device a session runs on.
    Device ("device") {
        /// A browser page.
        Web = "web",
        /// A phone or tablet.
        Mobile = "mobile",
        /// An installed program.
        Desktop = "desktop",
    }
}

vocabulary! {
    /// Why an account may not be online.
    GateKind ("gate") {
        /// Suspended, perhaps until an end.
        Suspended = "suspended",
        /// Banned for good.
        Banned = "banned",
        /// Registered, not yet approved.
        Pending = "pending",
        /// Switched off.
        Inactive = "inactive",
    }
}

impl GateKind {
    /// The reason that a transition carries when the gate falls on someone who is online.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::Suspended => Reason::Suspended,
            Self::Banned => Reason::Banned,
            Self::Pending | Self::Inactive => Reason::Deactivated,
        }
    }
}

vocabulary! {
    /// What an account may do.
    Role ("role") {
        /// Uses the application.
        User = "user",
        /// Sees everybody and does what the permission table gives.
        Moderator = "moderator",
        /// Runs the service.
        Admin = "admin",
    }
}

vocabulary! {
    /// What a change of somebody's status is to those who look on from outside.
    ChangeKind ("event") {
        /// Shown offline before, shown present now.
        Online = "online",
        /// Shown present before, shown offline now.
        Offline = "offline",
        /// Shown present before and now: another status, or other words.
        Status = "status",
    }
}

impl ChangeKind {
    /// What a change between two statuses is; `None` if others see none, because both are offline to them.
    #[must_use]
    pub fn between(from: Status, to: Status) -> Option<Self> {
        match (from.shown(), to.shown()) {
            (Status::Offline, Status::Offline) => None,
            (Status::Offline, _) => Some(Self::Online),
            (_, Status::Offline) => Some(Self::Offline),
            _ => Some(Self::Status),
        }
    }
}
