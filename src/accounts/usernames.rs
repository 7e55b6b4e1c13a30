//! What accounts are called, remembered: whoever names people in every change of theirs must not ask Postgres each time.
//! Those who ask at the same time ask once: the first asks for what it lacks, the others find it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::sync::Cache;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::{AccountError, AccountId, Accounts, sql};

/// For how long an answer is good: so late a new name is seen.
const GOOD: Duration = Duration::from_secs(60);
/// Most accounts that are remembered: some 150 bytes each.
const MOST: u64 = 200_000;
/// How long Postgres is waited for, and left alone after it did not answer: a name is not worth more.
const PATIENCE: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_secs(5);

/// The names of accounts.
pub struct Usernames {
    accounts: Accounts,
    /// `None`: there is no such account.
    known: Cache<AccountId, Option<Arc<str>>>,
    /// One question at a time. Since when Postgres is left alone, if it is.
    asking: Mutex<Option<Instant>>,
}

impl Usernames {
    /// Knows none yet.
    #[must_use]
    pub fn new(accounts: Accounts) -> Self {
        let known = Cache::builder().max_capacity(MOST).time_to_live(GOOD).build();
        Self { accounts, known, asking: Mutex::new(None) }
    }

    /// The names of these accounts, as far as they exist and the database answers in time.
    pub async fn of(&self, ids: &[AccountId]) -> HashMap<AccountId, Arc<str>> {
        if !self.missing(ids).is_empty() {
            self.learn(ids).await;
        }
        ids.iter().filter_map(|id| Some((*id, self.known.get(id)??))).collect()
    }

    fn missing(&self, ids: &[AccountId]) -> Vec<AccountId> {
        ids.iter().copied().filter(|id| !self.known.contains_key(id)).collect()
    }

    async fn learn(&self, ids: &[AccountId]) {
        let mut failed = self.asking.lock().await;
        let missing = self.missing(ids);
        if missing.is_empty() || failed.is_some_and(|at| at.elapsed() < PAUSE) {
            return;
        }
        match timeout(PATIENCE, self.accounts.usernames(&missing)).await {
            Ok(Ok(found)) => {
                *failed = None;
                let mut found: HashMap<AccountId, Arc<str>> = found.into_iter().collect();
                missing.into_iter().for_each(|id| self.known.insert(id, found.remove(&id)));
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "the names of accounts are not known");
                *failed = Some(Instant::now());
            }
            Err(_) => *failed = Some(Instant::now()),
        }
    }
}

impl Accounts {
    /// The names of these accounts, as far as they exist.
    ///
    /// # Errors
    /// [`AccountError`] if Postgres fails.
    pub async fn usernames(&self, ids: &[AccountId]) -> Result<Vec<(AccountId, Arc<str>)>, AccountError> {
        let names: Vec<(AccountId, String)> =
            sqlx::query_as(sql::USERNAMES).bind(ids).fetch_all(&self.pool).await?;
        Ok(names.into_iter().map(|(id, name)| (id, name.into())).collect())
    }
}
