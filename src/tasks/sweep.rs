//! The sweep: every node looks at the shards of the others for what is a second overdue, so that neither a lost event
//! nor a missing owner makes a ghost. Its own shards it nudges.

use std::time::Duration;

use super::expiry::happen;
use super::{Node, rounds};
use crate::metrics::labels::ExpiryPath;
use crate::store::{Shard, StoreError};

/// How often. With [`OVERDUE`] this bounds how late people go offline while a shard has no owner: 1.1 s.
const PERIOD: Duration = Duration::from_millis(100);

/// What has been due for this long was missed by everybody else.
const OVERDUE: Duration = Duration::from_secs(1);

/// Most members of one call.
const MOST: u32 = 500;

/// A task.
pub(super) async fn run(node: Node) {
    let all = node.app.store.keys().shards();
    let others = || (0..all).filter(|shard| !node.owned.has(*shard)).collect();
    let step = |shard| {
        let node = &node;
        async move {
            if let Err(error) = sweep(node, shard).await {
                tracing::debug!(shard, %error, "cannot sweep");
            }
        }
    };
    rounds::run(PERIOD, &node.stop, others, step).await;
}

async fn sweep(node: &Node, shard: Shard) -> Result<(), StoreError> {
    let due = node.app.store.due(shard, OVERDUE, MOST, false).await?;
    happen(node, shard, due, ExpiryPath::Sweep).await
}
