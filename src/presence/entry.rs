//! What the outbox holds: one entry per change that others could see.

use super::{Device, Millis, Org, Reason, SessionId, Status, UserId};

/// What an entry records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// The status changed.
    Transition,
    /// Only text, emoji or end of a claim changed; the status did not.
    Claim,
}

/// One entry of a shard's outbox. `(shard, epoch, n)` names it for ever, and `n` has no gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The shard's counter, raised by one for each entry.
    pub n: i64,
    /// Transition or claim.
    pub kind: EntryKind,
    /// Whose status.
    pub user: UserId,
    /// The user's organisation.
    pub org: Org,
    /// Status before.
    pub from: Status,
    /// Status after; the same as `from` for a claim entry.
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
    /// `last_seen` as others see it (frozen while invisible).
    pub shown_last_seen: Millis,
    /// How far `occurred_at` may be wrong, in ms; 0 but for losses of the store.
    pub uncertainty_ms: i64,
    /// The session that caused the change, if one did.
    pub session: Option<SessionId>,
    /// The kind of device of that session.
    pub device: Option<Device>,
    /// Request id of the administrator's action that caused the change.
    pub actor: Option<String>,
}
