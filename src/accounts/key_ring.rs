//! The service keys that are good, as this node knows them.
//!
//! There are few, so each node has them all in memory and reads them anew every other second: a key that was taken back
//! is refused everywhere within [`FRESH`]. While Postgres is away the last ones known stay in force: what a host reports
//! of its people must not wait for it any more than a heartbeat does.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use sqlx::Row;
use sqlx::postgres::PgRow;
use tokio::sync::Mutex as AsyncMutex;

use super::service_keys::{Presented, Scope, org, scopes};
use super::{AccountError, Accounts, sql};
use crate::presence::Org;

/// So old may be what is known of keys while Postgres answers.
const FRESH: Duration = Duration::from_secs(5);
/// A key that is not known is looked for anew at most so often.
const PAUSE: Duration = Duration::from_secs(1);

/// A key that is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoodKey {
    /// Its name.
    pub id: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Of whom it speaks; `None`: of all.
    pub org: Option<Org>,
}

/// A good key as it was read.
struct Kept {
    key: GoodKey,
    hash: Vec<u8>,
    ends: Option<Instant>,
}

/// Those that were read, and when.
struct Known {
    keys: HashMap<String, Kept>,
    read_at: Instant,
}

/// The keys that are good.
pub struct KeyRing {
    accounts: Accounts,
    known: RwLock<Option<Arc<Known>>>,
    /// Held while keys are read, so that they are read once; when that was last tried in vain.
    reading: AsyncMutex<Option<Instant>>,
    used: Mutex<HashSet<String>>,
}

impl KeyRing {
    /// Knows none yet.
    #[must_use]
    pub fn new(accounts: Accounts) -> Self {
        Self { accounts, known: RwLock::default(), reading: AsyncMutex::default(), used: Mutex::default() }
    }

    /// The key of this text, if it is good.
    ///
    /// # Errors
    /// Those of the database, if nothing at all is known of keys so far.
    pub async fn find(&self, text: &str) -> Result<Option<GoodKey>, AccountError> {
        let Some(presented) = Presented::parse(text) else {
            return Ok(None);
        };
        let mut known = self.at_most(FRESH).await?;
        if !known.keys.contains_key(&presented.id) {
            // It may have been made a moment ago, on another node.
            known = self.at_most(PAUSE).await?;
        }
        let now = Instant::now();
        let kept = known.keys.get(&presented.id);
        let good = kept.filter(|kept| kept.hash == presented.hash && kept.ends.is_none_or(|ends| now < ends));
        if good.is_some() {
            self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(presented.id);
        }
        Ok(good.map(|kept| kept.key.clone()))
    }

    /// Reads the keys anew.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn read(&self) -> Result<(), AccountError> {
        let mut failed_at = self.reading.lock().await;
        self.read_now(&mut failed_at).await.map(drop)
    }

    /// The keys that were used since this was last asked.
    pub fn take_used(&self) -> Vec<String> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).drain().collect()
    }

    /// What is known, read anew if it is older than this; older than that only while Postgres does not answer, for whom
    /// nobody waits who has something to go by.
    async fn at_most(&self, age: Duration) -> Result<Arc<Known>, AccountError> {
        let old = self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        let is_fresh = |known: &Arc<Known>| known.read_at.elapsed() < age;
        let mut failed_at = match old {
            Some(known) if is_fresh(&known) => return Ok(known),
            Some(known) => match self.reading.try_lock() {
                Ok(failed_at) if failed_at.is_some_and(|at| at.elapsed() < FRESH) => return Ok(known),
                Ok(failed_at) => failed_at,
                Err(_) => return Ok(known),
            },
            None => self.reading.lock().await,
        };
        let old = self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        match (self.read_now(&mut failed_at).await, old) {
            (Ok(known), _) => Ok(known),
            (Err(error), Some(known)) => {
                tracing::warn!(%error, "service keys are judged by what was known of them before");
                Ok(known)
            }
            (Err(error), None) => Err(error),
        }
    }

    async fn read_now(&self, failed_at: &mut Option<Instant>) -> Result<Arc<Known>, AccountError> {
        let read_at = Instant::now();
        let rows = sqlx::query(sql::SERVICE_KEYS_LIVE).fetch_all(&self.accounts.pool).await;
        *failed_at = rows.is_err().then(Instant::now);
        let kept = |row: &PgRow| kept(row, read_at);
        let keys = rows?.iter().map(kept).collect::<sqlx::Result<HashMap<_, _>>>()?;
        let known = Arc::new(Known { keys, read_at });
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&known));
        Ok(known)
    }
}

fn kept(row: &PgRow, now: Instant) -> sqlx::Result<(String, Kept)> {
    let id: String = row.try_get("id")?;
    let left: Option<i64> = row.try_get("left_ms")?;
    let ends = left.map(|ms| now + Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
    let key = GoodKey { id: id.clone(), scopes: scopes(row)?, org: org(row)? };
    Ok((id, Kept { key, hash: row.try_get("hash")?, ends }))
}
