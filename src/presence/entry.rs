//! What the outbox holds: one entry per change of a status, and per change of somebody's claims.

use std::collections::BTreeMap;

use super::{Claims, Device, Millis, Org, Reason, SessionId, Status, UserId};

/// What an entry records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// The status changed.
    Transition,
    /// Only text, emoji or end of a claim changed; the status did not.
    Claim,
    /// Claims changed and nobody else could notice: the user is away from others' eyes, or another claim goes before.
    /// It is here for what it carries, and says nothing new of the user's state.
    Wish,
}

/// One entry of a shard's outbox. `(shard, epoch, n)` names it for ever, and `n` has no gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The shard's counter, raised by one for each entry.
    pub n: i64,
    /// What it records.
    pub kind: EntryKind,
    /// Whose status.
    pub user: UserId,
    /// The user's organisation.
    pub org: Org,
    /// Status before.
    pub from: Status,
    /// Status after; the same as `from` unless the entry is a transition.
    pub to: Status,
    /// Why.
    pub reason: Reason,
    /// When it happened (for `expired`: the deadline, never before the status began).
    pub occurred_at: Millis,
    /// When a script noticed, by the clock of Redis.
    pub detected_at: Millis,
    /// Since when the user has been in `to`; `occurred_at` for a transition.
    pub since: Millis,
    /// Since when the user has been present without a break; 0 when offline.
    pub online_since: Millis,
    /// The user's last sign of life.
    pub last_seen: Millis,
    /// `since` as others see it (frozen while invisible).
    pub shown_since: Millis,
    /// `online_since` as others see it; 0 when shown offline.
    pub shown_online_since: Millis,
    /// `last_seen` as others see it (frozen while invisible).
    pub shown_last_seen: Millis,
    /// `epoch * 2^32 + n` of the last change that others could see (this one, unless it is hidden from them); 0 before
    /// the first. Without it the version of somebody who went offline while invisible would grow when only the history
    /// remembers them, and give them away.
    pub shown_version: i64,
    /// How far `occurred_at` may be wrong, in ms; 0 but for losses of the store.
    pub uncertainty_ms: i64,
    /// The session that caused the change, if one did.
    pub session: Option<SessionId>,
    /// The kind of device of that session.
    pub device: Option<Device>,
    /// Request id of the administrator's action that caused the change.
    pub actor: Option<String>,
    /// The user's claims as they stand after this change, if it changed them.
    pub claims: Option<Claims>,
    /// Text of the claim in force after this change, if it has any.
    pub text: Option<String>,
    /// Emoji of the claim in force after this change, if it has any.
    pub emoji: Option<String>,
}

impl Entry {
    /// Whether others could notice.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        match self.kind {
            EntryKind::Transition => self.from.shown() != self.to.shown(),
            EntryKind::Claim => true,
            EntryKind::Wish => false,
        }
    }

    /// Why, as others may know it: somebody who becomes invisible seems to close the page, and to open it on the way back.
    #[must_use]
    pub fn shown_reason(&self) -> Reason {
        match (self.from, self.to) {
            (_, Status::Invisible) => Reason::Closed,
            (Status::Invisible, _) => Reason::Connect,
            _ => self.reason,
        }
    }
}

/// One entry of the outbox, as the copy finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "nearly all are entries; a box would cost an allocation for each"
)]
pub enum Outgoing {
    /// Understood.
    Entry(Entry),
    /// Not understood: it keeps its number, and nothing else of it is relied on.
    Raw(RawEntry),
}

/// An entry that this version cannot read, as it stands in the outbox: a newer version may have written it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawEntry {
    /// The shard's counter.
    pub n: i64,
    /// Whose, if that much can be read.
    pub user: Option<UserId>,
    /// When a script noticed, if that much can be read.
    pub detected_at: Option<Millis>,
    /// Every field as it came; what is no UTF-8 is replaced.
    pub fields: BTreeMap<String, String>,
    /// What cannot be read.
    pub problem: String,
}

impl Outgoing {
    /// The shard's counter.
    #[must_use]
    pub const fn n(&self) -> i64 {
        match self {
            Self::Entry(entry) => entry.n,
            Self::Raw(raw) => raw.n,
        }
    }

    /// Whose status.
    #[must_use]
    pub const fn user(&self) -> Option<&UserId> {
        match self {
            Self::Entry(entry) => Some(&entry.user),
            Self::Raw(raw) => raw.user.as_ref(),
        }
    }

    /// When a script noticed.
    #[must_use]
    pub const fn detected_at(&self) -> Option<Millis> {
        match self {
            Self::Entry(entry) => Some(entry.detected_at),
            Self::Raw(raw) => raw.detected_at,
        }
    }

    /// The entry, if it was understood.
    #[must_use]
    pub const fn entry(&self) -> Option<&Entry> {
        match self {
            Self::Entry(entry) => Some(entry),
            Self::Raw(_) => None,
        }
    }

    /// The entry as it came, if it was not.
    #[must_use]
    pub const fn raw(&self) -> Option<&RawEntry> {
        match self {
            Self::Entry(_) => None,
            Self::Raw(raw) => Some(raw),
        }
    }
}
