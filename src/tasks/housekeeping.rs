//! What Postgres needs done now and then: partitions ahead of time; old ones, forgotten logins, what was in the trash for
//! long enough, addresses whose time is over, and what webhooks took or never will, away.

use std::time::Duration;

use super::Node;
use super::ticks::Ticks;
use crate::accounts::trash;

const PERIOD: Duration = Duration::from_secs(3_600);

/// Months for which partitions exist ahead of time.
const MONTHS_AHEAD: u8 = 2;

/// Logins that ended this long ago are forgotten; the audit keeps that they were.
const FORGET_LOGINS: Duration = Duration::from_secs(30 * 86_400);

/// Rows of accounts that were removed for good stay so much longer than a token lives.
const TOKEN_MARGIN: Duration = Duration::from_secs(3_600);
/// Blocked addresses are remembered for so long at least after they were let in again: who comes back within a week is
/// blocked for longer.
const REMEMBER_BLOCKS: Duration = Duration::from_secs(8 * 86_400);

/// For so long it can be looked up what a webhook took.
const KEEP_DELIVERED: Duration = Duration::from_secs(86_400);
/// For so long a dead letter can be sent again.
const KEEP_DEAD: Duration = Duration::from_secs(30 * 86_400);

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

#[tracing::instrument(name = "housekeeping", parent = None, skip_all)]
async fn step(node: &Node) -> anyhow::Result<()> {
    let made = node.app.audit.ensure_partitions(MONTHS_AHEAD).await?;
    let dropped = node.app.audit.drop_partitions(node.app.config.audit.retention.duration()).await?;
    let forgotten = node.app.accounts.forget_families(FORGET_LOGINS).await?;
    let forgotten = forgotten + node.app.accounts.forget_ended_hosts().await?;
    let token_life = node.app.config.auth.access_ttl.duration() + TOKEN_MARGIN;
    let removed = node.app.accounts.forget_trash(trash::KEPT, token_life).await?;
    let keep = node.app.config.audit.address_retention.duration();
    let addresses = node.app.accounts.forget_addresses(keep).await?;
    node.app.accounts.forget_blocks(keep.max(REMEMBER_BLOCKS)).await?;
    node.app.audit.forget_webhook_deliveries(KEEP_DELIVERED, KEEP_DEAD).await?;
    tracing::info!(made, dropped, forgotten, removed, addresses, "kept house in postgres");
    Ok(())
}
