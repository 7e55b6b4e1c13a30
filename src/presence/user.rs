//! One user: sessions, what they amount to, and what others see of it.

use super::{Claim, Claims, Entry, EntryKind, Millis, Org, Reason, Session, SessionId, Status, UserId};

/// The most sessions a user may have; one more ends the one due first.
pub const MOST_SESSIONS: usize = 20;

/// What others see of a user: frozen while the user is invisible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShownTimes {
    /// Since when the shown status holds.
    pub since: Millis,
    /// Shown present without a break since; 0 when shown offline.
    pub online_since: Millis,
    /// Last sign of life, where the shown status is offline.
    pub last_seen: Millis,
    /// `epoch * 2^32 + n` of the last change that others could see; 0 before the first.
    pub version: i64,
}

/// What is known of one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The organisation.
    pub org: Org,
    /// The status as it truly is.
    pub status: Status,
    /// Since when.
    pub since: Millis,
    /// Present without a break since; 0 when offline.
    pub online_since: Millis,
    /// The last sign of life of the sessions that have ended.
    pub seen: Millis,
    /// What others see.
    pub shown: ShownTimes,
    /// `n` of the last entry.
    pub n: i64,
    /// Sessions, the oldest first.
    pub sessions: Vec<Session>,
}

/// Why a view may have changed.
#[derive(Clone, Debug)]
pub(super) struct Cause {
    pub reason: Reason,
    pub at: Millis,
    pub session: Option<Session>,
    pub actor: Option<String>,
    /// The user's claims after the change, if it is one of them.
    pub claims: Option<Claims>,
}

impl User {
    pub(super) fn new(org: Org) -> Self {
        Self {
            org,
            status: Status::Offline,
            since: Millis(0),
            online_since: Millis(0),
            seen: Millis(0),
            shown: ShownTimes::default(),
            n: 0,
            sessions: Vec::new(),
        }
    }

    /// The last sign of life: heartbeat, authenticated request or frame; nothing else moves it.
    #[must_use]
    pub fn last_seen(&self) -> Millis {
        self.sessions.iter().map(Session::last_sign).fold(self.seen, Millis::max)
    }

    /// The last sign of life as others see it.
    #[must_use]
    pub fn shown_last_seen(&self) -> Millis {
        if self.status.shown() == Status::Offline { self.shown.last_seen } else { self.last_seen() }
    }

    /// How many sessions others can see.
    #[must_use]
    pub fn shown_sessions(&self) -> usize {
        if self.status.shown() == Status::Offline { 0 } else { self.sessions.len() }
    }

    pub(super) fn remove(&mut self, index: usize) -> Session {
        self.seen = self.last_seen();
        self.sessions.remove(index)
    }

    /// Removes every session that the test picks; answers the one among them that was due last.
    pub(super) fn remove_where(&mut self, test: impl Fn(&Session) -> bool) -> Option<Session> {
        let mut last: Option<Session> = None;
        for index in (0..self.sessions.len()).rev() {
            if test(&self.sessions[index]) {
                let session = self.remove(index);
                if last.as_ref().is_none_or(|last| session.deadline > last.deadline) {
                    last = Some(session);
                }
            }
        }
        last
    }

    /// Adds a session. The first of a login that names its tab takes the place of that login's session `0`.
    pub(super) fn place(&mut self, id: &SessionId) -> usize {
        let of_login = |session: &Session| session.id.login == id.login;
        let zero = self.sessions.iter().position(|s| of_login(s) && s.id.tab.as_str() == "0");
        let named = self.sessions.iter().any(|s| of_login(s) && s.id.tab.as_str() != "0");
        let at = match zero {
            Some(zero) if !named && id.tab.as_str() != "0" => {
                self.remove(zero);
                zero
            }
            _ => self.sessions.len(),
        };
        self.sessions.insert(at, Session::new(id.clone()));
        at
    }

    /// Ends the session that is due first, other than the newcomer.
    pub(super) fn evict(&mut self, newcomer: &SessionId) {
        let mut first: Option<usize> = None;
        for (index, session) in self.sessions.iter().enumerate() {
            let earlier = first.is_none_or(|first| session.deadline < self.sessions[first].deadline);
            if session.id != *newcomer && earlier {
                first = Some(index);
            }
        }
        if let Some(first) = first {
            self.remove(first);
        }
    }

    /// The status that sessions and claims amount to. Connectivity wins: nobody is busy without a session.
    #[must_use]
    pub fn view(&self, claims: &Claims) -> Status {
        if self.sessions.is_empty() {
            return Status::Offline;
        }
        match claims.in_force() {
            Some(claim) => claim.status,
            None if self.sessions.iter().any(|session| !session.idle) => Status::Online,
            None => Status::Away,
        }
    }

    /// Moves to a status that differs from the present one; `n` and `version` are those of the entry this makes.
    pub(super) fn change(&mut self, to: Status, n: i64, version: i64, at: Millis) {
        let from = self.status;
        self.seen = self.last_seen();
        self.status = to;
        self.since = at.max(self.since);
        self.n = n;
        if to == Status::Offline {
            self.online_since = Millis(0);
        } else if from == Status::Offline {
            self.online_since = self.since;
        }
        self.show_change(from.shown(), to.shown(), version);
    }

    /// What others see moves only where the shown status does; then times freeze or start anew.
    fn show_change(&mut self, from: Status, to: Status, version: i64) {
        if from != to {
            self.shown.version = version;
            self.shown.since = self.since;
            if to == Status::Offline {
                self.shown.online_since = Millis(0);
                self.shown.last_seen = self.seen;
            } else if from == Status::Offline {
                self.shown.online_since = self.since;
            }
        }
        if to != Status::Offline {
            self.shown.last_seen = self.seen;
        }
    }

    pub(super) fn entry(
        &self,
        user: &UserId,
        kind: EntryKind,
        from: Status,
        now: Millis,
        cause: &Cause,
        in_force: Option<&Claim>,
    ) -> Entry {
        let word = |word: fn(&Claim) -> &String| in_force.map(word).filter(|word| !word.is_empty()).cloned();
        Entry {
            n: self.n,
            kind,
            user: user.clone(),
            org: self.org.clone(),
            from,
            to: self.status,
            reason: cause.reason,
            occurred_at: cause.at.max(self.since),
            detected_at: now,
            since: self.since,
            online_since: self.online_since,
            last_seen: self.seen,
            shown_since: self.shown.since,
            shown_online_since: self.shown.online_since,
            shown_last_seen: self.shown.last_seen,
            shown_version: self.shown.version,
            uncertainty_ms: 0,
            session: cause.session.as_ref().map(|session| session.id.clone()),
            device: cause.session.as_ref().and_then(|session| session.device),
            actor: cause.actor.clone(),
            claims: cause.claims.clone(),
            text: word(|claim| &claim.text),
            emoji: word(|claim| &claim.emoji),
        }
    }
}
