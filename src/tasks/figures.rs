//! Figures: the log becomes spells, and hours that are over are rolled up, step by step. One node at a time does it.

use std::time::Duration;

use super::Node;
use super::ticks::Ticks;

/// How often. So late is the newest point of a chart.
const PERIOD: Duration = Duration::from_secs(2);

/// A task.
pub(super) async fn run(node: Node) {
    let mut ticks = Ticks::every(PERIOD, &node.stop);
    while ticks.next().await {
        // A step that is cut off leaves nothing behind.
        let steps = node.stop.run_until_cancelled(steps(&node)).await;
        if let Some(Err(error)) = steps {
            tracing::warn!(%error, "figures do not follow the history; trying again");
        }
    }
}

/// Goes on until there is nothing more to do.
async fn steps(node: &Node) -> Result<(), crate::audit::AuditError> {
    while node.app.audit.follow_figures().await? {}
    Ok(())
}
