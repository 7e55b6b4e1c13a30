//! How often something may be done: quotas that all nodes share, kept in Redis by the scripts `limit_take`,
//! `attempt_admit` and `attempt_note`.
//!
//! A quota is a generic cell rate (GCRA): one moment, when it will be whole again. [`Limits`] is what a node keeps of
//! them by itself, [`Pace`] the quota of requests, which would cost too much if each asked Redis.

mod alone;
mod attempts;
mod node;
mod pace;

use std::time::Duration;

use fred::prelude::Value;

use super::reply::Parts;
use super::{Store, StoreError, scripts};
use crate::config::Rate;

pub use attempts::{Admission, Subject};
pub use node::{Admitted, Limits, NotTaken, Offence, Quotas, Spent};
pub use pace::Pace;

/// So many at once, and one more every so often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// What one costs: the time in which one more becomes available, in us.
    each: u64,
    /// How many a whole quota holds.
    burst: u32,
}

impl From<Rate> for Quota {
    fn from(rate: Rate) -> Self {
        let each = rate.period.duration().as_micros() / u128::from(rate.count);
        Self { each: u64::try_from(each).unwrap_or(u64::MAX).max(1), burst: rate.burst }
    }
}

impl Quota {
    /// One more every `each`, and `burst` at once after a rest.
    #[must_use]
    pub fn new(each: Duration, burst: u32) -> Self {
        Self { each: u64::try_from(each.as_micros()).unwrap_or(u64::MAX).max(1), burst: burst.max(1) }
    }

    /// How many a whole quota holds.
    #[must_use]
    pub const fn burst(self) -> u32 {
        self.burst
    }

    /// In how much time one more becomes available.
    #[must_use]
    pub fn each(self) -> Duration {
        Duration::from_micros(self.each)
    }

    /// As scripts take it.
    fn args(self) -> [Value; 2] {
        [i64::try_from(self.each).unwrap_or(i64::MAX).into(), i64::from(self.burst).into()]
    }

    /// How long a quota that was used up takes to be whole.
    #[must_use]
    pub fn whole_after(self) -> Duration {
        self.each() * self.burst
    }
}

/// What is to be taken.
#[derive(Clone, Debug)]
pub struct Take {
    /// Whose quota: an address, or the hash of a name. All keys of it share a slot of a cluster.
    pub whose: String,
    /// Which of theirs.
    pub name: &'static str,
    /// How large it is.
    pub quota: Quota,
    /// How many are taken; no more than a whole quota holds.
    pub cost: u32,
}

/// How a quota stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// How many are left.
    pub left: u32,
    /// Until it is whole.
    pub whole_in: Duration,
    /// Until what was asked for fits; zero if it fitted.
    pub wait: Duration,
}

fn standing(parts: &mut Parts) -> Result<Standing, StoreError> {
    let left = u32::try_from(parts.count()?).map_err(|_| parts.wrong())?;
    let mut span = || parts.count().map(Duration::from_millis);
    Ok(Standing { left, whole_in: span()?, wait: span()? })
}

impl Store {
    /// Takes from all of these quotas, or from none if one of them holds too few; which one shows in its `wait`. In a
    /// cluster all of them must be the same one's.
    ///
    /// # Errors
    /// If Redis did not answer; it may have been taken all the same.
    pub async fn take(&self, takes: &[Take]) -> Result<Vec<Standing>, StoreError> {
        debug_assert!(takes.iter().all(|take| take.cost <= take.quota.burst), "more than it can ever hold");
        let keys: Vec<String> = takes.iter().map(|take| self.keys.quota(&take.whose, take.name)).collect();
        let mut args = vec![self.clock.now()];
        for Take { quota, cost, .. } in takes {
            args.extend(quota.args());
            args.push(i64::from(*cost).into());
        }
        let reply = self.link.call(&scripts::LIMIT_TAKE, keys, args).await?;
        let mut parts = Parts::new(scripts::LIMIT_TAKE.name, reply);
        let _verdict = parts.text()?;
        takes.iter().map(|_| standing(&mut parts)).collect()
    }
}
