//! What a batch of entries means for each of its users: sequence numbers, intervals that open and close, the last
//! known state. Pure, so that the rules can be tested without a database.

use std::collections::HashMap;

use crate::presence::{Entry, EntryKind, Millis, Org, Reason, Status, UserId};

/// What is stored of a user before the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// The name in audit rows.
    pub(super) subject: i64,
    /// Sequence of the last transition; 0 before the first.
    pub(super) sequence: i64,
    /// Since when in a status other than offline.
    pub(super) present_since: Option<Millis>,
}

/// An entry with the names that the log gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Logged<'a> {
    pub(super) entry: &'a Entry,
    pub(super) subject: i64,
    /// For transitions alone.
    pub(super) sequence: Option<i64>,
}

/// How an interval ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) at: Millis,
    pub(super) reason: Reason,
}

/// An interval that a transition of the batch opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interval<'a> {
    pub(super) subject: i64,
    /// Of the transition that opened it.
    pub(super) sequence: i64,
    pub(super) org: &'a Org,
    pub(super) status: Status,
    pub(super) started_at: Millis,
    /// None while it is open at the end of the batch.
    pub(super) end: Option<End>,
}

/// The state in which the batch leaves a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Last<'a> {
    pub(super) entry: &'a Entry,
    pub(super) subject: i64,
    pub(super) sequence: i64,
}

/// Everything that a batch writes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Folded<'a> {
    /// One per entry, in their order.
    pub(super) log: Vec<Logged<'a>>,
    /// Ends of intervals that earlier batches may have left open, by subject.
    pub(super) ended: Vec<(i64, End)>,
    pub(super) opened: Vec<Interval<'a>>,
    /// One per user with more than wishes.
    pub(super) last: Vec<Last<'a>>,
    /// Transitions that occurred before the status they end had begun.
    pub(super) late: usize,
}

/// A user on the way through the batch.
struct Person<'a> {
    known: Known,
    /// Whether a transition of this batch has ended what earlier batches left open.
    moved: bool,
    /// The interval of this batch that is open, by its place in `opened`.
    open: Option<usize>,
    /// None as long as the batch has only wishes of the user: they say nothing new of the state.
    latest: Option<&'a Entry>,
}

/// Folds a batch of one shard, in the order of its entries.
///
/// # Panics
/// If `known` lacks a user of the batch: the caller has just read, or made, every one of them.
pub(super) fn fold<'a>(entries: &[&'a Entry], known: &HashMap<&'a UserId, Known>) -> Folded<'a> {
    let mut folded = Folded { log: Vec::with_capacity(entries.len()), ..Folded::default() };
    let mut people: Vec<Person<'a>> = Vec::new();
    let mut places: HashMap<&'a UserId, usize> = HashMap::new();
    for &entry in entries {
        let place = *places.entry(&entry.user).or_insert_with(|| {
            people.push(Person {
                known: *known.get(&entry.user).expect("every user of the batch was read"),
                moved: false,
                open: None,
                latest: None,
            });
            people.len() - 1
        });
        let person = &mut people[place];
        if entry.kind != EntryKind::Wish {
            person.latest = Some(entry);
        }
        let sequence = match entry.kind {
            EntryKind::Claim | EntryKind::Wish => None,
            EntryKind::Transition => Some(transition(person, entry, &mut folded)),
        };
        let subject = person.known.subject;
        folded.log.push(Logged { entry, subject, sequence });
    }
    folded.last = people
        .iter()
        .filter_map(|person| {
            let Known { subject, sequence, .. } = person.known;
            Some(Last { entry: person.latest?, subject, sequence })
        })
        .collect();
    folded
}

/// Ends the interval that is open and opens the next; returns the transition's sequence.
fn transition<'a>(person: &mut Person<'a>, entry: &'a Entry, folded: &mut Folded<'a>) -> i64 {
    let at = entry.occurred_at;
    let Known { subject, sequence, present_since } = &mut person.known;
    *sequence += 1;
    folded.late += usize::from(present_since.is_some_and(|since| at < since));
    let reason = entry.reason;
    if let Some(open) = person.open.take() {
        let interval = &mut folded.opened[open];
        interval.end = Some(End { at: at.max(interval.started_at), reason });
    } else if !person.moved {
        // Also where nothing should be open: then it ends nothing.
        folded.ended.push((*subject, End { at, reason }));
    }
    person.moved = true;
    *present_since = None;
    if entry.to != Status::Offline {
        *present_since = Some(at);
        person.open = Some(folded.opened.len());
        folded.opened.push(Interval {
            subject: *subject,
            sequence: *sequence,
            org: &entry.org,
            status: entry.to,
            started_at: at,
            end: None,
        });
    }
    *sequence
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(n: i64, user: &str, from: Status, to: Status, at: i64) -> Entry {
        Entry {
            n,
            kind: if from == to { EntryKind::Claim } else { EntryKind::Transition },
            user: user.parse().unwrap(),
            org: Org::default(),
            from,
            to,
            reason: Reason::Connect,
            occurred_at: Millis(at),
            detected_at: Millis(at),
            since: Millis(at),
            online_since: Millis(at),
            last_seen: Millis(at),
            shown_since: Millis(at),
            shown_online_since: Millis(0),
            shown_last_seen: Millis(at),
            shown_version: n,
            uncertainty_ms: 0,
            session: None,
            device: None,
            actor: None,
            claims: None,
            text: None,
            emoji: None,
        }
    }

    fn known(entries: &[Entry], sequence: i64, present_since: Option<i64>) -> HashMap<&UserId, Known> {
        let mut known = HashMap::new();
        for entry in entries {
            let subject = 1 + i64::try_from(known.len()).unwrap();
            known.entry(&entry.user).or_insert(Known {
                subject,
                sequence,
                present_since: present_since.map(Millis),
            });
        }
        known
    }

    fn folded<'a>(entries: &'a [Entry], known: &HashMap<&'a UserId, Known>) -> Folded<'a> {
        fold(&entries.iter().collect::<Vec<_>>(), known)
    }

    use Status::{Away, Offline, Online};

    #[test]
    fn sequences_go_on_per_user_and_skip_claims() {
        let entries = [
            entry(1, "a", Offline, Online, 10),
            entry(2, "b", Offline, Online, 11),
            entry(3, "a", Online, Online, 12),
            entry(4, "a", Online, Away, 13),
        ];
        let known = known(&entries, 7, None);
        let folded = folded(&entries, &known);
        let sequences: Vec<_> = folded.log.iter().map(|row| row.sequence).collect();
        assert_eq!(sequences, [Some(8), Some(8), None, Some(9)]);
        let last: Vec<_> = folded.last.iter().map(|last| (last.entry.n, last.sequence)).collect();
        assert_eq!(last, [(4, 9), (2, 8)], "one row per user, of its newest entry");
    }

    #[test]
    fn an_interval_may_open_and_close_inside_the_batch() {
        let entries = [
            entry(1, "a", Offline, Online, 10),
            entry(2, "a", Online, Away, 20),
            entry(3, "a", Away, Offline, 30),
        ];
        let known = known(&entries, 0, None);
        let folded = folded(&entries, &known);
        let spans: Vec<_> = folded
            .opened
            .iter()
            .map(|i| (i.sequence, i.status, i.started_at.0, i.end.map(|end| end.at.0)))
            .collect();
        assert_eq!(spans, [(1, Online, 10, Some(20)), (2, Away, 20, Some(30))]);
    }

    #[test]
    fn only_the_first_transition_ends_what_earlier_batches_left_open() {
        let entries = [entry(1, "a", Online, Offline, 20), entry(2, "a", Offline, Online, 30)];
        let known = known(&entries, 1, Some(10));
        let folded = folded(&entries, &known);
        let ended: Vec<_> = folded.ended.iter().map(|(subject, end)| (*subject, end.at.0)).collect();
        assert_eq!(ended, [(1, 20)]);
        assert_eq!(folded.opened.len(), 1);
        assert_eq!(folded.opened[0].end, None);
        assert_eq!(folded.late, 0);
    }

    #[test]
    fn a_claim_ends_and_opens_nothing() {
        let entries = [entry(1, "a", Online, Online, 20)];
        let known = known(&entries, 3, Some(10));
        let folded = folded(&entries, &known);
        assert_eq!((folded.ended.len(), folded.opened.len()), (0, 0));
        assert_eq!(folded.last[0].sequence, 3);
    }

    #[test]
    fn a_wish_is_logged_and_leaves_the_last_state_alone() {
        let wish = |n| Entry { kind: EntryKind::Wish, ..entry(n, "a", Offline, Offline, 20) };
        let entries = [
            wish(1),
            entry(2, "b", Offline, Online, 20),
            Entry { user: entry(0, "b", Offline, Offline, 0).user, ..wish(3) },
        ];
        let known = known(&entries, 3, None);
        let folded = folded(&entries, &known);
        assert_eq!(folded.log.iter().map(|row| row.sequence).collect::<Vec<_>>(), [None, Some(4), None]);
        let last: Vec<_> = folded.last.iter().map(|last| (last.entry.n, last.sequence)).collect();
        assert_eq!(last, [(2, 4)]);
    }

    #[test]
    fn a_late_transition_gives_an_interval_of_no_length_and_is_counted() {
        let entries = [entry(1, "a", Offline, Online, 50), entry(2, "a", Online, Offline, 40)];
        let known = known(&entries, 0, None);
        let folded = folded(&entries, &known);
        assert_eq!(folded.opened[0].end.map(|end| end.at), Some(Millis(50)));
        assert_eq!(folded.late, 1);
    }

    #[test]
    fn an_empty_batch_writes_nothing() {
        assert_eq!(fold(&[], &HashMap::new()), Folded::default());
    }
}
