//! The quota of requests of a login. Every request is counted, so counting must cost next to nothing: what a page
//! needs each node lets through by itself, and only those who want more share the rest through Redis, a handful a call.
//!
//! So heartbeats never ask Redis whether they may be sent. A tenth of the rate is each node's own, nine tenths are
//! shared: a login gets its rate on one node, and at most a tenth of it more for every further node. A heartbeat over
//! the rate counts like every other request; it is not refused but shares a call with others that say the same
//! (`store/shared.rs`), and is never answered from memory, which could say "online" to somebody whose login has just been
//! ended elsewhere.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use governor::DefaultKeyedRateLimiter;
use moka::sync::Cache;
use tokio::sync::Mutex;

use super::super::{Store, StoreError};
use super::alone::local;
use super::{Quota, Spent, Standing, Take};
use crate::metrics::labels::LimitPolicy;
use crate::presence::{LoginId, UserId};

/// The part of the rate that each node lets through by itself.
const OWN: u32 = 10;
/// A call on Redis takes this part of what a whole quota holds.
const HANDFUL: u32 = 20;
/// What was taken and not used is forgotten after so long without a request.
const IDLE: Duration = Duration::from_secs(5);
/// Busy logins at a time.
const MOST: u64 = 100_000;

/// The quota of requests of every login.
pub struct Pace {
    keys: RandomState,
    /// All of it, as the settings say.
    whole: Quota,
    shared: Quota,
    own: DefaultKeyedRateLimiter<u64>,
    /// What was taken from the shared quota, of busy logins.
    taken: Cache<u64, Arc<Mutex<Taken>>>,
}

/// What a login may still do without asking Redis again.
#[derive(Default)]
struct Taken {
    left: u32,
    /// Until when there is nothing to be had.
    spent: Option<(Instant, Standing)>,
}

impl std::fmt::Debug for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pace").field("whole", &self.whole).finish_non_exhaustive()
    }
}

impl Pace {
    /// So many requests for each login.
    #[must_use]
    pub fn new(whole: Quota) -> Self {
        let burst = whole.burst().div_ceil(OWN);
        let own = Quota::new(whole.each() * OWN, burst);
        let shared = Quota::new(whole.each() * OWN / (OWN - 1), whole.burst() - burst);
        Self {
            keys: RandomState::new(),
            whole,
            shared,
            own: local(own),
            taken: Cache::builder().max_capacity(MOST).time_to_idle(IDLE).build(),
        }
    }

    /// The whole quota.
    #[must_use]
    pub const fn quota(&self) -> Quota {
        self.whole
    }

    /// Counts a request of this login. Without Redis nobody is refused.
    ///
    /// # Errors
    /// [`Spent`] if it is one too many.
    pub async fn take(&self, store: &Store, user: &UserId, login: &LoginId) -> Result<(), Spent> {
        let key = self.keys.hash_one((user, login));
        if self.own.check_key(&key).is_ok() {
            return Ok(());
        }
        let taken = self.taken.get_with(key, Arc::default);
        // Held while Redis is asked: those who come together take one handful, not one each.
        let mut taken = taken.lock().await;
        if taken.left == 0 {
            *taken = match taken.spent {
                Some((until, standing)) if until > Instant::now() => Taken {
                    spent: Some((until, Standing { wait: until - Instant::now(), ..standing })),
                    left: 0,
                },
                _ => self.handful(store, user, login).await,
            };
        }
        match taken.left.checked_sub(1) {
            Some(left) => taken.left = left,
            None => {
                let standing = taken.spent.map(|(_, standing)| standing).unwrap_or_default();
                return Err(Spent { policy: LimitPolicy::Requests, standing });
            }
        }
        Ok(())
    }

    /// Takes some requests for this login from what all nodes share.
    async fn handful(&self, store: &Store, user: &UserId, login: &LoginId) -> Taken {
        let cost = self.shared.burst().div_ceil(HANDFUL);
        let whose = fred::util::sha1_hash(&format!("{user} {login}"));
        let take = Take { whose, name: LimitPolicy::Requests.as_str(), quota: self.shared, cost };
        match store.take(&[take]).await.as_deref() {
            Ok([standing]) if !standing.wait.is_zero() => {
                Taken { left: 0, spent: Some((Instant::now() + standing.wait, *standing)) }
            }
            Ok(_) => Taken { left: cost, spent: None },
            Err(error) => {
                if !matches!(error, StoreError::Unavailable(_) | StoreError::Overloaded) {
                    tracing::error!(%error, "requests are not limited");
                }
                Taken { left: cost, spent: None }
            }
        }
    }

    /// Forgets logins that have been quiet. To be called now and then.
    pub fn forget(&self) {
        self.own.retain_recent();
        self.own.shrink_to_fit();
    }
}
