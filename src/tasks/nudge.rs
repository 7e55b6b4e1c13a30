//! The nudge: touches leases that have come to their end, because Redis by itself expires them far too late, and acts
//! directly on what is due and has no lease any more.

use std::time::Duration;

use futures::future::join_all;

use super::Node;
use super::expiry::expire;
use super::ticks::Ticks;
use crate::metrics::labels::ExpiryPath;
use crate::metrics::record;
use crate::store::{Shard, StoreError};

/// How often. Detection takes this long at most, and a round trip.
const PERIOD: Duration = Duration::from_millis(50);

/// What has been due for longer has had its event, and is still there.
const SETTLED: Duration = Duration::from_millis(75);

/// Most members touched in one call: about 2 ms of Redis' time.
const MOST: u32 = 500;

/// A task.
pub(super) async fn run(node: Node) {
    let mut ticks = Ticks::every(PERIOD, &node.stop);
    while ticks.next().await {
        let shards = node.owned.shards();
        let nudged = join_all(shards.into_iter().map(|shard| nudge(&node, shard))).await;
        let mut oldest = Duration::ZERO;
        for overdue in nudged {
            match overdue {
                Ok(overdue) => oldest = oldest.max(overdue),
                Err(error) => tracing::debug!(%error, "cannot nudge"),
            }
        }
        record::oldest_due(oldest);
    }
}

async fn nudge(node: &Node, shard: Shard) -> Result<Duration, StoreError> {
    let due = node.app.store.due(shard, SETTLED, MOST, true).await?;
    let users = due.members.into_iter().map(|member| member.user).collect();
    expire(node, shard, users, ExpiryPath::Nudge).await?;
    Ok(due.overdue.unwrap_or_default())
}
