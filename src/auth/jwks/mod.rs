//! The public keys of one issuer: read when they are needed, kept while they are fresh, and used on when they cannot be
//! read anew. One set for each issuer: a key of one never verifies a token of another, whatever its name.
//!
//! Whoever presents a token can name any key, so a name that is not in the set has it read again only now and then.
//! Reading is a task of its own: all who wait share one, and none who hangs up breaks it off.

mod set;
mod source;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use jsonwebtoken::Algorithm;
use tokio::task::AbortHandle;

use super::TokenError;
use crate::metrics::record;
use set::KeySet;
pub(super) use set::PublicKey;
pub(super) use source::Source;

/// When keys are read. The defaults are for production; tests have less patience.
#[derive(Clone, Copy, Debug)]
pub struct KeyTimes {
    /// How long a set is fresh whose server does not say.
    pub usual: Duration,
    /// It is fresh for at least this, whatever its server says.
    pub least: Duration,
    /// And for at most this.
    pub most: Duration,
    /// Between two readings for a name that is not in the set, or after one that failed.
    pub pause: Duration,
    /// Between two readings while there is no set at all.
    pub short_pause: Duration,
    /// How long a reading may take.
    pub patience: Duration,
    /// For how long a set is used on that cannot be read anew.
    pub longest: Duration,
}

impl Default for KeyTimes {
    fn default() -> Self {
        Self {
            usual: Duration::from_secs(300),
            least: Duration::from_secs(60),
            most: Duration::from_secs(24 * 3_600),
            pause: Duration::from_secs(30),
            short_pause: Duration::from_secs(2),
            patience: Duration::from_secs(5),
            longest: Duration::from_secs(24 * 3_600),
        }
    }
}

/// A reading under way.
type Reading = Shared<BoxFuture<'static, ()>>;

/// What is known of an issuer's keys.
#[derive(Default)]
struct State {
    keys: Option<KeySet>,
    /// Grows with every set that differs from the one before.
    generation: u64,
    /// When they were read, and for how long they are fresh.
    read_at: Option<(Instant, Duration)>,
    /// When a reading last began, or failed.
    tried_at: Option<Instant>,
    /// Whether the last one failed.
    failed: bool,
    /// The last one, and whether it is over: what nobody waits for is never seen to end by itself.
    reading: Option<(Reading, AbortHandle)>,
}

/// What a look into the set came to.
enum Look {
    Found(Arc<PublicKey>, u64),
    Unknown,
    Wait(Reading),
    Nothing,
}

/// The keys of an issuer.
pub(super) struct KeyRing {
    source: Source,
    times: KeyTimes,
    state: Mutex<State>,
}

impl KeyRing {
    /// Keys from this source; none is read before it is needed.
    pub(super) fn new(source: Source, times: KeyTimes) -> Arc<Self> {
        Arc::new(Self { source, times, state: Mutex::default() })
    }

    /// The generation of the set in force; `None` if there is none. Has it read anew, without waiting, if it is not fresh
    /// any more: whoever asks nothing but this (because the token is known) notices all the same when a key is taken back.
    pub(super) fn generation(self: &Arc<Self>) -> Option<u64> {
        let now = Instant::now();
        let mut state = self.state();
        self.refresh(&mut state, now);
        self.is_usable(&state, now).then_some(state.generation)
    }

    /// A set that could not be read anew for too long says nothing any more.
    fn is_usable(&self, state: &State, now: Instant) -> bool {
        state.read_at.is_some_and(|(at, _)| now.duration_since(at) < self.times.longest)
    }

    /// The key that a token names, or the only one of its algorithm if it names none; and the generation that it is of.
    ///
    /// # Errors
    /// [`TokenError::Invalid`] if there is no such key; [`TokenError::Unavailable`] if no set could be read.
    pub(super) async fn key(
        self: &Arc<Self>,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<(Arc<PublicKey>, u64), TokenError> {
        // One reading may be under way already when the name is missed, and the next one is ours.
        for _ in 0..3 {
            match self.look(kid, algorithm) {
                Look::Found(key, generation) => return Ok((key, generation)),
                Look::Unknown => return Err(TokenError::Invalid),
                Look::Nothing => return Err(TokenError::Unavailable),
                Look::Wait(reading) => reading.await,
            }
        }
        Err(TokenError::Unavailable)
    }

    fn look(self: &Arc<Self>, kid: Option<&str>, algorithm: Algorithm) -> Look {
        let now = Instant::now();
        let mut state = self.state();
        self.refresh(&mut state, now);
        let usable = self.is_usable(&state, now);
        if state.failed && state.read_at.is_some() {
            record::stale_key();
        }
        let Some(keys) = state.keys.as_ref().filter(|_| usable) else {
            return self.begin(&mut state, now, self.times.short_pause).map_or(Look::Nothing, Look::Wait);
        };
        if let Some(key) = keys.find(kid, algorithm) {
            return Look::Found(key, state.generation);
        }
        self.begin(&mut state, now, self.times.pause).map_or(Look::Unknown, Look::Wait)
    }

    /// Begins to read a set anew that is not fresh any more.
    fn refresh(self: &Arc<Self>, state: &mut State, now: Instant) {
        if state.read_at.is_some_and(|(at, fresh)| now.duration_since(at) >= fresh) {
            self.begin(state, now, self.times.pause);
        }
    }

    /// The reading under way, or a new one, unless the last one began less than `pause` ago.
    fn begin(self: &Arc<Self>, state: &mut State, now: Instant, pause: Duration) -> Option<Reading> {
        if let Some((reading, _)) = state.reading.as_ref().filter(|(_, task)| !task.is_finished()) {
            return Some(reading.clone());
        }
        if state.tried_at.is_some_and(|at| now.duration_since(at) < pause) {
            return None;
        }
        state.tried_at = Some(now);
        let ring = Arc::clone(self);
        let task = tokio::spawn(async move { ring.read().await });
        let handle = task.abort_handle();
        let reading = task.map(drop).boxed().shared();
        state.reading = Some((reading.clone(), handle));
        Some(reading)
    }

    async fn read(&self) {
        let read = tokio::time::timeout(self.times.patience, self.source.read()).await;
        let read = read.unwrap_or_else(|_| Err("it took too long".to_owned()));
        let read = read.and_then(|(text, age)| Ok((KeySet::parse(&text)?, age)));
        let mut state = self.state();
        state.failed = read.is_err();
        record::keys_read(read.is_ok());
        match read {
            Ok((keys, age)) => {
                if state.keys.as_ref().is_none_or(|before| !before.same(&keys)) {
                    state.generation += 1;
                }
                let fresh = age.unwrap_or(self.times.usual).clamp(self.times.least, self.times.most);
                state.read_at = Some((Instant::now(), fresh));
                state.keys = Some(keys);
            }
            Err(error) => {
                // One that took long is not begun again at once.
                state.tried_at = Some(Instant::now());
                tracing::warn!(source = %self.source, error, "the keys of a token issuer cannot be read");
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
