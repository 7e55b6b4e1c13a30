//! What the hours of a day amount to: rollups made of the spells of that day (UTC). Pure.

use std::collections::HashMap;

use roaring::RoaringBitmap;

use super::body;
use super::kind::{DAY, HOUR, Kind, PEOPLE, SLOT};
use super::lengths::Lengths;
use super::online::pieces;
use super::spell::{OrgNumber, Orgs, Spell};
use super::totals::Totals;
use crate::audit::AuditError;

/// A row of `rollups`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rollup {
    /// Empty: all organisations.
    pub(super) org: String,
    pub(super) kind: Kind,
    pub(super) ends_at: i64,
    pub(super) body: Vec<u8>,
}

/// The rollups that end behind `from` up to `until` (both whole hours) of the day that begins at `day`, by all spells that
/// overlap the day up to `until`.
pub(super) fn rollups(
    day: i64,
    from: i64,
    until: i64,
    spells: &[Spell],
    orgs: &Orgs,
) -> Result<Vec<Rollup>, AuditError> {
    let mut all = Vec::new();
    let mut by_org: HashMap<OrgNumber, Vec<Spell>> = HashMap::new();
    for spell in spells {
        by_org.entry(spell.org).or_default().push(*spell);
    }
    let told = Told { day, from, until };
    told.tell("", spells, &mut all)?;
    for number in orgs.numbers() {
        if let Some(spells) = by_org.get(&number) {
            told.tell(orgs.name(number), spells, &mut all)?;
        }
    }
    Ok(all)
}

/// What is told of each organisation.
struct Told {
    day: i64,
    from: i64,
    until: i64,
}

impl Told {
    fn tell(&self, org: &str, spells: &[Spell], all: &mut Vec<Rollup>) -> Result<(), AuditError> {
        let row = |kind, ends_at, body| Rollup { org: org.to_owned(), kind, ends_at, body };
        let cuts: Vec<i64> = (self.from..=self.until).step_by(usize::try_from(SLOT).unwrap_or(1)).collect();
        let pieces = pieces(spells.iter(), &cuts);
        for hour in pieces.chunks(usize::try_from(HOUR / SLOT).unwrap_or(1)) {
            if hour.iter().any(|piece| piece.most > 0) {
                let ends_at = hour.last().map_or(self.until, |piece| piece.to);
                all.push(row(Kind::Online, ends_at, body::write_online(hour)));
            }
        }
        for (kind, length) in PEOPLE {
            for (ends_at, people) in self.people(spells, length)? {
                all.push(row(kind, ends_at, body::write_people(&people)?));
            }
        }
        if self.until == self.day + DAY {
            self.tell_day(spells, row, all);
        }
        Ok(())
    }

    /// Who was online in the pieces of this length; pieces in which nobody was are left out.
    fn people(&self, spells: &[Spell], length: i64) -> Result<Vec<(i64, RoaringBitmap)>, AuditError> {
        let first = (self.from - self.day) / length;
        let count = usize::try_from((self.until - self.day) / length - first).unwrap_or(0);
        let begin = self.day + first * length;
        let end = self.day + (self.until - self.day) / length * length;
        let mut members = vec![Vec::new(); count];
        for spell in spells {
            let Some(part) = spell.within(begin, end) else { continue };
            let subject = member(spell.subject)?;
            let touched = (part.start - begin) / length..=(part.end - 1 - begin) / length;
            for piece in touched {
                members[usize::try_from(piece).unwrap_or(0)].push(subject);
            }
        }
        let ends = (1..).map(|number| begin + number * length);
        Ok(ends
            .zip(members)
            .filter(|(_, members)| !members.is_empty())
            .map(|(end, members)| (end, members.into_iter().collect()))
            .collect())
    }

    /// What only a whole day has.
    fn tell_day(&self, spells: &[Spell], row: impl Fn(Kind, i64, Vec<u8>) -> Rollup, all: &mut Vec<Rollup>) {
        let end = self.day + DAY;
        let lengths = lengths(spells, self.day, end);
        if lengths.count > 0 {
            all.push(row(Kind::Lengths, end, body::write_lengths(&lengths)));
        }
        let mut totals = Totals::default();
        totals.add_spells(spells, self.day, end);
        let totals = totals.sorted();
        if !totals.is_empty() {
            all.push(row(Kind::TotalsDay, end, body::write_totals(&totals, self.day)));
        }
    }
}

/// How long the spells were that ended behind `from` up to `to`.
pub(super) fn lengths<'a>(spells: impl IntoIterator<Item = &'a Spell>, from: i64, to: i64) -> Lengths {
    let mut lengths = Lengths::default();
    let ended = spells.into_iter().filter(|spell| from < spell.end && spell.end <= to);
    ended.for_each(|spell| lengths.add((spell.end - spell.start).unsigned_abs()));
    lengths
}

/// The number of a subject in bitmaps.
///
/// # Errors
/// There are more than 4 billion people in the log.
pub(super) fn member(subject: i64) -> Result<u32, AuditError> {
    u32::try_from(subject)
        .map_err(|_| AuditError::Schema(format!("subject {subject} is no number of a bitmap")))
}
