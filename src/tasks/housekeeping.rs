//! What Postgres needs done now and then: partitions ahead of time, old ones and forgotten logins away.

use std::time::Duration;

use super::Node;
use super::ticks::Ticks;

const PERIOD: Duration = Duration::from_secs(3_600);

/// Months for which partitions exist ahead of time.
const MONTHS_AHEAD: u8 = 2;

/// Logins that ended this long ago are forgotten; the audit keeps that they were.
const FORGET_LOGINS: Duration = Duration::from_secs(30 * 86_400);

/// A task.
pub(super) async fn run(node: Node) {
    let mut ticks = Ticks::every(PERIOD, &node.stop);
    while ticks.next().await {
        if let Err(error) = step(&node).await {
            tracing::warn!(
                error = format!("{error:#}"),
                "cannot keep house in postgres; trying again in an hour"
            );
        }
    }
}

async fn step(node: &Node) -> anyhow::Result<()> {
    let made = node.app.audit.ensure_partitions(MONTHS_AHEAD).await?;
    let dropped = node.app.audit.drop_partitions(node.app.config.audit.retention.duration()).await?;
    let forgotten = node.app.accounts.forget_families(FORGET_LOGINS).await?;
    tracing::info!(made, dropped, forgotten, "kept house in postgres");
    Ok(())
}
