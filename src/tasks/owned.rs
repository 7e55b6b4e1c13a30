//! Which shards this node owns now, and how far their outboxes are copied.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::presence::Millis;
use crate::store::Shard;

/// What is known of an owned shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Its epoch in Redis.
    pub epoch: i64,
    /// Number of its newest entry in Redis, as last heard.
    pub newest: i64,
    /// Number of the last entry in Postgres, once known.
    pub copied: Option<i64>,
    /// When the oldest entry that could not be copied was made.
    pub waiting_since: Option<Millis>,
    /// Until then those may return who were put back after a loss.
    pub restored_until: Millis,
}

/// The owned shards. Correctness never depends on it: what two nodes do at once, or none for a while, is only
/// double or late.
#[derive(Debug, Default)]
pub(super) struct Owned {
    shards: Mutex<BTreeMap<Shard, State>>,
    /// Shards that are ours to restore, and the epoch under which that has begun.
    lost: Mutex<BTreeMap<Shard, Option<i64>>>,
    pressure: AtomicBool,
}

impl Owned {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Shard, State>> {
        self.shards.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A shard is ours, and this is how it stands.
    pub(super) fn keep(&self, shard: Shard, epoch: i64, newest: i64) {
        let mut shards = self.lock();
        let state = shards.entry(shard).or_default();
        if state.epoch != epoch {
            *state = State { epoch, ..State::default() };
        }
        state.newest = state.newest.max(newest);
    }

    /// A shard is ours, and has to be restored.
    pub(super) fn lost(&self, shard: Shard, begun: Option<i64>) {
        self.lose(shard);
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).insert(shard, begun);
    }

    /// The shards that have to be restored, as last heard. Each is told again until it is open.
    pub(super) fn take_lost(&self) -> BTreeMap<Shard, Option<i64>> {
        std::mem::take(&mut *self.lost.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Until when those may return who were put back into an owned shard.
    pub(super) fn spares_until(&self, shard: Shard, until: Millis) {
        if let Some(state) = self.lock().get_mut(&shard) {
            state.restored_until = until;
        }
    }

    /// A shard is not ours, or not known to be.
    pub(super) fn lose(&self, shard: Shard) {
        self.lock().remove(&shard);
    }

    /// How far a shard's outbox is copied in an epoch. Numbers of another epoch mean nothing in the present one: taken
    /// for its own they would let entries be trimmed that nobody has copied.
    pub(super) fn copied(&self, shard: Shard, epoch: i64, n: i64, waiting_since: Option<Millis>) {
        if let Some(state) = self.lock().get_mut(&shard).filter(|state| state.epoch == epoch) {
            state.copied = Some(n);
            state.newest = state.newest.max(n);
            state.waiting_since = waiting_since;
        }
    }

    /// Whether a shard is ours.
    pub(super) fn has(&self, shard: Shard) -> bool {
        self.lock().contains_key(&shard)
    }

    /// The owned shards.
    pub(super) fn shards(&self) -> Vec<Shard> {
        self.lock().keys().copied().collect()
    }

    /// The owned shards with their states.
    pub(super) fn states(&self) -> Vec<(Shard, State)> {
        self.lock().iter().map(|(shard, state)| (*shard, *state)).collect()
    }

    /// Whether Redis' memory is nearly full, so that new sessions are refused.
    pub(super) fn pressure(&self) -> bool {
        self.pressure.load(Ordering::Relaxed)
    }

    /// Says whether it is.
    pub(super) fn set_pressure(&self, pressure: bool) {
        self.pressure.store(pressure, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_copied_in_another_epoch_says_nothing_of_this_one() {
        let owned = Owned::default();
        owned.keep(3, 1, 500);
        owned.copied(3, 1, 400, None);
        owned.keep(3, 2, 7);
        // A copy that began in the epoch before ends only now.
        owned.copied(3, 1, 500, Some(Millis(1)));
        let renewed = State { epoch: 2, newest: 7, ..State::default() };
        assert_eq!(owned.states(), [(3, renewed)]);
        owned.copied(3, 2, 6, None);
        assert_eq!(owned.states(), [(3, State { copied: Some(6), ..renewed })]);
    }
}
