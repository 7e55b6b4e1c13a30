//! Counts those who are present of each organisation that somebody watches, and tells the watchers.

use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::Node;
use crate::live::Counts;

/// How often.
const PERIOD: Duration = Duration::from_secs(1);

/// A task.
pub(super) async fn run(node: Node) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = node.stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        for org in node.live.watched_orgs() {
            match node.app.store.stats(Some(&org)).await {
                Ok(stats) => node.live.count(&org, Counts::from(&stats)),
                Err(error) => tracing::debug!(%error, "cannot count an organisation that is watched"),
            }
        }
    }
}
