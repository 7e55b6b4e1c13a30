//! What a row of the log tells others, by the same rules as the view of a person: nothing of what they cannot see, and
//! nothing from which it could be told.

use serde::{Deserialize, Serialize};

use crate::presence::{ChangeKind, EntryKind, Millis, Org, Reason, Status};

/// A change as others see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownChange {
    /// What kind of change it is.
    pub kind: ChangeKind,
    /// The person's organisation.
    pub org: Org,
    /// What others see now.
    pub status: Status,
    /// What they saw before.
    pub previous: Status,
    /// Since when.
    pub since: Millis,
    /// The last sign of life, if it is known.
    pub last_seen: Option<Millis>,
    /// Why, where that tells nothing that others should not know.
    pub reason: Option<Reason>,
    /// When it happened.
    pub occurred_at: Millis,
    /// As in views of the person.
    pub version: i64,
}

/// A row of the log, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) epoch: i64,
    pub(super) n: i64,
    pub(super) kind: EntryKind,
    pub(super) org: Org,
    pub(super) from: Status,
    pub(super) to: Status,
    pub(super) reason: Reason,
    pub(super) occurred_at: Millis,
    pub(super) last_seen: Millis,
    /// For claims: when the status began.
    pub(super) since: Option<Millis>,
}

impl ShownChange {
    /// What a row tells others; `None`: nothing.
    pub(super) fn by(row: Row) -> Option<Self> {
        let kind = match row.kind {
            EntryKind::Wish => None,
            EntryKind::Transition | EntryKind::Claim => ChangeKind::between(row.from, row.to),
        }?;
        Some(Self {
            kind,
            org: row.org,
            status: row.to.shown(),
            previous: row.from.shown(),
            since: row.since.unwrap_or(row.occurred_at),
            // A correction is nobody's sign of life.
            // Whoever really comes shows themselves at that moment; whoever only becomes visible did so before.
            last_seen: Some(if kind == ChangeKind::Online { row.occurred_at } else { row.last_seen })
                .filter(|_| row.reason != Reason::StoreRewound),
            reason: Some(row.reason).filter(|reason| may_be_told(kind, *reason)),
            occurred_at: row.occurred_at,
            version: row.epoch * (1 << 32) + row.n,
        })
    }
}

/// Whether a reason gives nobody away. Somebody who becomes invisible must look like somebody who left, and somebody who
/// becomes visible like somebody who came: so those who come have no reason, and of those who leave only reasons are
/// told that no invisible person has; the ordinary ones, a logout among them, are left out, or their absence would tell.
fn may_be_told(kind: ChangeKind, reason: Reason) -> bool {
    match kind {
        ChangeKind::Online => false,
        ChangeKind::Status => true,
        ChangeKind::Offline => matches!(
            reason,
            Reason::ForceLogout
                | Reason::Suspended
                | Reason::Banned
                | Reason::Deactivated
                | Reason::StoreLost
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(from: Status, to: Status, reason: Reason) -> Row {
        Row {
            epoch: 2,
            n: 7,
            kind: if from == to { EntryKind::Claim } else { EntryKind::Transition },
            org: Org::default(),
            from,
            to,
            reason,
            occurred_at: Millis(500),
            last_seen: Millis(400),
            since: (from == to).then_some(Millis(300)),
        }
    }

    use Status::{Away, Busy, Invisible, Offline, Online};

    #[test]
    fn who_becomes_invisible_looks_like_somebody_who_leaves() {
        let left = ShownChange::by(row(Online, Offline, Reason::Closed)).unwrap();
        assert_eq!(ShownChange::by(row(Online, Invisible, Reason::ManualSet)).unwrap(), left);
        assert_eq!(ShownChange::by(row(Online, Invisible, Reason::AdminSet)).unwrap(), left);
        assert_eq!(left.version, (2 << 32) + 7);
        let came = ShownChange::by(row(Offline, Online, Reason::Connect)).unwrap();
        assert_eq!(ShownChange::by(row(Invisible, Online, Reason::ManualCleared)).unwrap(), came);
        assert_eq!((came.kind, came.previous, came.reason), (ChangeKind::Online, Offline, None));
    }

    #[test]
    fn what_others_cannot_see_is_not_told() {
        assert_eq!(ShownChange::by(row(Offline, Invisible, Reason::Login)), None);
        assert_eq!(ShownChange::by(row(Invisible, Offline, Reason::Logout)), None);
        assert_eq!(ShownChange::by(row(Invisible, Invisible, Reason::ManualSet)), None);
        let wish = Row { kind: EntryKind::Wish, ..row(Busy, Busy, Reason::ManualSet) };
        assert_eq!(ShownChange::by(wish), None);
    }

    #[test]
    fn changes_among_the_present_say_why() {
        let idle = ShownChange::by(row(Online, Away, Reason::Idle)).unwrap();
        assert_eq!(
            (idle.kind, idle.reason, idle.since),
            (ChangeKind::Status, Some(Reason::Idle), Millis(500))
        );
        let words = ShownChange::by(row(Busy, Busy, Reason::ManualSet)).unwrap();
        assert_eq!((words.status, words.previous, words.since), (Busy, Busy, Millis(300)));
        let banned = ShownChange::by(row(Busy, Offline, Reason::Banned)).unwrap();
        assert_eq!(banned.reason, Some(Reason::Banned));
        let back = ShownChange::by(row(Offline, Online, Reason::StoreRewound)).unwrap();
        assert_eq!(back.last_seen, None);
    }
}
