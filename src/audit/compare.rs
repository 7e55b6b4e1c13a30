//! One person's derived rows held against the log. Pure.

use std::collections::{BTreeMap, HashMap};

use super::fold::{End, Folded, Interval, Known, Last, fold};
use super::retell::Standing;
use super::{Difference, LastKnown};
use crate::presence::{Entry, EntryKind, Millis, Org, Status, UserId};

/// A row of the log.
pub(super) struct Logged {
    pub(super) entry: Entry,
    pub(super) shard: u16,
    pub(super) epoch: i64,
    pub(super) sequence: Option<i64>,
}

/// One person, as the log tells it and as it is kept.
#[derive(Default)]
pub(super) struct Person {
    /// None if the person was erased.
    pub(super) user: Option<UserId>,
    pub(super) log: Vec<Logged>,
    pub(super) intervals: Vec<Kept>,
    pub(super) last: Option<LastKnown>,
}

/// A row of `intervals`.
pub(super) struct Kept {
    pub(super) subject: i64,
    pub(super) sequence: i64,
    pub(super) org: Org,
    pub(super) status: Status,
    pub(super) started_at: Millis,
    pub(super) end: Option<End>,
}

/// What a range needs to be as the log says.
#[derive(Default)]
pub(super) struct Repair<'a> {
    pub(super) told: Vec<Difference>,
    pub(super) surplus: Vec<(i64, i64)>,
    pub(super) missing: Vec<Interval<'a>>,
    pub(super) last: BTreeMap<(u16, i64), Vec<Last<'a>>>,
}

/// Adds what follows from the rows before. What cannot be known stays as it is kept, or is else what would follow if
/// nothing was missing and Redis had lost nothing.
pub(super) fn retell(person: &mut Person) {
    let first = person.log.iter().find_map(|logged| logged.sequence);
    let mut known = Standing::before(first);
    let (mut likely, mut life) = (known, None);
    for Logged { entry, epoch, .. } in &person.log {
        if life.replace(*epoch).is_some_and(|life| life != *epoch) {
            known = known.forgotten();
        }
        (known, likely) = (known.after(entry, *epoch), likely.after(entry, *epoch));
    }
    let Some(Logged { entry, epoch, .. }) = person.log.iter_mut().rfind(|logged| tells(logged)) else {
        return;
    };
    let kept = person.last.as_ref();
    let told = |of: fn(&Standing) -> Option<Millis>, pick: fn(&LastKnown) -> Millis, otherwise| {
        of(&known).or_else(|| kept.map(pick)).or_else(|| of(&likely)).unwrap_or(otherwise)
    };
    let at = entry.occurred_at;
    let if_present = |status| if status == Status::Offline { Millis(0) } else { at };
    entry.since = told(|of| of.since, |last| last.since, at);
    entry.online_since = told(|of| of.online_since, |last| last.online_since, if_present(entry.to));
    entry.shown_since = told(|of| of.shown_since, |last| last.shown_since, at);
    entry.shown_online_since =
        told(|of| of.shown_online_since, |last| last.shown_online_since, if_present(entry.to.shown()));
    entry.shown_last_seen = told(|of| of.shown_last_seen, |last| last.shown_last_seen, entry.last_seen);
    let version = known.shown_version.or_else(|| kept.map(|last| last.shown_version));
    entry.shown_version = version.or(likely.shown_version).unwrap_or_else(|| (*epoch << 32) + entry.n);
}

impl<'a> Repair<'a> {
    /// Compares one person of whom the log tells.
    pub(super) fn compare(&mut self, subject: i64, person: &'a Person) {
        let entries: Vec<&Entry> = person.log.iter().map(|logged| &logged.entry).collect();
        let first = person.log.iter().find_map(|logged| logged.sequence);
        let unseen = person.last.as_ref().map_or(0, |last| last.sequence);
        let sequence = first.map_or(unseen, |first| first - 1);
        let known = Known { subject, sequence, present_since: None };
        let folded = fold(&entries, &HashMap::from([(&entries[0].user, known)]));
        let numbered = folded.log.iter().map(|row| row.sequence);
        if !numbered.eq(person.log.iter().map(|logged| logged.sequence)) {
            self.tell(
                subject,
                person,
                "the log itself has a gap in the sequence: nothing was derived from it",
            );
            return;
        }
        if first.is_some() {
            self.compare_intervals(subject, person, &folded, sequence);
        }
        if let (Some(_), Some(newest), [last]) =
            (&person.user, person.log.iter().rfind(|logged| tells(logged)), folded.last.as_slice())
            && !person.last.as_ref().is_some_and(|kept| says(kept, newest, last.sequence))
        {
            self.tell(subject, person, "the last known state");
            self.last.entry((newest.shard, newest.epoch)).or_default().push(*last);
        }
    }

    /// Intervals up to `dropped` began before what is left of the log: only their end can follow from it.
    fn compare_intervals(&mut self, subject: i64, person: &'a Person, folded: &Folded<'a>, dropped: i64) {
        let mut there = BTreeMap::<i64, Vec<Interval<'a>>>::new();
        for kept in &person.intervals {
            there.entry(kept.sequence).or_default().push(kept.as_interval());
        }
        let ended = folded.ended.first().map(|(_, end)| *end);
        let older = there.range(..=dropped).filter_map(|(_, kept)| kept.first().copied());
        let older: Vec<_> = older
            .map(|kept| Interval { end: kept.end.or_else(|| ended_by(&kept, ended?)), ..kept })
            .collect();
        for wanted in older.iter().chain(&folded.opened) {
            match there.remove(&wanted.sequence) {
                Some(kept) if kept == [*wanted] => continue,
                Some(_) => self.surplus.push((subject, wanted.sequence)),
                None => {}
            }
            self.tell(subject, person, &format!("the interval that transition {} began", wanted.sequence));
            self.missing.push(*wanted);
        }
        for sequence in there.into_keys() {
            self.tell(subject, person, &format!("transition {sequence} began no interval"));
            self.surplus.push((subject, sequence));
        }
    }

    fn tell(&mut self, subject: i64, person: &Person, what: &str) {
        self.told.push(Difference { subject, user: person.user.clone(), what: what.to_owned() });
    }
}

impl Kept {
    fn as_interval(&self) -> Interval<'_> {
        let Self { subject, sequence, ref org, status, started_at, end } = *self;
        Interval { subject, sequence, org, status, started_at, end }
    }
}

/// Whether an entry says anything of its user's state: a wish does not.
fn tells(logged: &Logged) -> bool {
    logged.entry.kind != EntryKind::Wish
}

/// How the first transition that is left ends an interval that began before.
fn ended_by(kept: &Interval<'_>, end: End) -> Option<End> {
    Some(End { at: end.at.max(kept.started_at), ..end })
}

/// Whether the kept state is that of the newest row.
fn says(kept: &LastKnown, newest: &Logged, sequence: i64) -> bool {
    let Logged { entry, epoch, .. } = newest;
    (&kept.org, kept.status, kept.epoch, kept.n, kept.sequence)
        == (&entry.org, entry.to, *epoch, entry.n, sequence)
        && (kept.since, kept.online_since, kept.last_seen)
            == (entry.since, entry.online_since, entry.last_seen)
        && (kept.shown_since, kept.shown_online_since) == (entry.shown_since, entry.shown_online_since)
        && (kept.shown_last_seen, kept.shown_version) == (entry.shown_last_seen, entry.shown_version)
}
