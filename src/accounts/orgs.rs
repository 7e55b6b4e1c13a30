//! In which organisation accounts are, remembered: whoever speaks for many people at once must not ask Postgres each time.

use std::collections::HashMap;
use std::time::Duration;

use moka::sync::Cache;

use super::{AccountError, AccountId, Accounts};
use crate::presence::Org;

/// For how long an answer is good. An organisation changes rarely, and a wrong guess is put right by the store, which
/// knows those who are present.
const GOOD: Duration = Duration::from_secs(600);
/// Most accounts that are remembered: some 150 bytes each.
const MOST: u64 = 200_000;

/// The organisations of accounts.
pub struct Orgs {
    accounts: Accounts,
    known: Cache<AccountId, Org>,
}

impl Orgs {
    /// Knows none yet.
    #[must_use]
    pub fn new(accounts: Accounts) -> Self {
        Self { accounts, known: Cache::builder().max_capacity(MOST).time_to_live(GOOD).build() }
    }

    /// Remembers what is known of these accounts, and asks for the others. Answers those that there are; and the error,
    /// if there were some to ask for and the database did not answer.
    pub async fn of(&self, ids: &[AccountId]) -> (HashMap<AccountId, Org>, Option<AccountError>) {
        let mut found: HashMap<_, _> = ids.iter().filter_map(|id| Some((*id, self.known.get(id)?))).collect();
        let missing: Vec<_> = ids.iter().copied().filter(|id| !found.contains_key(id)).collect();
        if missing.is_empty() {
            return (found, None);
        }
        match self.accounts.by_ids(&missing).await {
            Ok(accounts) => {
                for account in accounts {
                    self.known.insert(account.id, account.org.clone());
                    found.insert(account.id, account.org);
                }
                (found, None)
            }
            Err(error) => (found, Some(error)),
        }
    }
}
