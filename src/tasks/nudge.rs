//! The nudge: touches leases that have come to their end, because Redis by itself expires them far too late, and acts
//! directly on what is due and has no lease any more.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::expiry::happen;
use super::{Node, rounds};
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
    // How long the first thing of each shard has been due.
    let overdue = Mutex::new(BTreeMap::<Shard, Duration>::new());
    let lock = || overdue.lock().unwrap_or_else(PoisonError::into_inner);
    let shards = || {
        let owned = node.owned.shards();
        let mut overdue = lock();
        overdue.retain(|shard, _| owned.contains(shard));
        record::oldest_due(overdue.values().max().copied().unwrap_or_default());
        owned
    };
    let step = |shard| {
        let (node, lock) = (&node, &lock);
        async move {
            let tell = |overdue| {
                lock().insert(shard, overdue);
            };
            if let Err(error) = nudge(node, shard, tell).await {
                tracing::debug!(shard, %error, "cannot nudge");
            }
        }
    };
    rounds::run(PERIOD, &node.stop, shards, step).await;
}

/// How long something has been due is told before anything is done about it: where that fails, it grows.
async fn nudge(node: &Node, shard: Shard, tell: impl FnOnce(Duration)) -> Result<(), StoreError> {
    let due = node.app.store.due(shard, SETTLED, MOST, true).await?;
    tell(due.overdue.unwrap_or_default());
    happen(node, shard, due, ExpiryPath::Nudge).await
}
