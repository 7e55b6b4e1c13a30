//! What sockets are told by the clock alone: how many are present of each organisation that somebody watches, and that
//! typing is over.

use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::Node;
use crate::live::Counts;

/// How often it is looked whether typing is over.
const PERIOD: Duration = Duration::from_millis(250);

/// Organisations are counted each so many times.
const COUNT_EVERY: u32 = 4;

/// A task.
pub(super) async fn run(node: Node) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for round in (0..COUNT_EVERY).cycle() {
        tokio::select! {
            () = node.stop.cancelled() => return,
            _ = ticks.tick() => node.live.tick(),
        }
        if round == 0 {
            count(&node).await;
        }
    }
}

async fn count(node: &Node) {
    for org in node.live.watched_orgs() {
        match node.app.store.stats(Some(&org)).await {
            Ok(stats) => node.live.count(&org, Counts::from(&stats)),
            Err(error) => tracing::debug!(%error, "cannot count an organisation that is watched"),
        }
    }
}
