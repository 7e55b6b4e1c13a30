//! A year of people who come in the morning, go away for a while, and leave in the evening: fewer at weekends, some at
//! night. The same on every run.

use crate::audit::SampleInterval;
use crate::presence::{Millis, Org, Status};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// ms.
pub(super) const DAY: i64 = 24 * HOUR;

/// Organisations, and how many of a hundred people each has.
const ORGS: [(&str, u64); 4] = [("main", 60), ("north", 20), ("south", 12), ("lab", 8)];

/// Numbers that look like chance.
struct Dice(u64);

impl Dice {
    /// Below `sides`.
    fn roll(&mut self, sides: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    /// From `least` to `most` ms, short times more often than long ones.
    fn span(&mut self, least: i64, most: i64) -> i64 {
        let share = self.roll(1_000).cast_signed();
        least + (most - least) * share / 1_000 * share / 1_000 + self.roll(1_000).cast_signed()
    }
}

/// Somebody of the year.
#[derive(Clone, Copy, Debug)]
struct Person {
    subject: i64,
    org: usize,
    sequence: i64,
    /// Until when the last interval lasted.
    busy_until: i64,
}

/// People, and what becomes of them day by day.
#[derive(Debug)]
pub(super) struct Year {
    people: Vec<Person>,
    orgs: Vec<Org>,
    /// How many of a thousand come on a workday, and how many stays each of them has on average, in hundredths.
    coming: u64,
    stays: u64,
}

impl Year {
    /// People with these subjects, who have about `intervals` a day on average.
    pub(super) fn of(subjects: &[i64], intervals: u64) -> anyhow::Result<Self> {
        let orgs: Result<Vec<Org>, _> = ORGS.iter().map(|(name, _)| Org::parse(name)).collect();
        let people: Vec<Person> = subjects
            .iter()
            .zip(0_u64..)
            .map(|(&subject, number)| Person {
                subject,
                org: org_of(number % 100),
                sequence: 0,
                busy_until: 0,
            })
            .collect();
        let coming = 550;
        // Five days as above and two of a fifth of it, 1.8 intervals for each stay.
        let days = people.len() as u64 * coming * 54 / 70 / 1_000;
        Ok(Self { people, orgs: orgs?, coming, stays: intervals * 1_000 / 18 / days.max(1) })
    }

    /// The intervals that begin on the day that begins at `day`.
    pub(super) fn day(&mut self, day: i64) -> Vec<SampleInterval<'_>> {
        let number = day / DAY;
        // 1970-01-01 was a Thursday.
        let is_workday = (number + 3) % 7 < 5;
        let coming = if is_workday { self.coming } else { self.coming / 5 };
        let mut dice = Dice(number.unsigned_abs());
        let mut found = Vec::new();
        for person in &mut self.people {
            if dice.roll(1_000) >= coming {
                continue;
            }
            let is_early = dice.roll(20) > 0;
            let mut at =
                day + if is_early { 7 * HOUR + dice.span(0, 5 * HOUR) } else { dice.span(0, 23 * HOUR) };
            let stays = self.stays / 100 + u64::from(dice.roll(100) < self.stays % 100);
            for _ in 0..stays {
                at = at.max(person.busy_until + MINUTE);
                for (status, length) in stay(&mut dice) {
                    person.sequence += 2;
                    found.push(SampleInterval {
                        subject: person.subject,
                        sequence: person.sequence,
                        org: &self.orgs[person.org],
                        status,
                        from: Millis(at),
                        to: Some(Millis(at + length)),
                    });
                    at += length;
                }
                person.busy_until = at;
                at += dice.span(5 * MINUTE, 3 * HOUR);
            }
        }
        found
    }
}

/// The statuses of a stay, and how long each lasts.
fn stay(dice: &mut Dice) -> Vec<(Status, i64)> {
    let first = if dice.roll(50) == 0 { Status::Invisible } else { Status::Online };
    let mut statuses = vec![(first, dice.span(MINUTE, 4 * HOUR))];
    if dice.roll(100) < 50 {
        statuses.push((Status::Away, dice.span(5 * MINUTE, HOUR)));
        if dice.roll(100) < 60 {
            statuses.push((Status::Online, dice.span(MINUTE, 3 * HOUR)));
        }
    }
    statuses
}

fn org_of(percent: u64) -> usize {
    let mut below = 0;
    let found = ORGS.iter().position(|(_, share)| {
        below += share;
        percent < below
    });
    found.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_has_as_much_as_is_asked_for_and_nobody_is_twice_at_once() {
        let subjects: Vec<i64> = (1..=2_000).collect();
        let mut year = Year::of(&subjects, 2_740).unwrap();
        let (mut count, mut ends) = (0, vec![0; 2_001]);
        for number in 20_000..20_028 {
            let day = year.day(number * DAY);
            count += day.len();
            for interval in day {
                let end = &mut ends[usize::try_from(interval.subject).unwrap()];
                assert!(*end <= interval.from.0);
                *end = interval.to.unwrap().0;
            }
        }
        assert!((60_000..95_000).contains(&count), "{count} for {}", 2_740 * 28);
    }
}
