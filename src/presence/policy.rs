//! The times that govern presence, as one value.

use super::{Millis, Pace};

/// How often a session must show itself, and how long it lives without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rhythm {
    /// The interval that the server tells the client.
    pub interval: Millis,
    /// How long a session outlives its last sign of life.
    pub ttl: Millis,
}

/// All times of presence. Built from the settings, refused at start where they contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// HTTP heartbeats of a visible page.
    pub visible: Rhythm,
    /// HTTP heartbeats of a hidden page.
    pub hidden: Rhythm,
    /// Socket pings.
    pub socket: Rhythm,
    /// What a session that said goodbye has left, so that a reload does not flicker.
    pub linger: Millis,
    /// After this long without input a client should report idle.
    pub idle_away: Millis,
    /// After this long without input a session ends.
    pub idle_offline: Millis,
}

impl Policy {
    /// The rhythm of a pace.
    #[must_use]
    pub const fn rhythm(&self, pace: Pace) -> Rhythm {
        match pace {
            Pace::Visible => self.visible,
            Pace::Hidden => self.hidden,
            Pace::Socket => self.socket,
        }
    }

    /// The longest time that any session outlives its last sign of life.
    #[must_use]
    pub fn longest_ttl(&self) -> Millis {
        self.visible.ttl.max(self.hidden.ttl).max(self.socket.ttl)
    }

    /// The longest interval that any client keeps.
    #[must_use]
    pub fn slowest_interval(&self) -> Millis {
        self.visible.interval.max(self.hidden.interval).max(self.socket.interval)
    }
}

impl Default for Policy {
    fn default() -> Self {
        let rhythm = |interval, ttl| Rhythm { interval: Millis(interval), ttl: Millis(ttl) };
        Self {
            visible: rhythm(30_000, 120_000),
            hidden: rhythm(60_000, 200_000),
            socket: rhythm(25_000, 60_000),
            linger: Millis(5_000),
            idle_away: Millis(300_000),
            idle_offline: Millis(1_800_000),
        }
    }
}
