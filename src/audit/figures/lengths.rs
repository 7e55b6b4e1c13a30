//! How long spells were: exactly in a few buckets, and finely enough for any quantile. Pure.

use std::collections::BTreeMap;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// Where the buckets begin that are told, in ms.
pub(super) const BUCKETS: [u64; 11] = [
    0,
    MINUTE,
    5 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    4 * HOUR,
    8 * HOUR,
    12 * HOUR,
    24 * HOUR,
];

/// Classes in each doubling of the length are 2 to the power of this: so a class is 1.6 % wide, and its middle is wrong by
/// 0.8 % at most.
const FINENESS: u32 = 6;

/// How long spells were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lengths {
    pub(super) count: u64,
    pub(super) total_ms: u64,
    pub(super) longest_ms: u64,
    /// How many are in each of [`BUCKETS`].
    pub(super) buckets: [u64; BUCKETS.len()],
    /// How many are in each class that has any.
    pub(super) fine: BTreeMap<u32, u64>,
}

impl Lengths {
    /// One more, of so many ms.
    pub(super) fn add(&mut self, ms: u64) {
        self.count += 1;
        self.total_ms += ms;
        self.longest_ms = self.longest_ms.max(ms);
        self.buckets[BUCKETS.partition_point(|begin| *begin <= ms) - 1] += 1;
        *self.fine.entry(class(ms)).or_default() += 1;
    }

    /// All of these, too.
    pub(super) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.total_ms += other.total_ms;
        self.longest_ms = self.longest_ms.max(other.longest_ms);
        for (bucket, more) in self.buckets.iter_mut().zip(other.buckets) {
            *bucket += more;
        }
        for (class, more) in &other.fine {
            *self.fine.entry(*class).or_default() += more;
        }
    }

    /// The length that `percent` of 100 do not exceed, within 0.8 %; none of none.
    pub(super) fn percentile(&self, percent: u64) -> Option<u64> {
        let mut rank = (self.count * percent).div_ceil(100).max(1);
        if rank == self.count {
            return Some(self.longest_ms);
        }
        for (class, count) in &self.fine {
            if rank <= *count {
                return Some(middle(*class).min(self.longest_ms));
            }
            rank -= count;
        }
        None
    }
}

/// The class of a length: exact below 128 ms, then so many classes for each doubling.
fn class(ms: u64) -> u32 {
    let doublings = (u64::BITS - ms.leading_zeros()).saturating_sub(FINENESS + 1);
    let within = u32::try_from(ms >> doublings).unwrap_or(u32::MAX);
    (doublings << FINENESS) + within
}

/// A length in the middle of a class.
const fn middle(class: u32) -> u64 {
    let doublings = (class >> FINENESS).saturating_sub(1);
    let within = (class - (doublings << FINENESS)) as u64;
    (within << doublings) + ((1 << doublings) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_narrow_and_in_order() {
        let mut before = 0;
        for ms in
            (0..2_000).chain((11..40).flat_map(|power| [(1 << power) - 1, 1 << power, 3 << (power - 1)]))
        {
            let found = middle(class(ms));
            assert!(found.abs_diff(ms) * 1_000 <= ms * 8, "{ms} became {found}");
            if ms < 2_000 {
                assert!(class(ms) >= before);
                before = class(ms);
            }
        }
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let mut lengths = Lengths::default();
        assert_eq!(lengths.percentile(50), None);
        (1..=100).for_each(|ms| lengths.add(ms));
        assert_eq!(
            [1, 50, 90, 99, 100].map(|percent| lengths.percentile(percent)),
            [1, 50, 90, 99, 100].map(Some)
        );
        assert_eq!((lengths.count, lengths.total_ms, lengths.longest_ms), (100, 5_050, 100));
    }

    #[test]
    fn buckets_begin_where_they_say() {
        let mut lengths = Lengths::default();
        [0, MINUTE - 1, MINUTE, 24 * HOUR - 1, 24 * HOUR, 99 * HOUR]
            .into_iter()
            .for_each(|ms| lengths.add(ms));
        assert_eq!(lengths.buckets, [2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        let mut twice = lengths.clone();
        twice.merge(&lengths);
        assert_eq!((twice.count, twice.buckets[0], twice.percentile(100)), (12, 4, Some(99 * HOUR)));
    }
}
