//! Figures that need a question: how many are online, how full Redis is, how long the outbox, how busy the pool. And
//! the pulse of both stores.

use std::time::Duration;

use super::Node;
use super::owned::State;
use super::ticks::Ticks;
use crate::metrics::labels::{PoolState, Transport};
use crate::metrics::record;
use crate::presence::{Millis, Status};
use crate::store::{Memory, Pulse, StoreError};

/// How often Redis is asked whether it answers.
const PERIOD: Duration = Duration::from_secs(1);

/// Figures are taken every so many pulses: every 5 s.
const FIGURES: u32 = 5;

/// Above this share of its memory Redis takes no new sessions; renewals and expiry go on.
const PRESSURE_PERCENT: u64 = 85;

/// A task.
pub(super) async fn run(node: Node) {
    let mut ticks = Ticks::every(PERIOD, &node.stop);
    let mut pulse = 0_u32;
    while ticks.next().await {
        let up = node.app.store.ping().await;
        record::redis_up(matches!(up, Ok(Pulse::Whole)));
        if pulse.is_multiple_of(FIGURES) {
            // A stop does not wait for a store that does not answer: no figure is worth it.
            node.stop.run_until_cancelled(take(&node)).await;
            crate::metrics::install().run_upkeep();
        }
        pulse = pulse.wrapping_add(1);
    }
}

async fn take(node: &Node) {
    postgres(node).await;
    if let Err(error) = figures(node).await {
        tracing::debug!(%error, "cannot take figures");
    }
}

async fn figures(node: &Node) -> Result<(), StoreError> {
    let memory = node.app.store.memory().await?;
    record::redis_memory(memory.used, memory.limit);
    node.owned.set_pressure(is_nearly_full(memory));
    heard(node).await?;
    let stats = node.app.store.stats(None).await?;
    record::users(Status::Online, stats.online);
    record::users(Status::Away, stats.away);
    record::users(Status::Busy, stats.busy);
    record::sessions(Transport::Http, stats.sessions);
    record::room_sessions(node.app.store.sessions_in_rooms().await?);
    Ok(())
}

/// How long the outbox is, and that its shards were heard of.
async fn heard(node: &Node) -> Result<(), StoreError> {
    let now = node.app.store.now().await?;
    outbox(node, now);
    // Of those who were put back and have not returned, nothing is heard: a second loss is dated like the first.
    let states = node.owned.states().into_iter();
    let heard: Vec<_> =
        states.filter(|(_, state)| state.restored_until <= now).map(|(shard, _)| (shard, now)).collect();
    if let Err(error) = node.app.audit.heard(&heard).await {
        tracing::debug!(%error, "cannot note when shards were heard of");
    }
    Ok(())
}

fn is_nearly_full(memory: Memory) -> bool {
    memory.limit > 0 && memory.used * 100 >= memory.limit * PRESSURE_PERCENT
}

fn outbox(node: &Node, now: Millis) {
    let states = node.owned.states();
    let entries = states.iter().filter_map(|(_, state)| behind(state)).sum();
    let oldest = states.iter().filter_map(|(_, state)| state.waiting_since).min();
    let age = oldest.and_then(|since| u64::try_from((now - since).0).ok()).unwrap_or(0);
    record::outbox(entries, Duration::from_millis(age));
}

/// Entries of a shard that are not copied; none while it is not known how far the copy is: after a take-over every
/// entry there ever was would count.
fn behind(state: &State) -> Option<u64> {
    state.copied.map(|copied| u64::try_from(state.newest - copied).unwrap_or(0))
}

async fn postgres(node: &Node) {
    record::postgres_up(node.app.audit.ping().await.is_ok());
    let (idle, used) = node.app.audit.connections();
    record::postgres_pool(PoolState::Idle, idle);
    record::postgres_pool(PoolState::Busy, used);
    match node.app.audit.oldest_webhook_delivery().await {
        Ok(age) => record::webhook_oldest(age),
        Err(error) => tracing::debug!(%error, "cannot tell how long webhooks have been waiting"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_counts_once_its_position_is_known() {
        let taken = State { epoch: 1, newest: 5_000_000, ..State::default() };
        assert_eq!(behind(&taken), None);
        assert_eq!(behind(&State { copied: Some(4_999_990), ..taken.clone() }), Some(10));
        // The copy may be ahead of what was last heard of Redis.
        assert_eq!(behind(&State { copied: Some(5_000_001), ..taken }), Some(0));
    }
}
