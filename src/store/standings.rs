//! How the users of this node stand, as far as it knows: so a heartbeat that says nothing new need not ask Redis for a
//! status that has not changed since the last one.
//!
//! Knowledge comes from answers of Redis and goes with the outbox (`feed.rs`): whatever changes a status appends an entry,
//! and its user is forgotten here. What this node itself changes is forgotten at once. So a status that another node
//! changed is answered late by as much as the outbox is read late, and by [`TRUST`] at most. Nothing but the status in
//! the answer to a heartbeat depends on this: whether a session lasts is decided in Redis.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::keys::Shard;
use crate::presence::{Millis, Outgoing, Status, UserId};

/// So long after the outbox was last read what is known counts.
const TRUST: Duration = Duration::from_secs(1);

/// What is known of all shards.
pub(super) struct Standings {
    /// Users are kept by a hash of their names, which takes a third of the memory: two of a million share one once in
    /// 40 million nodes.
    hasher: RandomState,
    shards: Vec<Mutex<Known>>,
}

/// What is known of one shard.
#[derive(Default)]
struct Known {
    /// Until when; `None` while its outbox is not read.
    until: Option<Instant>,
    /// When the newest entry that was read was written, by the clock of Redis: what an older answer says may be outdated.
    heard: Millis,
    users: HashMap<u64, (Status, Millis)>,
}

impl Standings {
    pub(super) fn new(shards: Shard) -> Self {
        Self { hasher: RandomState::new(), shards: (0..shards).map(|_| Mutex::default()).collect() }
    }

    fn shard(&self, shard: Shard) -> MutexGuard<'_, Known> {
        self.shards[usize::from(shard)].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn name(&self, user: &UserId) -> u64 {
        self.hasher.hash_one(user)
    }

    /// The status of a user and since when, if it is known.
    pub(super) fn of(&self, shard: Shard, user: &UserId) -> Option<(Status, Millis)> {
        let known = self.shard(shard);
        known.until.filter(|until| Instant::now() < *until)?;
        known.users.get(&self.name(user)).copied()
    }

    /// Redis said at this moment of its clock how a user stands.
    pub(super) fn learn(&self, shard: Shard, user: &UserId, standing: (Status, Millis), now: Millis) {
        let mut known = self.shard(shard);
        // Of two in the same millisecond it is not known which came first.
        if known.until.is_some() && now > known.heard {
            known.users.insert(self.name(user), standing);
        }
    }

    /// This node does something to a user.
    pub(super) fn forget(&self, shard: Shard, user: &UserId) {
        self.shard(shard).users.remove(&self.name(user));
    }

    /// The outbox of a shard is read from here on; its newest entry was written then.
    pub(super) fn begin(&self, shard: Shard, heard: Millis) {
        *self.shard(shard) = Known { until: Some(Instant::now()), heard, users: HashMap::new() };
    }

    /// The outbox of a shard is not read any more, or not without a gap.
    pub(super) fn end(&self, shard: Shard) {
        *self.shard(shard) = Known::default();
    }

    /// These entries are new. `asked`: when the outbox was, if they were all there are.
    pub(super) fn hear(&self, shard: Shard, entries: &[Outgoing], asked: Option<Instant>) {
        let mut known = self.shard(shard);
        for entry in entries {
            known.heard = known.heard.max(entry.detected_at().unwrap_or_default());
            let Some(user) = entry.user() else { continue };
            let name = self.name(user);
            // The entry of a change that this node's own answer has told already changes nothing.
            let is_news = entry.entry().is_none_or(|entry| {
                known.users.get(&name).is_some_and(|known| *known != (entry.to, entry.since))
            });
            if is_news {
                known.users.remove(&name);
            }
        }
        if let Some(asked) = asked {
            known.until = Some(asked + TRUST);
        }
    }
}
