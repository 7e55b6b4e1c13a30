//! Which shards this node owns now, and how far their outboxes are copied.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::audit::Position;
use crate::presence::Millis;
use crate::store::Shard;

/// What is known of an owned shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Its epoch in Redis.
    pub epoch: i64,
    /// Number of its newest entry in Redis, as last heard.
    pub newest: i64,
    /// Number of the last entry in Postgres, once known.
    pub copied: Option<i64>,
    /// When that entry was detected: another one under its number shows that the store was set back.
    pub copied_at: Option<Millis>,
    /// When the oldest entry that could not be copied was made.
    pub waiting_since: Option<Millis>,
    /// Until then those may return who were put back after a loss.
    pub restored_until: Millis,
    /// What it last said of itself; none before the first time.
    pub heard: Option<Heard>,
    /// Whether it said less than before, so that the store must have been set back.
    pub set_back: bool,
    /// Another number for each time that this node cannot know what the shard was told: newly ours, of another epoch, set
    /// back.
    pub life: u64,
}

/// What a shard says of itself each second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    /// Number of its newest entry.
    pub n: i64,
    /// Decisions about users that it was told.
    pub rules: i64,
    /// The run of the server that answered; empty where it may not tell.
    pub server: String,
}

/// A shard, and the number of its life in the eyes of this node.
pub(super) type Life = (Shard, u64);

/// The owned shards. Correctness never depends on it: what two nodes do at once, or none for a while, is only
/// double or late.
#[derive(Debug, Default)]
pub(super) struct Owned {
    shards: Mutex<BTreeMap<Shard, State>>,
    /// Shards that are ours to restore, and the epoch under which that has begun.
    lost: Mutex<BTreeMap<Shard, Option<i64>>>,
    lives: AtomicU64,
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
            *state = State { epoch, life: self.new_life(), ..State::default() };
        }
        state.newest = state.newest.max(newest);
    }

    fn new_life(&self) -> u64 {
        self.lives.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// An owned shard has said how it stands. Where that is less than before, or another server says it, nobody knows what
    /// of the last moments was forgotten.
    pub(super) fn heard(&self, shard: Shard, heard: Heard) {
        if let Some(state) = self.lock().get_mut(&shard) {
            if let Some(before) = &state.heard {
                let is_less = heard.n < before.n;
                state.set_back |= is_less;
                if is_less || heard.rules < before.rules || heard.server != before.server {
                    state.life = self.new_life();
                }
            }
            state.heard = Some(heard);
        }
    }

    /// The owned shards with their lives: whoever has told one everything need not do so again.
    pub(super) fn lives(&self) -> Vec<Life> {
        self.lock().iter().map(|(shard, state)| (*shard, state.life)).collect()
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
    pub(super) fn copied(&self, shard: Shard, position: Position, waiting_since: Option<Millis>) {
        let Position { epoch, n, detected_at, .. } = position;
        if let Some(state) = self.lock().get_mut(&shard).filter(|state| state.epoch == epoch) {
            (state.copied, state.copied_at) = (Some(n), detected_at);
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
        self.lock().iter().map(|(shard, state)| (*shard, state.clone())).collect()
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
        let position = |epoch, n| Position { epoch, n, ..Position::default() };
        owned.copied(3, position(1, 400), None);
        owned.keep(3, 2, 7);
        // A copy that began in the epoch before ends only now.
        owned.copied(3, position(1, 500), Some(Millis(1)));
        let renewed = State { epoch: 2, newest: 7, life: 2, ..State::default() };
        assert_eq!(owned.states(), [(3, renewed.clone())]);
        owned.copied(3, position(2, 6), None);
        assert_eq!(owned.states(), [(3, State { copied: Some(6), ..renewed })]);
    }

    #[test]
    fn a_shard_begins_another_life_when_it_may_have_forgotten() {
        let owned = Owned::default();
        let life = || owned.lives()[0].1;
        let say = |n, rules, server: &str| owned.heard(3, Heard { n, rules, server: server.to_owned() });
        let is_set_back = || owned.states()[0].1.set_back;
        owned.keep(3, 1, 0);
        say(7, 5, "a");
        let first = life();
        owned.keep(3, 1, 9);
        say(9, 6, "a");
        assert_eq!((life(), is_set_back()), (first, false));
        say(9, 4, "a");
        let fewer_rules = life();
        assert_ne!(fewer_rules, first);
        say(9, 5, "b");
        let set_back = life();
        assert_ne!(set_back, fewer_rules);
        assert!(!is_set_back(), "another server may know everything");
        say(8, 5, "b");
        assert!(is_set_back() && life() != set_back);
        owned.keep(3, 2, 9);
        assert!(!is_set_back(), "followed");
        owned.lose(3);
        owned.keep(3, 1, 9);
        assert!(![first, set_back].contains(&life()), "another node had it meanwhile");
    }
}
