//! The quotas as a node takes from them: it remembers which are used up, so that a flood does not ask Redis each time,
//! and decides alone while Redis does not answer.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use fred::prelude::KeysInterface;
use moka::sync::Cache;

use super::super::{Store, StoreError};
use super::alone::Alone;
use super::{Admission, Quota, Standing, Subject, Take};
use crate::config::Limit;
use crate::metrics::labels::LimitPolicy;

/// Names of the quotas of offences.
const FAILED: &str = "failed";
const REFUSED: &str = "refused";
/// Addresses whose refusals are counted.
const MOST_REFUSED: u64 = 100_000;
/// Quotas that are remembered to be used up.
const MOST_SPENT: u64 = 100_000;
/// Whoever waits longer is told so by Redis again.
const LONGEST_MEMORY: Duration = Duration::from_secs(60);

/// How large each quota is; `None` is no limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quotas {
    /// Registrations of an address.
    pub register: Option<Quota>,
    /// Logins of an address.
    pub login: Option<Quota>,
    /// Logins of an account.
    pub login_account: Option<Quota>,
}

/// What an address does that it may not do too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offence {
    /// Failed to prove who somebody is: 100 within ten minutes.
    FailedAttempt,
    /// Sent a request that was refused for coming too often: 1000 within ten minutes.
    RefusedRequest,
}

impl Offence {
    /// The quota, and how many of them a node tells Redis of at once.
    fn rule(self) -> (&'static str, Quota, u32) {
        let within = Duration::from_secs(600);
        match self {
            Self::FailedAttempt => (FAILED, Quota::new(within / 100, 100), 1),
            Self::RefusedRequest => (REFUSED, Quota::new(within / 1_000, 1_000), 50),
        }
    }
}

/// An attempt that may be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Admitted {
    /// How the quota stands; `None` if there is none, or this node alone decided.
    pub standing: Option<Standing>,
    /// Somebody got in from there lately.
    pub known: bool,
}

/// A quota that is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Which.
    pub policy: LimitPolicy,
    /// How it stands.
    pub standing: Standing,
}

/// Why nothing was taken.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotTaken {
    /// A quota is used up.
    #[error("too often: {}", .0.policy.as_str())]
    Spent(Spent),
    /// A defect; that Redis is away is none.
    #[error(transparent)]
    Failed(#[from] StoreError),
}

/// The quotas of a node.
pub struct Limits {
    quotas: Quotas,
    /// Until when what is used up stays so. Others can only use up more, so this refuses nothing that Redis would not.
    spent: Cache<(LimitPolicy, String), (Instant, Spent)>,
    /// The same of attempts.
    waiting: Cache<Subject, (Instant, Spent)>,
    /// Refused requests of addresses that Redis was not told of yet.
    refused: Cache<String, Arc<AtomicU32>>,
    alone: Alone,
}

impl std::fmt::Debug for Limits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limits").field("quotas", &self.quotas).finish_non_exhaustive()
    }
}

impl Limits {
    /// Nothing is used up yet.
    #[must_use]
    pub fn new(quotas: Quotas) -> Self {
        let spent = Cache::builder().max_capacity(MOST_SPENT).time_to_live(LONGEST_MEMORY).build();
        let waiting = Cache::builder().max_capacity(MOST_SPENT).time_to_live(LONGEST_MEMORY).build();
        let refused =
            Cache::builder().max_capacity(MOST_REFUSED).time_to_idle(Duration::from_secs(600)).build();
        Self { quotas, spent, waiting, refused, alone: Alone::new(quotas) }
    }

    /// How large a quota of this node's settings is.
    #[must_use]
    pub const fn quota(&self, policy: LimitPolicy) -> Option<Quota> {
        match policy {
            LimitPolicy::Register => self.quotas.register,
            LimitPolicy::Login => self.quotas.login,
            LimitPolicy::LoginAccount => self.quotas.login_account,
            LimitPolicy::LoginWait | LimitPolicy::Requests => None,
        }
    }

    /// Takes one of the quota that an address has; `None` if there is no such limit. Without Redis this node alone
    /// decides.
    ///
    /// # Errors
    /// If it is used up.
    pub async fn take(
        &self,
        store: &Store,
        policy: LimitPolicy,
        address: &str,
    ) -> Result<Option<Standing>, NotTaken> {
        let Some(quota) = self.quota(policy) else { return Ok(None) };
        let key = (policy, address.to_owned());
        if let Some(spent) = remembered(&self.spent, &key) {
            return Err(NotTaken::Spent(spent));
        }
        let take = Take { whose: address.to_owned(), name: policy.as_str(), quota, cost: 1 };
        let standing = match store.take(&[take]).await {
            Ok(standings) => standings.into_iter().next().unwrap_or_default(),
            Err(StoreError::Unavailable(_) | StoreError::Overloaded) => self.alone.take(policy, address),
            Err(error) => return Err(error.into()),
        };
        if standing.wait.is_zero() {
            return Ok(Some(standing));
        }
        let spent = Spent { policy, standing };
        self.spent.insert(key, (Instant::now() + standing.wait, spent));
        Err(NotTaken::Spent(spent))
    }

    /// Asks to try to prove who one is: how the quota stands, if there is one, and whether somebody got in from there
    /// lately. Without Redis this node alone decides, and no failure makes anybody wait.
    ///
    /// # Errors
    /// As [`Limits::take`].
    pub async fn admit(&self, store: &Store, subject: &Subject) -> Result<Admitted, NotTaken> {
        let Some(quota) = self.quotas.login_account else { return Ok(Admitted::default()) };
        if let Some(spent) = remembered(&self.waiting, subject) {
            return Err(NotTaken::Spent(spent));
        }
        let (policy, standing) = match store.admit_attempt(subject, quota).await {
            Ok(Admission::Admitted { standing, known }) => {
                return Ok(Admitted { standing: Some(standing), known });
            }
            Ok(Admission::Spent(standing)) => (LimitPolicy::LoginAccount, standing),
            Ok(Admission::Waiting(standing)) => (LimitPolicy::LoginWait, standing),
            Err(StoreError::Unavailable(_) | StoreError::Overloaded) => {
                let standing = self.alone.take(LimitPolicy::LoginAccount, subject.name());
                if standing.wait.is_zero() {
                    return Ok(Admitted::default());
                }
                (LimitPolicy::LoginAccount, standing)
            }
            Err(error) => return Err(error.into()),
        };
        let spent = Spent { policy, standing };
        self.waiting.insert(subject.clone(), (Instant::now() + standing.wait, spent));
        Err(NotTaken::Spent(spent))
    }

    /// Counts an offence of an address; whether it was one too many. Nobody offends where logins are not limited, and
    /// without Redis nobody is found to.
    pub async fn offends(&self, store: &Store, address: &str, offence: Offence) -> bool {
        let (name, quota, cost) = offence.rule();
        if self.quotas.login.is_none() {
            return false;
        }
        if cost > 1 {
            let count = self.refused.get_with_by_ref(address, Arc::default);
            // Whoever completes a handful tells Redis.
            if !(count.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(cost) {
                return false;
            }
        }
        let take = Take { whose: address.to_owned(), name, quota, cost };
        let standing = store.take(&[take]).await;
        standing.is_ok_and(|standing| standing.iter().any(|standing| !standing.wait.is_zero()))
    }

    /// Forgets quotas that are whole. To be called now and then.
    pub fn forget(&self) {
        self.alone.forget();
    }
}

/// What is remembered to be used up, and still is.
fn remembered<K: Hash + Eq + Send + Sync + 'static>(
    memory: &Cache<K, (Instant, Spent)>,
    key: &K,
) -> Option<Spent> {
    let (until, spent) = memory.get(key)?;
    let wait = until.saturating_duration_since(Instant::now());
    (!wait.is_zero()).then_some(Spent { standing: Standing { wait, ..spent.standing }, ..spent })
}

impl From<&crate::config::Limits> for Quotas {
    fn from(limits: &crate::config::Limits) -> Self {
        let quota = |limit: Limit| limit.0.map(Quota::from);
        Self {
            register: quota(limits.register),
            login: quota(limits.login),
            login_account: quota(limits.login_account),
        }
    }
}

impl Store {
    /// Forgets the offences of an address.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn pardon(&self, address: &str) -> Result<(), StoreError> {
        let keys = [FAILED, REFUSED].map(|name| self.keys.quota(address, name));
        let primary = self.link.primary(&keys[0])?;
        let done = primary.client().del::<(), _>(keys.to_vec()).await;
        primary.judge(done)
    }
}
