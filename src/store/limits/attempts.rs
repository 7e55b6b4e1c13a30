//! Attempts to prove who one is: how many there may be, and how long a failure makes the next one wait.

use std::time::Duration;

use super::super::reply::Parts;
use super::super::{Store, StoreError, millis, scripts};
use super::{Quota, Standing, standing};

/// Failures that cost nothing: a password mistyped twice, by a client that asks four times before it says so.
const FREE: i64 = 8;
/// What the next failure makes wait; twice as long each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// No wait is longer: whoever was wrong often is slowed down, never locked out.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Failures are forgotten after so long without one.
const FORGET: Duration = Duration::from_secs(15 * 60);
/// For so long an address is one that the account is used from.
const KNOWN: Duration = Duration::from_secs(30 * 86_400);

/// Who tries to prove something, and from where.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// Hash of the name they gave, whether there is such an account or not.
    name: String,
    /// The address, or `-`.
    from: String,
}

impl Subject {
    /// Whoever calls themselves so, at this address. Case and spaces around do not make another name.
    #[must_use]
    pub fn new(name: &str, from: Option<&str>) -> Self {
        let mut name = fred::util::sha1_hash(&name.trim().to_lowercase());
        // Two names that met would share a quota, and nothing else.
        name.truncate(20);
        Self { name, from: from.unwrap_or("-").to_owned() }
    }

    /// The hash of their name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// Whether one may try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Yes; so much is left.
    Admitted {
        /// How the quota stands.
        standing: Standing,
        /// Somebody got in from there lately.
        known: bool,
    },
    /// The quota of the account is used up.
    Spent(Standing),
    /// The last failures make it wait.
    Waiting(Standing),
}

impl Store {
    /// Asks to try. Who did not get in from there lately shares one quota with all such strangers.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn admit_attempt(&self, subject: &Subject, quota: Quota) -> Result<Admission, StoreError> {
        let Subject { name, from } = subject;
        let keys = vec![
            self.keys.quota(name, &format!("wait:{from}")),
            self.keys.quota(name, &format!("known:{from}")),
            self.keys.quota(name, "login_account"),
            self.keys.quota(name, &format!("login_account:{from}")),
        ];
        let [each, burst] = quota.args();
        let args = vec![self.clock.now(), each, burst];
        let reply = self.link.call(&scripts::ATTEMPT_ADMIT, keys, args).await?;
        let mut parts = Parts::new(scripts::ATTEMPT_ADMIT.name, reply);
        let word = parts.text()?;
        let standing = standing(&mut parts)?;
        match word.as_str() {
            "ok" => Ok(Admission::Admitted { standing, known: parts.count()? == 1 }),
            "spent" => Ok(Admission::Spent(standing)),
            "wait" => Ok(Admission::Waiting(standing)),
            _ => Err(parts.wrong()),
        }
    }

    /// Notes how it went; answers how long the next attempt has to wait.
    ///
    /// # Errors
    /// If Redis did not answer; it may have been noted all the same.
    pub async fn note_attempt(&self, subject: &Subject, good: bool) -> Result<Duration, StoreError> {
        let Subject { name, from } = subject;
        let keys = vec![
            self.keys.quota(name, &format!("wait:{from}")),
            self.keys.quota(name, &format!("known:{from}")),
        ];
        let args = vec![
            self.clock.now(),
            if good { "good" } else { "bad" }.into(),
            FREE.into(),
            millis(FIRST_WAIT),
            millis(LONGEST_WAIT),
            millis(FORGET),
            millis(KNOWN),
        ];
        let reply = self.link.call(&scripts::ATTEMPT_NOTE, keys, args).await?;
        let mut parts = Parts::new(scripts::ATTEMPT_NOTE.name, reply);
        let _failures = parts.count()?;
        parts.count().map(Duration::from_millis)
    }
}
