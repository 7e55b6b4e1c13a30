//! How many accounts a list has, remembered where they are many.
//!
//! Numbered pages tell it each time, and counting costs as much as there are accounts. Up to [`EXACT`] every answer is
//! counted for itself: who has just been added is in it. Beyond, where nobody misses one, a count is told again for a time
//! and made anew behind the answer, so that only the first to ask waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use moka::sync::Cache;

use super::{AccountError, Accounts, Filter};

/// A count up to this is never remembered.
const EXACT: i64 = 10_000;
/// A count is made anew when somebody asks for it so long after it was made ...
const FRESH: Duration = Duration::from_secs(20);
/// ... and not told any more after so long.
const KEPT: Duration = Duration::from_secs(60);
/// Lists whose counts are remembered.
const MOST: u64 = 1_000;

struct Counted {
    count: i64,
    at: Instant,
    /// Somebody counts anew.
    is_renewed: AtomicBool,
}

/// Counts of long lists, by what the list is called.
#[derive(Clone)]
pub struct Counts(Cache<String, Arc<Counted>>);

impl std::fmt::Debug for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counts").finish_non_exhaustive()
    }
}

impl Default for Counts {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MOST).time_to_live(KEPT).build())
    }
}

impl Counts {
    /// How many accounts `filter` lets through; where they are more than 10 000, as many as there were up to a minute ago.
    /// `list` is the same for the same question.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn of(&self, accounts: &Accounts, list: String, filter: &Filter) -> Result<i64, AccountError> {
        let Some(counted) = self.0.get(&list) else {
            let count = accounts.count(filter).await?;
            self.keep(list, count);
            return Ok(count);
        };
        let count = counted.count;
        if counted.at.elapsed() >= FRESH && !counted.is_renewed.swap(true, Ordering::Relaxed) {
            let (counts, accounts, filter) = (self.clone(), accounts.clone(), filter.clone());
            tokio::spawn(async move {
                match accounts.count(&filter).await {
                    Ok(count) => counts.keep(list, count),
                    Err(error) => {
                        tracing::debug!(%error, "a list is counted again when it is asked for next");
                        counted.is_renewed.store(false, Ordering::Relaxed);
                    }
                }
            });
        }
        Ok(count)
    }

    fn keep(&self, list: String, count: i64) {
        if count <= EXACT {
            return self.0.invalidate(&list);
        }
        self.0.insert(
            list,
            Arc::new(Counted { count, at: Instant::now(), is_renewed: AtomicBool::new(false) }),
        );
    }
}
