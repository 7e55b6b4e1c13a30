//! The way to Redis: which primary has a key, and the call of a script there. Follows failovers.
//!
//! A URL names one server, a cluster, or sentinels. What differs is only how primaries are found (`primaries.rs`); there
//! is one of them, or one for each part of a cluster's slots.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use fred::prelude::*;
use futures::future::join_all;
use tokio::sync::{Mutex as AsyncMutex, Notify};

use super::primaries::{Finder, Found};
use super::primary::{self, Primary};
use super::scripts::Script;
use super::slots::slot_of;
use super::{Pulse, StoreError, settings};
use crate::metrics::record;

/// How often it is asked where the primaries are, while nothing tells that they moved.
const LOOK: Duration = Duration::from_secs(1);

/// Between two looks at least: many calls fail at once.
const PAUSE: Duration = Duration::from_millis(100);

/// How long the start waits for a primary that others say is there.
const PATIENCE: Duration = Duration::from_secs(2);

/// Data connections to Redis.
#[derive(Clone)]
pub(super) struct Link(Arc<Inner>);

struct Inner {
    finder: Finder,
    primaries: RwLock<Arc<Primaries>>,
    /// Woken when a call hints that primaries moved.
    moved: Arc<Notify>,
    /// When it was last found out where they are. Held while it is being asked, so that it is asked once.
    looked: AsyncMutex<Instant>,
}

/// The primaries of a moment.
struct Primaries {
    all: Vec<Arc<Primary>>,
    /// For each slot its primary; empty where one has all.
    slots: Vec<Option<u16>>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

impl Link {
    /// Connects; fails at once if Redis cannot be reached now, or is unfit. Of a cluster one primary must be there.
    pub(super) async fn connect(url: &str) -> Result<Self, StoreError> {
        let link = Self::reach(url).await?;
        link.greet().await?;
        Ok(link)
    }

    /// Connects, to whatever is there; fails at once if nothing is.
    pub(super) async fn reach(url: &str) -> Result<Self, StoreError> {
        let (finder, moved) = (Finder::of(url)?, Arc::<Notify>::default());
        let Found { primaries, slots } = finder.first().await?;
        let mut all = Vec::with_capacity(primaries.len());
        for (name, config) in primaries {
            all.push(Arc::new(if finder.is_cluster() {
                Primary::begin(name, config, Arc::clone(&moved))?
            } else {
                Primary::connect(name, config, Arc::clone(&moved)).await?
            }));
        }
        // Whichever does not answer is silent to those who call it.
        join_all(all.iter().map(|primary| primary.connected(PATIENCE))).await;
        let primaries = RwLock::new(Arc::new(Primaries { all, slots }));
        Ok(Self(Arc::new(Inner { finder, primaries, moved, looked: AsyncMutex::new(Instant::now()) })))
    }

    /// Checks every primary that is there, and loads the scripts.
    async fn greet(&self) -> Result<(), StoreError> {
        let all = self.primaries();
        let greetings = all.iter().map(|primary| async {
            primary.connected(PATIENCE).await?;
            if self.0.finder.is_fixed() {
                settings::check_role(primary).await?;
            }
            settings::check(primary).await?;
            primary.mark_checked();
            primary.preload().await
        });
        let (mut is_there, mut missing) = (false, None);
        for greeting in join_all(greetings).await {
            match greeting {
                Ok(()) => is_there = true,
                Err(StoreError::Unavailable(why)) => {
                    tracing::warn!(why, "a primary of redis does not answer; its shards get 503");
                    missing = Some(StoreError::Unavailable(why));
                }
                Err(error) => return Err(error),
            }
        }
        match missing {
            Some(error) if !is_there => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether keys live on several servers, so that a call must keep to one shard.
    pub(super) fn is_clustered(&self) -> bool {
        self.0.finder.is_cluster()
    }

    /// Whether the URL names the one server there is.
    pub(super) fn is_fixed(&self) -> bool {
        self.0.finder.is_fixed()
    }

    fn now(&self) -> Arc<Primaries> {
        Arc::clone(&self.0.primaries.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The primaries of this moment.
    pub(super) fn primaries(&self) -> Vec<Arc<Primary>> {
        self.now().all.clone()
    }

    /// The primary that has a key.
    ///
    /// # Errors
    /// `Unavailable` while none serves its slot.
    pub(super) fn primary(&self, key: impl AsRef<[u8]>) -> Result<Arc<Primary>, StoreError> {
        let primaries = self.now();
        let number = match primaries.slots.get(usize::from(slot_of(key.as_ref()))) {
            Some(holder) => holder.map(usize::from),
            None => Some(0),
        };
        number.and_then(|number| primaries.all.get(number)).map(Arc::clone).ok_or_else(|| {
            self.0.moved.notify_one();
            StoreError::Unavailable("no primary serves this slot".into())
        })
    }

    /// Runs a script where its first key is; once more, if that has moved.
    ///
    /// # Errors
    /// `Unavailable` if Redis did not answer; the script may have run all the same.
    pub(super) async fn call(
        &self,
        script: &'static Script,
        keys: impl IntoIterator<Item = impl Into<Key>>,
        args: Vec<Value>,
    ) -> Result<Value, StoreError> {
        let keys: Vec<Key> = keys.into_iter().map(Into::into).collect();
        debug_assert!(
            script.keys.fits(keys.len()) && script.args.fits(args.len()),
            "{} got {} keys and {} arguments",
            script.name,
            keys.len(),
            args.len()
        );
        let started = Instant::now();
        let place = keys.first().map(Key::as_bytes).unwrap_or_default();
        let mut primary = self.primary(place)?;
        let mut reply = primary.run(script, &keys, &args).await;
        if reply.as_ref().is_err_and(primary::is_elsewhere) && !self.0.finder.is_fixed() {
            self.look().await;
            primary = self.primary(place)?;
            reply = primary.run(script, &keys, &args).await;
        }
        record::script(script.name, started.elapsed());
        primary.judge(reply)
    }

    /// Asks every primary whether it answers, and gives up connections on which one has not for too long.
    ///
    /// # Errors
    /// If none does.
    pub(super) async fn watch(&self) -> Result<Pulse, StoreError> {
        let all = self.primaries();
        let answers = join_all(all.iter().map(|primary| primary.watch())).await;
        let failed: Vec<StoreError> = answers.into_iter().filter_map(Result::err).collect();
        let has_holes = self.now().slots.iter().any(Option::is_none);
        match failed.len() {
            0 if !has_holes => Ok(Pulse::Whole),
            failures if failures < all.len() => Ok(Pulse::Partial),
            _ => Err(failed.into_iter().next().unwrap_or(StoreError::Unavailable("no primary".into()))),
        }
    }

    /// Follows the primaries as they change, until dropped.
    pub(super) async fn follow(&self) {
        if self.0.finder.is_fixed() {
            std::future::pending::<()>().await;
        }
        loop {
            tokio::time::sleep(PAUSE).await;
            // Either way it is time to look.
            let _ = tokio::time::timeout(LOOK - PAUSE, self.0.moved.notified()).await;
            self.look().await;
            join_all(self.primaries().iter().map(|primary| primary.check_once())).await;
        }
    }

    /// Finds out where the primaries are now. Whoever comes while it is asked waits for the same answer.
    async fn look(&self) {
        let came = Instant::now();
        let mut looked = self.0.looked.lock().await;
        if *looked > came {
            return;
        }
        match self.0.finder.find(&self.primaries()).await {
            Ok(found) => self.adopt(found),
            Err(error) => tracing::debug!(%error, "cannot find out where the primaries of redis are"),
        }
        *looked = Instant::now();
    }

    /// Keeps connections to those who are still primaries, begins new ones, and lets go of the rest.
    fn adopt(&self, found: Found) {
        let before = self.now();
        let mut all = Vec::with_capacity(found.primaries.len());
        for (name, config) in found.primaries {
            if let Some(known) = before.all.iter().find(|primary| primary.name == name) {
                all.push(Arc::clone(known));
                continue;
            }
            tracing::info!(primary = name, "redis has a new primary");
            match Primary::begin(name, config, Arc::clone(&self.0.moved)) {
                Ok(primary) => all.push(Arc::new(primary)),
                Err(error) => return tracing::error!(%error, "cannot connect to a new primary"),
            }
        }
        let now = Arc::new(Primaries { all, slots: found.slots });
        *self.0.primaries.write().unwrap_or_else(PoisonError::into_inner) = now;
    }
}
