//! What sockets are told by the clock alone: how many are present of each organisation that somebody watches, and that
//! typing is over.

use std::time::Duration;

use futures::StreamExt;
use tokio::time::MissedTickBehavior;

use super::Node;
use crate::live::Counts;
use crate::presence::Org;

/// How often it is looked whether typing is over.
const PERIOD: Duration = Duration::from_millis(250);

/// How often organisations are counted, and how many at once.
const COUNT_PERIOD: Duration = Duration::from_secs(1);
const COUNTS_AT_ONCE: usize = 4;

/// A task.
pub(super) async fn run(node: Node) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let ticking = async {
        loop {
            ticks.tick().await;
            node.live.tick();
        }
    };
    // Counting waits for Redis; typing ends meanwhile.
    tokio::select! {
        () = node.stop.cancelled() => {}
        () = ticking => {}
        () = count(&node) => {}
    }
}

async fn count(node: &Node) {
    let mut ticks = tokio::time::interval(COUNT_PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let count = |org: Org| async move {
            match node.app.store.stats(Some(&org)).await {
                Ok(stats) => node.live.count(&org, Counts::from(&stats)),
                Err(error) => tracing::debug!(%error, "cannot count an organisation that is watched"),
            }
        };
        futures::stream::iter(node.live.watched_orgs()).for_each_concurrent(COUNTS_AT_ONCE, count).await;
    }
}
