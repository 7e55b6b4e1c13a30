//! Quotas that a node keeps by itself.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::{DefaultKeyedRateLimiter, RateLimiter};

use super::{Quota, Quotas, Standing};
use crate::metrics::labels::LimitPolicy;

/// Quotas of this node alone, for the time in which Redis does not answer.
pub(super) struct Alone {
    keys: RandomState,
    register: Option<DefaultKeyedRateLimiter<u64>>,
    login: Option<DefaultKeyedRateLimiter<u64>>,
    login_account: Option<DefaultKeyedRateLimiter<u64>>,
}

impl Alone {
    /// All of them are whole.
    pub(super) fn new(quotas: Quotas) -> Self {
        Self {
            keys: RandomState::new(),
            register: quotas.register.map(local),
            login: quotas.login.map(local),
            login_account: quotas.login_account.map(local),
        }
    }

    /// Takes one.
    pub(super) fn take(&self, policy: LimitPolicy, whose: &str) -> Standing {
        let limiter = match policy {
            LimitPolicy::Register => &self.register,
            LimitPolicy::Login => &self.login,
            LimitPolicy::LoginAccount => &self.login_account,
            LimitPolicy::LoginWait | LimitPolicy::Requests => &None,
        };
        let Some(limiter) = limiter else { return Standing::default() };
        match limiter.check_key(&self.keys.hash_one(whose)) {
            Ok(()) => Standing::default(),
            Err(until) => {
                let wait = until.wait_time_from(limiter.clock().now());
                Standing { left: 0, whole_in: wait, wait: wait.max(Duration::from_millis(1)) }
            }
        }
    }

    /// Forgets those that are whole.
    pub(super) fn forget(&self) {
        for limiter in [&self.register, &self.login, &self.login_account].into_iter().flatten() {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

/// The same quota, kept by this node.
pub(super) fn local(quota: Quota) -> DefaultKeyedRateLimiter<u64> {
    let burst = NonZeroU32::new(quota.burst()).unwrap_or(NonZeroU32::MIN);
    let quota = governor::Quota::with_period(quota.each())
        .unwrap_or_else(|| governor::Quota::per_second(NonZeroU32::MAX))
        .allow_burst(burst);
    RateLimiter::keyed(quota)
}
