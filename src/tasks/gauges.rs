//! Figures that need a question: how many are online, how full Redis is, how long the outbox, how busy the pool. And
//! the pulse of both stores.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use super::owned::State;
use super::ticks::Ticks;
use super::{Node, transports};
use crate::metrics::labels::{PoolState, RedisSetting};
use crate::metrics::record;
use crate::presence::{Millis, Status};
use crate::store::{Figures, Pulse, StoreError, Work};

/// How often Redis is asked whether it answers.
const PERIOD: Duration = Duration::from_secs(1);

/// Figures are taken every so many pulses: every 5 s.
const FIGURES: u32 = 5;

/// What hardly changes is asked every so many pulses: every minute.
const ROOM: u32 = 60;

/// A task.
pub(super) async fn run(node: Node) {
    let mut ticks = Ticks::every(PERIOD, &node.stop);
    let mut pulse = 0_u32;
    let mut growth = Growth::default();
    while ticks.next().await {
        let up = node.app.store.ping().await;
        record::redis_up(matches!(up, Ok(Pulse::Whole)));
        if pulse.is_multiple_of(FIGURES) {
            // A stop does not wait for a store that does not answer: no figure is worth it.
            node.stop.run_until_cancelled(take(&node, &mut growth)).await;
            crate::metrics::install().run_upkeep();
        }
        if pulse.is_multiple_of(ROOM) {
            node.stop.run_until_cancelled(room(&node)).await;
        }
        pulse = pulse.wrapping_add(1);
    }
}

async fn take(node: &Node, growth: &mut Growth) {
    postgres(node).await;
    if let Err(error) = figures(node, growth).await {
        tracing::debug!(%error, "cannot take figures");
    }
}

async fn figures(node: &Node, growth: &mut Growth) -> Result<(), StoreError> {
    let figures = node.app.store.figures().await?;
    node.owned.set_pressure(figures.memory.is_nearly_full());
    redis(&figures, growth);
    heard(node).await?;
    let stats = node.app.store.stats(None).await?;
    record::users(Status::Online, stats.online);
    record::users(Status::Away, stats.away);
    record::users(Status::Busy, stats.busy);
    transports::tell(node, stats.sessions).await;
    record::outbox_streams(stats.entries);
    record::room_sessions(node.app.store.sessions_in_rooms().await?);
    Ok(())
}

fn redis(figures: &Figures, growth: &mut Growth) {
    record::redis_memory(figures.memory.used, figures.memory.limit);
    record::redis_figures(figures.clients, figures.keys, figures.replicas, figures.is_kept);
    for setting in RedisSetting::ALL {
        record::redis_setting(*setting, !figures.unsound.contains(setting));
    }
    let grown = growth.since(&figures.work);
    record::redis_grew(grown.commands, grown.cpu_millis / 1_000, grown.expired, grown.evicted);
}

/// What servers have done since this node first saw them. A server begins anew when it starts again, and another one takes
/// its place; what is told here only rises.
#[derive(Debug, Default)]
struct Growth {
    last: BTreeMap<String, Work>,
    /// Processor time that is no whole second yet.
    rest_millis: u64,
}

impl Growth {
    /// What was added since the last look; processor time in whole seconds.
    fn since(&mut self, now: &BTreeMap<String, Work>) -> Work {
        let (mut grown, mut busiest) = (Work::default(), 0);
        for (server, work) in now {
            let Some(last) = self.last.insert(server.clone(), *work) else { continue };
            let last = if last.commands <= work.commands { last } else { Work::default() };
            grown.commands += work.commands - last.commands;
            // Each server works on one core: the one that is nearest to its limit counts.
            busiest = busiest.max(work.cpu_millis.saturating_sub(last.cpu_millis));
            grown.expired += work.expired.saturating_sub(last.expired);
            grown.evicted += work.evicted.saturating_sub(last.evicted);
        }
        let cpu_millis = self.rest_millis + busiest;
        self.rest_millis = cpu_millis % 1_000;
        grown.cpu_millis = cpu_millis - self.rest_millis;
        grown
    }
}

/// How long the outbox is, and that its shards were heard of.
async fn heard(node: &Node) -> Result<(), StoreError> {
    let now = clock(node).await?;
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

/// The clock of Redis; how far this node's is from it is told.
async fn clock(node: &Node) -> Result<Millis, StoreError> {
    let (asked, began) = (SystemTime::now(), Instant::now());
    let now = node.app.store.now().await?;
    let here = asked + began.elapsed() / 2;
    let here = here.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let skew = here - Duration::from_millis(u64::try_from(now.0).unwrap_or_default()).as_secs_f64();
    record::clock_skew(skew);
    node.live.set_skew(skew);
    Ok(now)
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
    record::postgres_pool_limit(node.app.audit.most_connections());
    match node.app.audit.oldest_webhook_delivery().await {
        Ok(age) => record::webhook_oldest(age),
        Err(error) => tracing::debug!(%error, "cannot tell how long webhooks have been waiting"),
    }
    match node.app.audit.figures_lag().await {
        Ok(lag) => record::figures_lag(lag),
        Err(error) => tracing::debug!(%error, "cannot tell how far figures have followed the history"),
    }
}

async fn room(node: &Node) {
    match node.app.audit.room().await {
        Ok(room) => {
            record::database_size(room.bytes);
            record::partitions_ahead(room.partitions_ahead);
        }
        Err(error) => tracing::warn!(%error, "cannot tell how much room there is"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_did_only_rises() {
        let work = |commands, cpu_millis| Work { commands, cpu_millis, ..Work::default() };
        let seen = |server: &str, work| BTreeMap::from([(server.to_owned(), work)]);
        let mut growth = Growth::default();
        assert_eq!(growth.since(&seen("a", work(1_000, 9_000))), work(0, 0), "what was before is not ours");
        assert_eq!(growth.since(&seen("a", work(1_010, 9_700))), work(10, 0));
        assert_eq!(growth.since(&seen("a", work(1_020, 10_400))), work(10, 1_000), "0.7 s and 0.7 s");
        assert_eq!(growth.since(&seen("a", work(5, 700))), work(5, 1_000), "it began anew");
        assert_eq!(growth.since(&seen("b", work(7, 0))), work(0, 0), "another one");
    }

    #[test]
    fn a_shard_counts_once_its_position_is_known() {
        let taken = State { epoch: 1, newest: 5_000_000, ..State::default() };
        assert_eq!(behind(&taken), None);
        assert_eq!(behind(&State { copied: Some(4_999_990), ..taken.clone() }), Some(10));
        // The copy may be ahead of what was last heard of Redis.
        assert_eq!(behind(&State { copied: Some(5_000_001), ..taken }), Some(0));
    }
}
