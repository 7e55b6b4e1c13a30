//! How often something may happen on one connection. Sixteen bytes for each connection, and no clock of its own: time is
//! an argument, so that a session can be tested without waiting.

use std::time::{Duration, Instant};

/// A quota (GCRA): one moment, at which it is whole again.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    whole_at: Instant,
}

/// How much a bucket holds.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// One is given back after this long.
    pub each: Duration,
    /// How many a whole one holds.
    pub burst: u32,
}

impl Bucket {
    /// A whole one.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self { whole_at: now }
    }

    /// Takes one, if there is one left.
    pub fn take(&mut self, measure: Measure, now: Instant) -> bool {
        let whole_at = self.whole_at.max(now) + measure.each;
        let fits = whole_at <= now + measure.each * measure.burst;
        if fits {
            self.whole_at = whole_at;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_refills_with_time() {
        let (mut now, each) = (Instant::now(), Duration::from_millis(100));
        let measure = Measure { each, burst: 3 };
        let mut bucket = Bucket::new(now);
        assert_eq!([(); 4].map(|()| bucket.take(measure, now)), [true, true, true, false]);
        now += each;
        assert_eq!([(); 2].map(|()| bucket.take(measure, now)), [true, false]);
        now += each * 10;
        assert_eq!([(); 4].map(|()| bucket.take(measure, now)), [true, true, true, false]);
    }
}
