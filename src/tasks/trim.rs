//! Forgetting: entries that are copied and older than a minute leave the outbox, and with them the records of those
//! who have been offline since.

use std::time::Duration;

use super::Node;
use super::ticks::Ticks;
use crate::presence::{Millis, Outgoing, UserId};
use crate::store::{Shard, StoreError};

const PERIOD: Duration = Duration::from_secs(5);

/// Entries stay this long, so that watchers who lost the thread can pick it up.
const KEEP: Millis = Millis(60_000);

/// Entries looked at by the first call of a round: few, because what is found to be young is read in vain, and again in the
/// next round.
const FIRST: u64 = 10;
/// Where all that a call found are old, the next one looks at so many times as many ...
const GROWTH: u64 = 4;
/// ... and at this many at most.
const BATCH: u64 = 500;

/// A task.
pub(super) async fn run(node: Node) {
    let mut ticks = Ticks::every(PERIOD, &node.stop);
    while ticks.next().await {
        for (shard, state) in node.owned.states() {
            let Some(copied) = state.copied else { continue };
            if let Err(error) = trim(&node, shard, copied, state.copied_at).await {
                tracing::debug!(shard, %error, "cannot trim");
            }
        }
    }
}

/// Trims below the last copied entry, which stays: it shows whether the store was set back.
async fn trim(node: &Node, shard: Shard, copied: i64, copied_at: Option<Millis>) -> Result<(), StoreError> {
    let store = &node.app.store;
    // In a store that was set back the numbers below may be of others, whom nobody has copied.
    let last = store.entries(shard, copied - 1, 1).await?;
    if !last.first().is_some_and(|entry| entry.n() == copied && entry.detected_at() == copied_at) {
        return Ok(());
    }
    let mut batch = FIRST;
    loop {
        let entries = store.entries(shard, 0, batch).await?;
        let Some(newest) = entries.last().map(Outgoing::n) else {
            return Ok(());
        };
        let now = store.now_of(shard).await?;
        // One whose time cannot be read is as old as those around it.
        let is_old = |entry: &Outgoing| entry.detected_at().is_none_or(|at| at + KEEP < now);
        let old: Vec<_> = entries.iter().take_while(|entry| entry.n() < copied && is_old(entry)).collect();
        let Some(last) = old.last().map(|entry| entry.n()) else { return Ok(()) };
        let mut users: Vec<UserId> = old.iter().filter_map(|entry| entry.user().cloned()).collect();
        users.sort_unstable();
        users.dedup();
        store.trim(shard, last + 1, &users).await?;
        if last < newest || node.stop.is_cancelled() {
            return Ok(());
        }
        batch = BATCH.min(batch * GROWTH);
    }
}
