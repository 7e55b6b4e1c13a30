//! Seals: what administrators did and what befell the service is bound into its chain within a few seconds.

use std::time::Duration;

use super::Node;
use super::ticks::Ticks;

/// How often. Every node looks; one of them seals.
const PERIOD: Duration = Duration::from_secs(2);

/// What a stop waits for the last seal, at most. Without it another node seals, or this one after its next start.
const LAST: Duration = Duration::from_secs(2);

/// A task.
pub(super) async fn run(node: Node) {
    let mut ticks = Ticks::every(PERIOD, &node.stop);
    let mut is_up = true;
    while ticks.next().await {
        // One that is cut off leaves nothing behind.
        is_up = node.stop.run_until_cancelled(seal(&node)).await.unwrap_or(is_up);
    }
    // What the last requests did is sealed before the end; a store that has just not answered is not asked again.
    if is_up {
        // Too late is as good as not at all.
        let _ = tokio::time::timeout(LAST, seal(&node)).await;
    }
}

/// Whether Postgres did it.
async fn seal(node: &Node) -> bool {
    let sealed = node.app.audit.seal_journals().await;
    if let Err(error) = &sealed {
        tracing::warn!(%error, "cannot seal what was done; trying again");
    }
    sealed.is_ok()
}
