//! One session: a lease with a deadline, and how a sign of life changes it.

use super::{Activity, ConnectionId, Device, Millis, Pace, Policy, Reason, SessionId};

/// Where a session is in its life; decides the reason of the transition when its deadline passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Granted the time to live of its pace.
    Standard,
    /// Cut short because its user has been idle for nearly too long.
    Capped,
    /// Said goodbye; lives for the linger only.
    Closing,
    /// Still has more than the time to live of its pace, granted at a slower pace.
    Long,
}

/// What a sign of life says of the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Nothing: neither activity nor idle time change.
    Nothing,
    /// Someone is there.
    Active,
    /// Nobody is, for so many milliseconds if the client knows.
    Idle(Option<i64>),
}

impl Said {
    /// From the two fields of a heartbeat; idle time without `idle` means nothing.
    #[must_use]
    pub fn new(activity: Option<Activity>, idle_ms: Option<i64>) -> Self {
        match activity {
            None => Self::Nothing,
            Some(Activity::Active) => Self::Active,
            Some(Activity::Idle) => Self::Idle(idle_ms.map(|ms| ms.max(0))),
        }
    }

    /// Whether this says that nobody has been there for as long as ends a session.
    #[must_use]
    pub fn is_too_long(self, policy: &Policy) -> bool {
        matches!(self, Self::Idle(Some(ms)) if ms >= policy.idle_offline.0)
    }
}

/// One tab or connection of a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// Whether nobody is using it.
    pub idle: bool,
    /// The rhythm it keeps.
    pub pace: Pace,
    /// Where it is in its life.
    pub mode: Mode,
    /// When it ends without another sign of life.
    pub deadline: Millis,
    /// `deadline - granted` is its last sign of life.
    pub granted: Millis,
    /// When an idle session ends, however well it beats; 0 while active.
    pub idle_until: Millis,
    /// The kind of device, if it said.
    pub device: Option<Device>,
    /// The connection that holds it, if it said.
    pub connection: Option<ConnectionId>,
}

impl Session {
    pub(super) fn new(id: SessionId) -> Self {
        Self {
            id,
            idle: false,
            pace: Pace::Visible,
            mode: Mode::Standard,
            deadline: Millis(0),
            granted: Millis(0),
            idle_until: Millis(0),
            device: None,
            connection: None,
        }
    }

    /// When it last showed itself.
    #[must_use]
    pub fn last_sign(&self) -> Millis {
        self.deadline - self.granted
    }

    /// Why its user goes offline when its deadline passes.
    #[must_use]
    pub fn end_reason(&self) -> Reason {
        match self.mode {
            Mode::Capped => Reason::IdleTimeout,
            Mode::Closing => Reason::Closed,
            Mode::Standard | Mode::Long => Reason::Expired,
        }
    }

    /// A sign of life. Of these only the idle cap may lower a deadline, and only when the client says for how long it
    /// has been idle; a request that says nothing extends it no further than the cap.
    pub(super) fn sign(&mut self, now: Millis, said: Said, pace: Pace, policy: &Policy) {
        let full = now + policy.rhythm(pace).ttl;
        let cap = self.note_activity(now, said, full, policy);
        let uncapped = self.deadline.max(full);
        self.mode = if uncapped > full { Mode::Long } else { Mode::Standard };
        self.deadline = match cap.filter(|cap| *cap < uncapped) {
            Some(cap) => {
                self.mode = Mode::Capped;
                if matches!(said, Said::Idle(Some(_))) { cap } else { cap.max(self.deadline) }
            }
            None => uncapped,
        };
        self.granted = self.deadline - now;
        self.pace = pace;
    }

    /// Takes in what is said of the person; answers the moment that caps the deadline, if one does.
    fn note_activity(&mut self, now: Millis, said: Said, full: Millis, policy: &Policy) -> Option<Millis> {
        match said {
            Said::Active => {
                self.idle = false;
                self.idle_until = Millis(0);
                None
            }
            Said::Nothing => self.idle.then_some(self.idle_until),
            Said::Idle(for_ms) => {
                let limit = now + policy.idle_offline - Millis(for_ms.unwrap_or(0));
                let binds = for_ms.is_some() && limit < full;
                if !self.idle || binds {
                    self.idle_until = limit;
                }
                self.idle = true;
                (for_ms.is_none() || binds).then_some(self.idle_until)
            }
        }
    }

    /// A newer connection takes the session over, and says on which device it runs. Where connections have no names,
    /// the device alone is noted.
    pub(super) fn name(&mut self, connection: Option<&ConnectionId>, device: Option<Device>, fresh: bool) {
        let nameless = connection.is_none() && self.connection.is_none();
        let taken_over = connection.is_some() && connection != self.connection.as_ref();
        if taken_over {
            self.connection = connection.cloned();
        }
        if (fresh || taken_over || nameless) && device.is_some() {
            self.device = device;
        }
    }

    /// A goodbye: the deadline becomes the linger, the last sign of life stays.
    pub(super) fn close(&mut self, now: Millis, policy: &Policy) {
        let sign = self.last_sign();
        self.deadline = self.deadline.min(now + policy.linger);
        self.granted = self.deadline - sign;
        self.mode = Mode::Closing;
    }

    /// Whether a goodbye of this connection counts: one that says none, or a session that has none, always does.
    pub(super) fn may_be_closed_by(&self, connection: Option<&ConnectionId>) -> bool {
        self.mode != Mode::Closing && !self.is_of_another(connection)
    }

    /// Whether another connection has the session. Who names none is never another.
    pub(super) fn is_of_another(&self, connection: Option<&ConnectionId>) -> bool {
        connection.is_some() && self.connection.is_some() && connection != self.connection.as_ref()
    }
}
