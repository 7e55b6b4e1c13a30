//! The kinds of rollups, how long a piece of time each stands for, and which of them make up a span. Pure.

/// ms.
pub(super) const SLOT: i64 = 5 * 60_000;
/// ms.
pub(super) const QUARTER: i64 = 15 * 60_000;
/// ms.
pub(super) const HOUR: i64 = 60 * 60_000;
/// ms. Days here are those of UTC; those of other zones are made of hours and quarters of them.
pub(super) const DAY: i64 = 24 * HOUR;

/// What a rollup tells of its piece of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// How many were online, in slots of 5 minutes.
    Online,
    /// Who was, at some time.
    PeopleQuarter,
    PeopleHour,
    PeopleSix,
    PeopleDay,
    /// How long the spells were that ended in it.
    Lengths,
    /// For how long who was online.
    TotalsDay,
    TotalsMonth,
}

impl Kind {
    pub(super) const ALL: [Self; 8] = [
        Self::Online,
        Self::PeopleQuarter,
        Self::PeopleHour,
        Self::PeopleSix,
        Self::PeopleDay,
        Self::Lengths,
        Self::TotalsDay,
        Self::TotalsMonth,
    ];

    /// The word in the table.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::PeopleQuarter => "people_15m",
            Self::PeopleHour => "people_1h",
            Self::PeopleSix => "people_6h",
            Self::PeopleDay => "people_1d",
            Self::Lengths => "lengths",
            Self::TotalsDay => "totals_1d",
            Self::TotalsMonth => "totals_1mo",
        }
    }
}

/// Bitmaps of people, the longest pieces first. All zones differ from UTC by whole quarters.
pub(super) const PEOPLE: [(Kind, i64); 4] = [
    (Kind::PeopleDay, DAY),
    (Kind::PeopleSix, 6 * HOUR),
    (Kind::PeopleHour, HOUR),
    (Kind::PeopleQuarter, QUARTER),
];

/// The multiple of `length` at or before a moment.
pub(super) const fn floor(at: i64, length: i64) -> i64 {
    at.div_euclid(length) * length
}

/// The multiple of `length` at or after a moment.
pub(super) const fn ceil(at: i64, length: i64) -> i64 {
    floor(at + length - 1, length)
}

/// How a span is made up: pieces that are rolled up, and what is left of it at both ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cover {
    /// Where each piece ends.
    pub(super) pieces: Vec<(Kind, i64)>,
    /// Spans of which spells tell.
    pub(super) rest: Vec<(i64, i64)>,
}

/// The fewest bitmaps that make up a span, where everything before `rolled` is rolled up.
pub(super) fn people(from: i64, to: i64, rolled: i64) -> Cover {
    let (begin, end) = (ceil(from, QUARTER), floor(to.min(rolled), QUARTER));
    let mut cover = Cover { pieces: Vec::new(), rest: Vec::new() };
    if begin >= end {
        cover.rest.push((from, to));
        return cover;
    }
    let mut at = begin;
    while at < end {
        let fits = |(_, length): &&(Kind, i64)| at % length == 0 && at + length <= end;
        let Some((kind, length)) = PEOPLE.iter().find(fits) else { break };
        at += length;
        cover.pieces.push((*kind, at));
    }
    cover.rest.extend([(from, begin), (at, to)].into_iter().filter(|(from, to)| from < to));
    cover
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_made_up_of_the_longest_pieces() {
        let cover = people(DAY - 6 * HOUR - QUARTER - 5, 2 * DAY + HOUR + 7, i64::MAX);
        let expected = [
            (Kind::PeopleQuarter, DAY - 6 * HOUR),
            (Kind::PeopleSix, DAY),
            (Kind::PeopleDay, 2 * DAY),
            (Kind::PeopleHour, 2 * DAY + HOUR),
        ];
        assert_eq!(cover.pieces, expected);
        assert_eq!(
            cover.rest,
            [(DAY - 6 * HOUR - QUARTER - 5, DAY - 6 * HOUR - QUARTER), (2 * DAY + HOUR, 2 * DAY + HOUR + 7)]
        );
    }

    #[test]
    fn what_is_not_rolled_up_is_left_to_spells() {
        let cover = people(0, DAY, 3 * HOUR);
        assert_eq!((cover.pieces.len(), cover.rest), (3, vec![(3 * HOUR, DAY)]));
        assert_eq!(people(5, 9, DAY).rest, [(5, 9)]);
        assert_eq!(people(DAY, 2 * DAY, HOUR).rest, [(DAY, 2 * DAY)]);
    }
}
