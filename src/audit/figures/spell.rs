//! Spells: unbroken stretches of being shown as present. Made of a person's intervals, or of changes of status. Pure.

use std::collections::BTreeMap;

use crate::presence::Status;

/// A number for each organisation that occurs in what is looked at; [`Orgs`] has their names.
pub(super) type OrgNumber = usize;

/// A moment that has not come.
pub(super) const NEVER: i64 = i64::MAX;

/// An unbroken stretch of being shown as present in an organisation. Times are ms since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spell {
    pub(super) subject: i64,
    pub(super) org: OrgNumber,
    pub(super) start: i64,
    /// [`NEVER`] if it goes on.
    pub(super) end: i64,
}

impl Spell {
    /// What of it lies in a span, if anything does.
    pub(super) fn within(self, from: i64, to: i64) -> Option<Self> {
        let (start, end) = (self.start.max(from), self.end.min(to));
        (start < end).then_some(Self { start, end, ..self })
    }
}

/// A stretch of one status, as `intervals` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Of the transition that began it: where two overlap, the newer one is true.
    pub(super) sequence: i64,
    pub(super) org: OrgNumber,
    /// Whether others see the person as present.
    pub(super) is_shown: bool,
    pub(super) start: i64,
    /// [`NEVER`] if it goes on.
    pub(super) end: i64,
}

/// Whether others see somebody in this status as present.
pub(super) fn is_shown(status: Status) -> bool {
    status.shown() != Status::Offline
}

/// The names of organisations, by number.
#[derive(Debug, Default)]
pub(super) struct Orgs {
    names: Vec<String>,
}

impl Orgs {
    /// The number of this one. There are few in a span of time, and the same again and again.
    pub(super) fn number(&mut self, name: &str) -> OrgNumber {
        self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        })
    }

    pub(super) fn name(&self, number: OrgNumber) -> &str {
        &self.names[number]
    }

    /// All of them.
    pub(super) fn numbers(&self) -> std::ops::Range<OrgNumber> {
        0..self.names.len()
    }
}

/// What the stretches of one person amount to, oldest first. Only a transition that came too late leaves stretches that
/// overlap; then the newest that holds a moment is true, as it is for who was present at it.
pub(super) fn spells(subject: i64, stretches: &[Stretch]) -> Vec<Spell> {
    let mut edges: Vec<(i64, bool, &Stretch)> = Vec::with_capacity(stretches.len() * 2);
    for stretch in stretches.iter().filter(|stretch| stretch.start < stretch.end) {
        edges.push((stretch.start, true, stretch));
        if stretch.end != NEVER {
            edges.push((stretch.end, false, stretch));
        }
    }
    edges.sort_unstable_by_key(|(at, ..)| *at);
    let (mut holding, mut found, mut open) = (BTreeMap::new(), Vec::new(), None::<Spell>);
    for together in edges.chunk_by(|one, other| one.0 == other.0) {
        let at = together[0].0;
        for (_, begins, stretch) in together {
            if *begins {
                holding.insert(stretch.sequence, *stretch);
            } else {
                holding.remove(&stretch.sequence);
            }
        }
        let shown = holding.last_key_value().map(|(_, newest)| *newest).filter(|newest| newest.is_shown);
        if open.map(|spell| spell.org) != shown.map(|stretch| stretch.org) {
            found.extend(open.take().map(|spell| Spell { end: at, ..spell }));
            open = shown.map(|stretch| Spell { subject, org: stretch.org, start: at, end: NEVER });
        }
    }
    found.extend(open);
    found
}

/// A change of status, as the log has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) subject: i64,
    pub(super) sequence: i64,
    pub(super) org: OrgNumber,
    pub(super) from: Status,
    pub(super) to: Status,
    pub(super) at: i64,
}

/// The stretches that the changes of one person began and ended, in their order: the rules of `fold`. What went before the
/// first of them, if old months were dropped, began at an unknown time.
pub(super) fn stretches(changes: &[Change]) -> Vec<Stretch> {
    let mut found = Vec::with_capacity(changes.len() + 1);
    if let Some(first) = changes.first().filter(|first| first.from != Status::Offline && first.sequence > 1) {
        found.push(Stretch {
            sequence: first.sequence - 1,
            org: first.org,
            is_shown: is_shown(first.from),
            start: i64::MIN,
            end: NEVER,
        });
    }
    for change in changes {
        if let Some(last) = found.last_mut().filter(|last: &&mut Stretch| last.end == NEVER) {
            last.end = change.at.max(last.start);
        }
        if change.to != Status::Offline {
            let Change { sequence, org, to, at, .. } = *change;
            found.push(Stretch { sequence, org, is_shown: is_shown(to), start: at, end: NEVER });
        }
    }
    found
}

/// One person's spells when those from a moment on are replaced by others.
pub(super) fn spliced(kept: &[Spell], cut: i64, new: &[Spell]) -> Vec<Spell> {
    let mut all: Vec<Spell> = kept.iter().filter_map(|spell| spell.within(i64::MIN, cut)).collect();
    all.sort_unstable_by_key(|spell| spell.start);
    for spell in new.iter().filter_map(|spell| spell.within(cut, NEVER)) {
        match all.last_mut() {
            Some(last) if last.end == spell.start && last.org == spell.org => last.end = spell.end,
            _ => all.push(spell),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(sequence: i64, is_shown: bool, start: i64, end: i64) -> Stretch {
        Stretch { sequence, org: 0, is_shown, start, end }
    }

    fn times(found: &[Spell]) -> Vec<(i64, i64)> {
        found.iter().map(|spell| (spell.start, spell.end)).collect()
    }

    #[test]
    fn a_change_of_status_breaks_no_spell_and_what_is_hidden_does() {
        let lived = [
            stretch(1, true, 10, 20),
            stretch(2, true, 20, 30),
            stretch(3, false, 30, 40),
            stretch(4, true, 40, 50),
            stretch(6, true, 60, NEVER),
        ];
        assert_eq!(times(&spells(1, &lived)), [(10, 30), (40, 50), (60, NEVER)]);
    }

    #[test]
    fn of_two_that_overlap_the_newer_one_is_true() {
        let lived = [stretch(1, true, 10, 50), stretch(2, false, 50, 50), stretch(3, false, 40, 45)];
        assert_eq!(times(&spells(1, &lived)), [(10, 40), (45, 50)]);
    }

    #[test]
    fn who_moves_to_another_organisation_begins_anew() {
        let lived = [stretch(1, true, 10, 20), Stretch { org: 1, ..stretch(2, true, 20, NEVER) }];
        assert_eq!(times(&spells(1, &lived)), [(10, 20), (20, NEVER)]);
    }

    #[test]
    fn changes_become_the_stretches_that_fold_makes_of_them() {
        let change = |sequence, from, to, at| Change { subject: 1, sequence, org: 0, from, to, at };
        use Status::{Away, Invisible, Offline, Online};
        let changes = [
            change(1, Offline, Online, 10),
            change(2, Online, Away, 50),
            change(3, Away, Invisible, 40),
            change(4, Invisible, Offline, 60),
        ];
        let expected = [stretch(1, true, 10, 50), stretch(2, true, 50, 50), stretch(3, false, 40, 60)];
        assert_eq!(stretches(&changes), expected);
        let later = stretches(&changes[1..2]);
        assert_eq!((later[0].start, later[0].end, later[0].sequence), (i64::MIN, 50, 1));
    }

    #[test]
    fn what_is_replaced_is_joined_to_what_stays() {
        let spell = |start, end| Spell { subject: 1, org: 0, start, end };
        let kept = [spell(10, 20), spell(30, 60)];
        assert_eq!(
            times(&spliced(&kept, 40, &[spell(0, 50), spell(70, NEVER)])),
            [(10, 20), (30, 50), (70, NEVER)]
        );
        assert_eq!(times(&spliced(&kept, 20, &[])), [(10, 20)]);
    }
}
