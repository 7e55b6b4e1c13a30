//! Seals: what administrators did and what befell the service is bound into its chain within a few seconds.

use std::time::Duration;

use super::Node;
use super::ticks::Ticks;

/// How often. Every node looks; one of them seals.
const PERIOD: Duration = Duration::from_secs(2);

/// A task.
pub(super) async fn run(node: Node) {
    let mut ticks = Ticks::every(PERIOD, &node.stop);
    while ticks.next().await {
        seal(&node).await;
    }
    // What the last requests did need not wait for another node.
    seal(&node).await;
}

async fn seal(node: &Node) {
    if let Err(error) = node.app.audit.seal_journals().await {
        tracing::warn!(%error, "cannot seal what was done; trying again");
    }
}
