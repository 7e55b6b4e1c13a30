//! For how long who was online: a total for each person, which pieces of time that follow one another add up to. Pure.

use std::collections::{BTreeMap, HashMap};

use super::spell::Spell;

/// What a person's presence in a piece of time amounts to. Times are ms since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Total {
    pub(super) online_ms: u64,
    /// Spells that began in it: one that was under way when it began belongs to the piece before.
    pub(super) begun: u64,
    /// The first moment online.
    pub(super) first: i64,
    /// The last one; where a spell ended, that moment.
    pub(super) last: i64,
}

impl Total {
    /// What a spell amounts to in a span, if anything.
    fn of(spell: Spell, from: i64, to: i64) -> Option<Self> {
        let part = spell.within(from, to)?;
        Some(Self {
            online_ms: (part.end - part.start).unsigned_abs(),
            begun: u64::from(spell.start >= from),
            first: part.start,
            last: part.end,
        })
    }

    /// Both together.
    fn and(self, other: Self) -> Self {
        Self {
            online_ms: self.online_ms + other.online_ms,
            begun: self.begun + other.begun,
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }
}

/// The totals of people, by subject.
#[derive(Clone, Debug, Default)]
pub(super) struct Totals(HashMap<i64, Total>);

impl Totals {
    /// Adds a total of somebody.
    pub(super) fn add(&mut self, subject: i64, total: Total) {
        self.0.entry(subject).and_modify(|sum| *sum = sum.and(total)).or_insert(total);
    }

    /// Adds what spells amount to in a span.
    pub(super) fn add_spells<'a>(&mut self, spells: impl IntoIterator<Item = &'a Spell>, from: i64, to: i64) {
        for spell in spells {
            if let Some(total) = Total::of(*spell, from, to) {
                self.add(spell.subject, total);
            }
        }
    }

    /// Adds the spells that were under way when the whole began: no piece counts those.
    pub(super) fn count_under_way<'a>(&mut self, spells: impl IntoIterator<Item = &'a Spell>, from: i64) {
        for spell in spells.into_iter().filter(|spell| spell.start < from && from < spell.end) {
            if let Some(total) = self.0.get_mut(&spell.subject) {
                total.begun += 1;
            }
        }
    }

    /// In the order of subjects.
    pub(super) fn sorted(self) -> BTreeMap<i64, Total> {
        self.0.into_iter().collect()
    }

    /// Those for whom `is_wanted` holds, in no order.
    pub(super) fn into_wanted(self, is_wanted: impl Fn(i64, &Total) -> bool) -> Vec<(i64, Total)> {
        self.0.into_iter().filter(|(subject, total)| is_wanted(*subject, total)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::figures::spell::NEVER;

    #[test]
    fn pieces_add_up_to_the_whole() {
        let spell = |subject, start, end| Spell { subject, org: 0, start, end };
        let lived = [spell(1, 0, 10), spell(1, 20, 35), spell(2, 5, NEVER), spell(3, 40, 50)];
        let mut whole = Totals::default();
        whole.add_spells(&lived, 5, 40);
        let mut pieces = Totals::default();
        pieces.add_spells(&lived, 5, 25);
        pieces.add_spells(&lived, 25, 40);
        assert_eq!(whole.clone().sorted(), pieces.sorted());
        whole.count_under_way(&lived, 5);
        let expected = BTreeMap::from([
            (1, Total { online_ms: 20, begun: 2, first: 5, last: 35 }),
            (2, Total { online_ms: 35, begun: 1, first: 5, last: 40 }),
        ]);
        assert_eq!(whole.sorted(), expected);
    }
}
