//! Passwords: argon2id, on threads of their own, never more at once than the machine can bear.
//!
//! A hash costs tens of milliseconds of a core and 19 MiB; a flood of logins would be the cheapest way to
//! stop the service. So only so many run at once, so many more wait, and the rest is told to come back. Where the
//! system allows it, the threads give way to those that answer requests: a heartbeat that finds all cores hashing is
//! served at once. An unknown user costs the same as a wrong password, so that time does not tell which names
//! exist; where hashes of different cost are stored, the same as the wrong password of somebody who might have been meant.

use std::sync::Arc;

use argon2::password_hash::{Error as HashError, PasswordHasher};
use argon2::{Algorithm, Argon2, Params, Version};
use rayon_core::{ThreadPool, ThreadPoolBuilder};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::common;
use super::stored::Stored;

/// Bounds of a password's length, in characters.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=128;

/// By how much the threads that hash give way to others, in the system's measure, of which 19 is the most.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// A new password breaks the rule. Shown to people as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Password must be 8-128 characters")]
pub struct PasswordRule;

/// A password that may be set: 8-128 characters, and no other rule, since rules of composition only make
/// passwords worse.
#[derive(Clone, Debug)]
pub struct Password(SecretString);

impl Password {
    /// Takes a password to be set.
    ///
    /// # Errors
    /// [`PasswordRule`] if it is too short or too long.
    pub fn parse(text: SecretString) -> Result<Self, PasswordRule> {
        if LENGTH.contains(&text.expose_secret().chars().count()) {
            Ok(Self(text))
        } else {
            Err(PasswordRule)
        }
    }

    /// Whether somebody who guesses would try it early: it is among the most common ones, or one of `names`, which are
    /// those of its user.
    #[must_use]
    pub fn is_easy(&self, names: &[&str]) -> bool {
        common::is_easy(self.0.expose_secret(), names)
    }
}

/// What one hash costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for PasswordCost {
    /// The least that OWASP recommends for argon2id: 19 MiB, two passes, one lane.
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 }
    }
}

/// Why a password could not be hashed or verified.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many are being checked already; the caller should come back in a second.
    #[error("too many passwords are being checked")]
    Busy,
    /// The cost is impossible, a stored hash is not one, or there are no threads: a defect.
    #[error("password hashing failed: {0}")]
    Hash(String),
}

impl From<HashError> for PasswordError {
    fn from(error: HashError) -> Self {
        Self::Hash(error.to_string())
    }
}

/// What a check of a password found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// It is the user's password.
    pub ok: bool,
    /// It is, and its stored hash was made at another cost: hash it anew while it is at hand.
    pub needs_rehash: bool,
}

/// A place where passwords wait for their check.
#[derive(Debug)]
#[must_use = "the place is free again as soon as this is dropped"]
pub struct Place(#[expect(dead_code, reason = "held, not read")] Option<OwnedSemaphorePermit>);

/// Hashes and verifies passwords.
pub struct Passwords {
    hasher: Argon2<'static>,
    /// A hash that no password is known for, made at the same cost; stands in for unknown users.
    dummy: Arc<str>,
    /// Who may be here at all: those at work and those who wait.
    admitted: Arc<Semaphore>,
    /// How many of them may be strangers.
    strangers: Arc<Semaphore>,
    /// Where the work is done.
    threads: ThreadPool,
}

impl Passwords {
    /// Prepares hashing at `cost`, `workers` at once and at most `waiting` more in the queue. Makes one hash,
    /// so it blocks for tens of milliseconds.
    ///
    /// # Errors
    /// [`PasswordError::Hash`] if the cost is outside what argon2 allows.
    pub fn new(cost: PasswordCost, workers: usize, waiting: usize) -> Result<Self, PasswordError> {
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, None)
            .map_err(|error| PasswordError::Hash(error.to_string()))?;
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobodys: [u8; 32] = rand::random();
        let dummy = hasher.hash_password(&nobodys)?.to_string().into();
        Ok(Self {
            hasher,
            dummy,
            admitted: Arc::new(Semaphore::new(workers + waiting)),
            strangers: Arc::new(Semaphore::new(workers + waiting / 4)),
            threads: threads(workers)?,
        })
    }

    /// The password's hash as a PHC string, with a salt of its own.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] if the queue is full.
    pub async fn hash(&self, password: Password) -> Result<String, PasswordError> {
        let hasher = self.hasher.clone();
        self.run(move || Ok(hasher.hash_password(password.0.expose_secret().as_bytes())?.to_string())).await
    }

    /// A hash that no password is known for, of today's cost: for an account that nobody can log in to yet.
    #[must_use]
    pub fn unusable(&self) -> String {
        self.dummy.to_string()
    }

    /// The hash of a password that was just right, and may be older than the rule for new ones.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] if the queue is full.
    pub async fn rehash(&self, password: SecretString) -> Result<String, PasswordError> {
        self.hash(Password(password)).await
    }

    /// Whether `password` belongs to the stored hash. `None` stands for an unknown user: the same work is done,
    /// and the answer is no.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] if the queue is full; [`PasswordError::Hash`] if `stored` is not a hash.
    pub async fn verify(
        &self,
        password: SecretString,
        stored: Option<&str>,
    ) -> Result<Verdict, PasswordError> {
        let stored = stored.map(Stored::parse).transpose()?;
        self.check(password, stored.unwrap_or(Stored::Unusable)).await
    }

    /// Does the work of checking a password against this hash, which is somebody's, and answers no: for a name that
    /// nobody has.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] if the queue is full.
    pub async fn pretend(
        &self,
        password: SecretString,
        stored: Option<&str>,
    ) -> Result<Verdict, PasswordError> {
        let stored = stored.and_then(|stored| Stored::parse(stored).ok()).unwrap_or(Stored::Unusable);
        self.check(password, stored).await?;
        Ok(Verdict { ok: false, needs_rehash: false })
    }

    /// What no password opens costs as much as a hash of today.
    async fn check(&self, password: SecretString, stored: Stored) -> Result<Verdict, PasswordError> {
        let (dummy, hasher) = (Arc::clone(&self.dummy), self.hasher.clone());
        self.run(move || {
            let password = password.expose_secret().as_bytes();
            if matches!(stored, Stored::Unusable) {
                Stored::parse(&dummy)?.matches(&hasher, password)?;
                return Ok(Verdict { ok: false, needs_rehash: false });
            }
            let ok = stored.matches(&hasher, password)?;
            Ok(Verdict { ok, needs_rehash: ok && !stored.is_current(&hasher) })
        })
        .await
    }

    /// A place for somebody whose password is to be checked, to be held until it is. Strangers have a quarter of the
    /// places: a flood of them fills those, and who is known is served all the same.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] if as many strangers wait as may.
    pub fn place(&self, known: bool) -> Result<Place, PasswordError> {
        if known {
            return Ok(Place(None));
        }
        let place = Arc::clone(&self.strangers).try_acquire_owned();
        place.map(|place| Place(Some(place))).map_err(|_| PasswordError::Busy)
    }

    /// Runs `work` on one of the threads. The permit goes with it: a caller who hangs up does not make room, since the
    /// hash goes on; but what nobody waits for any more when its turn comes is left.
    async fn run<T, F>(&self, work: F) -> Result<T, PasswordError>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, PasswordError> + Send + 'static,
    {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        let (answer, answered) = oneshot::channel();
        // In the order in which they came.
        self.threads.spawn_fifo(move || {
            if !answer.is_closed() {
                let done = work();
                drop(admitted);
                // Who hung up does not want to know.
                let _ = answer.send(done);
            }
        });
        answered.await.map_err(|_| PasswordError::Hash("hashing panicked".to_owned()))?
    }
}

/// Threads that only hash.
fn threads(count: usize) -> Result<ThreadPool, PasswordError> {
    ThreadPoolBuilder::new()
        .num_threads(count)
        .thread_name(|number| format!("hash-{number}"))
        .start_handler(|_| give_way())
        // The caller is told, by the silence of this answer.
        .panic_handler(|_| tracing::error!("hashing a password panicked"))
        .build()
        .map_err(|error| PasswordError::Hash(error.to_string()))
}

/// Lowers the priority of this thread. Elsewhere than on Linux that would be the priority of the whole program.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "hashing passwords does not give way to requests");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: PasswordCost = PasswordCost { memory_kib: 64, passes: 1, lanes: 1 };

    fn cheap() -> Passwords {
        Passwords::new(CHEAP, 1, 1).unwrap()
    }

    fn password(text: &str) -> Password {
        Password::parse(text.into()).unwrap()
    }

    #[test]
    fn length_is_counted_in_characters() {
        let ok = |text: String| Password::parse(text.into()).is_ok();
        assert!(!ok("x".repeat(7)));
        assert!(ok("é".repeat(8)));
        assert!(ok("é".repeat(128)));
        assert!(!ok("x".repeat(129)));
        let error = Password::parse("short".into()).unwrap_err();
        assert_eq!(error.to_string(), "Password must be 8-128 characters");
    }

    #[tokio::test]
    async fn the_right_password_is_known_and_a_wrong_one_is_not() {
        let passwords = cheap();
        let phc = passwords.hash(password("correct horse")).await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{phc}");
        let verdict = passwords.verify("correct horse".into(), Some(&phc)).await.unwrap();
        assert_eq!(verdict, Verdict { ok: true, needs_rehash: false });
        let verdict = passwords.verify("wrong horse".into(), Some(&phc)).await.unwrap();
        assert_eq!(verdict, Verdict { ok: false, needs_rehash: false });
        let again = passwords.hash(password("correct horse")).await.unwrap();
        assert_ne!(phc, again, "each hash has a salt of its own");
    }

    #[tokio::test]
    async fn another_cost_asks_for_a_new_hash() {
        let phc = cheap().hash(password("correct horse")).await.unwrap();
        let dearer = Passwords::new(PasswordCost { passes: 2, ..CHEAP }, 1, 1).unwrap();
        let verdict = dearer.verify("correct horse".into(), Some(&phc)).await.unwrap();
        assert_eq!(verdict, Verdict { ok: true, needs_rehash: true });
        let verdict = dearer.verify("wrong horse".into(), Some(&phc)).await.unwrap();
        assert!(!verdict.needs_rehash);
    }

    #[tokio::test]
    async fn an_unknown_user_is_refused_after_the_same_work() {
        let passwords = cheap();
        let verdict = passwords.verify("anything at all".into(), None).await.unwrap();
        assert_eq!(verdict, Verdict { ok: false, needs_rehash: false });
        let dummy = Stored::parse(&passwords.dummy).unwrap();
        assert!(dummy.is_current(&passwords.hasher), "the stand-in costs what a real hash costs");
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_a_free_place_admits() {
        let passwords = cheap();
        let held = Arc::clone(&passwords.admitted).acquire_many_owned(2).await.unwrap();
        let refused = passwords.verify("anything".into(), None).await;
        assert!(matches!(refused, Err(PasswordError::Busy)));
        assert!(matches!(passwords.hash(password("anything")).await, Err(PasswordError::Busy)));
        drop(held);
        assert!(passwords.verify("anything".into(), None).await.is_ok());
        assert_eq!(passwords.admitted.available_permits(), 2, "places are given back");
    }

    #[tokio::test]
    async fn strangers_do_not_take_all_places() {
        let passwords = Passwords::new(CHEAP, 1, 4).unwrap();
        let held = [passwords.place(false).unwrap(), passwords.place(false).unwrap()];
        assert!(matches!(passwords.place(false), Err(PasswordError::Busy)));
        let _known = passwords.place(true).unwrap();
        assert!(passwords.verify("anything".into(), None).await.is_ok());
        drop(held);
        assert!(passwords.place(false).is_ok());
    }

    #[tokio::test]
    async fn a_hash_of_django_is_verified_and_asks_for_a_new_one() {
        let passwords = cheap();
        let django = "pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=";
        let verdict = passwords.verify("correct horse".into(), Some(django)).await.unwrap();
        assert_eq!(verdict, Verdict { ok: true, needs_rehash: true });
        let verdict = passwords.verify("wrong horse".into(), Some(django)).await.unwrap();
        assert_eq!(verdict, Verdict { ok: false, needs_rehash: false });
        let verdict = passwords.pretend("correct horse".into(), Some(django)).await.unwrap();
        assert!(!verdict.ok, "somebody else's password opens nothing");
        for nothing in [None, Some("!"), Some("!none"), Some("!$argon2id$")] {
            assert!(!passwords.verify("correct horse".into(), nothing).await.unwrap().ok);
        }
        assert!(!passwords.pretend("correct horse".into(), Some("no hash")).await.unwrap().ok);
        let new = passwords.rehash("short".into()).await.unwrap();
        let verdict = passwords.verify("short".into(), Some(&new)).await.unwrap();
        assert_eq!(verdict, Verdict { ok: true, needs_rehash: false });
    }

    #[tokio::test]
    async fn a_broken_hash_is_a_defect() {
        let result = cheap().verify("anything".into(), Some("not a hash")).await;
        assert!(matches!(result, Err(PasswordError::Hash(_))));
    }
}
