//! Changes that are held back for a while, because they may be undone: only what is left of them is told. Pure.
//!
//! Somebody who went offline is held until nothing has happened for the whole time; every other change is told at the
//! latest that long after the first of those held with it, so that nobody who keeps changing is never told of.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::shown::ShownChange;
use crate::presence::{ChangeKind, Millis, Status};

/// Two clocks: that of Redis says how far apart changes were, that of Postgres how long ago they were recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct When {
    pub(super) detected_at: Millis,
    pub(super) recorded_at: Millis,
}

impl When {
    fn after(self, span: Duration) -> Self {
        let ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self {
            detected_at: Millis(self.detected_at.0.saturating_add(ms)),
            recorded_at: Millis(self.recorded_at.0.saturating_add(ms)),
        }
    }
}

/// What is held of one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    /// What the receiver was told last.
    previous: Status,
    first: When,
    /// When it is to be told.
    pub(super) due: When,
    last: ShownChange,
    /// Whether words changed, which no status undoes.
    has_words: bool,
}

impl Held {
    /// Of a first change.
    pub(super) fn new(told: ShownChange, at: When, span: Duration) -> Self {
        let has_words = told.status == told.previous;
        Self { previous: told.previous, first: at, due: at.after(span), last: told, has_words }
    }

    /// With one more change.
    pub(super) fn and(self, told: ShownChange, at: When, span: Duration) -> Self {
        let from = if told.status == Status::Offline { at } else { self.first };
        let has_words = self.has_words || told.status == told.previous;
        Self { due: from.after(span), last: told, has_words, ..self }
    }

    /// Whether its time was over when another change came.
    pub(super) fn is_over(&self, at: When) -> bool {
        self.due.detected_at <= at.detected_at
    }

    /// What is left to tell; nothing, if all was undone.
    pub(super) fn left(self) -> Option<ShownChange> {
        let kind = ChangeKind::between(self.previous, self.last.status)?;
        let has_words = self.has_words && kind == ChangeKind::Status;
        if self.previous == self.last.status && !has_words {
            return None;
        }
        // Why somebody came says nothing of how they changed.
        let reason = self.last.reason.filter(|_| kind == self.last.kind);
        Some(ShownChange { kind, previous: self.previous, reason, ..self.last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presence::{Org, Reason};
    use Status::{Away, Offline, Online};

    const SPAN: Duration = Duration::from_millis(3_000);

    fn at(ms: i64) -> When {
        When { detected_at: Millis(ms), recorded_at: Millis(ms + 50) }
    }

    fn told(previous: Status, status: Status, at: i64) -> ShownChange {
        ShownChange {
            kind: ChangeKind::between(previous, status).unwrap(),
            org: Org::default(),
            status,
            previous,
            since: Millis(at),
            last_seen: None,
            reason: Some(Reason::Idle),
            occurred_at: Millis(at),
            version: at,
        }
    }

    #[test]
    fn who_comes_back_in_time_was_never_gone() {
        let gone = Held::new(told(Online, Offline, 0), at(0), SPAN);
        assert_eq!(gone.due.recorded_at, Millis(3_050));
        assert_eq!(gone.clone().left().unwrap().kind, ChangeKind::Offline);
        let back = gone.and(told(Offline, Online, 2_999), at(2_999), SPAN);
        assert_eq!(back.left(), None);
    }

    #[test]
    fn who_comes_back_as_something_else_has_changed() {
        let back =
            Held::new(told(Online, Offline, 0), at(0), SPAN).and(told(Offline, Away, 10), at(10), SPAN);
        let left = back.left().unwrap();
        assert_eq!((left.kind, left.previous, left.status), (ChangeKind::Status, Online, Away));
        assert_eq!((left.reason, left.version), (None, 10));
    }

    #[test]
    fn leaving_waits_for_its_own_time_and_nothing_else_does() {
        let held = Held::new(told(Online, Away, 0), at(0), SPAN);
        let gone = held.clone().and(told(Away, Offline, 2_000), at(2_000), SPAN);
        assert_eq!(gone.due, at(2_000).after(SPAN));
        assert!(!gone.is_over(at(4_999)) && gone.is_over(at(5_000)));
        let back = gone.and(told(Offline, Online, 4_000), at(4_000), SPAN);
        assert_eq!(
            back.due, held.due,
            "somebody present is told of as soon as the first change is old enough"
        );
    }

    #[test]
    fn a_visit_that_was_too_short_is_not_told_and_words_are() {
        let visit =
            Held::new(told(Offline, Online, 0), at(0), SPAN).and(told(Online, Offline, 9), at(9), SPAN);
        assert_eq!(visit.left(), None);
        let words = Held::new(told(Online, Online, 0), at(0), SPAN);
        assert_eq!(words.clone().left().unwrap().kind, ChangeKind::Status);
        let gone = words.and(told(Online, Offline, 5), at(5), SPAN);
        assert_eq!(gone.left().unwrap().kind, ChangeKind::Offline);
    }
}
