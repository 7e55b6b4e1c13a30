//! A person's rows of the log told again as the entries that they were, with what the log leaves out because it
//! follows from the rows before: since when, and what others saw. Pure.
//!
//! The rules are those of `settle` in `lua/lib/user.lua`. Where rows are missing before (dropped months, entries in
//! quarantine), or Redis began a new epoch with what it then had, some of it cannot be known; then it is said to be
//! unknown and never made up.

use crate::presence::{Entry, EntryKind, Millis, Reason, Status};

/// What a row of the log does not say and the rows before it do; `None` is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    status: Option<Status>,
    pub(super) since: Option<Millis>,
    /// 0 when offline.
    pub(super) online_since: Option<Millis>,
    pub(super) shown_since: Option<Millis>,
    /// 0 when shown offline.
    pub(super) shown_online_since: Option<Millis>,
    pub(super) shown_last_seen: Option<Millis>,
    pub(super) shown_version: Option<i64>,
}

impl Standing {
    /// Before a first row whose transition has this sequence: the first of all begins with nothing.
    pub(super) const fn before(sequence: Option<i64>) -> Self {
        let never = match sequence {
            Some(1) => Some(Millis(0)),
            _ => None,
        };
        Self {
            status: if never.is_some() { Some(Status::Offline) } else { None },
            since: never,
            online_since: never,
            shown_since: never,
            shown_online_since: never,
            shown_last_seen: never,
            shown_version: if never.is_some() { Some(0) } else { None },
        }
    }

    /// The same status, of which only the next entries can tell more.
    pub(super) const fn forgotten(self) -> Self {
        Self { status: self.status, ..Self::before(None) }
    }

    /// After this entry, of which only what the log says is relied on.
    pub(super) fn after(self, entry: &Entry, epoch: i64) -> Self {
        let known = if self.status == Some(entry.from) { self } else { Self::before(None) };
        let next = Self { status: Some(entry.to), ..known };
        match entry.kind {
            EntryKind::Wish => next,
            EntryKind::Claim => next.after_claim(entry, epoch),
            EntryKind::Transition => next.after_transition(entry, epoch),
        }
    }

    /// Words that others can read are a change to them.
    fn after_claim(self, entry: &Entry, epoch: i64) -> Self {
        let is_shown = entry.to.shown() != Status::Offline;
        Self {
            shown_version: if is_shown { Some(version(epoch, entry.n)) } else { self.shown_version },
            ..self
        }
    }

    fn after_transition(self, entry: &Entry, epoch: i64) -> Self {
        let at = entry.occurred_at;
        let mut next = Self { since: Some(at), ..self };
        if entry.to == Status::Offline {
            next.online_since = Some(Millis(0));
        } else if entry.from == Status::Offline {
            next.online_since = Some(at);
        }
        let (from, to) = (entry.from.shown(), entry.to.shown());
        if to == Status::Offline {
            next.shown_online_since = Some(Millis(0));
        } else if from == Status::Offline {
            next.shown_online_since = Some(at);
        }
        if from != to {
            next.shown_since = Some(at);
            next.shown_version = Some(version(epoch, entry.n));
        }
        // A correction is nobody's sign of life.
        if entry.reason != Reason::StoreRewound && (from != to || to != Status::Offline) {
            next.shown_last_seen = Some(entry.last_seen);
        }
        next
    }
}

const fn version(epoch: i64, n: i64) -> i64 {
    epoch * (1 << 32) + n
}
