//! How old a change is by the clock of Redis, read off this node's own clock: asking Redis for each would cost more than to
//! tell of it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use crate::presence::Millis;

/// Not known yet.
const UNKNOWN: i64 = i64::MIN;

/// This node's clock less that of Redis.
#[derive(Debug)]
pub(super) struct Skew {
    micros: AtomicI64,
}

impl Default for Skew {
    fn default() -> Self {
        Self { micros: AtomicI64::new(UNKNOWN) }
    }
}

impl Skew {
    /// It was measured, in seconds.
    pub(super) fn set(&self, seconds: f64) {
        #[expect(clippy::cast_possible_truncation, reason = "no clock is wrong by 300 000 years")]
        self.micros.store((seconds * 1e6) as i64, Ordering::Relaxed);
    }

    /// How long ago this was; none until the clocks have been compared. What lies ahead by a hair is now.
    pub(super) fn age_of(&self, at: Millis) -> Option<Duration> {
        let skew = Some(self.micros.load(Ordering::Relaxed)).filter(|skew| *skew != UNKNOWN)?;
        let here = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let age = i64::try_from(here.as_micros()).ok()?.saturating_sub(skew).saturating_sub(at.0 * 1_000);
        Some(Duration::from_micros(u64::try_from(age).unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_go_by_the_clock_of_redis() {
        let skew = Skew::default();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let now = Millis(i64::try_from(now.as_millis()).unwrap());
        assert_eq!(skew.age_of(now), None);
        // This node's clock is ten seconds ahead.
        skew.set(10.0);
        let age = skew.age_of(Millis(now.0 - 12_000)).unwrap();
        assert!((2_000..2_900).contains(&age.as_millis()), "{age:?}");
        assert_eq!(skew.age_of(now), Some(Duration::ZERO), "not yet, by the clock of Redis");
    }
}
