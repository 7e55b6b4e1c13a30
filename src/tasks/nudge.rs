//! The nudge: touches leases that have come to their end, because Redis by itself expires them far too late, and acts
//! directly on what is due and has no lease any more.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Node;
use super::expiry::{Watch, watch};
use crate::metrics::labels::ExpiryPath;
use crate::metrics::record;
use crate::store::Shard;

/// How often. Detection takes this long at most, and a round trip.
const PERIOD: Duration = Duration::from_millis(50);

/// What has been due for longer has had its event, and is still there.
const SETTLED: Duration = Duration::from_millis(75);

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
    let tell = |shard, overdue| {
        lock().insert(shard, overdue);
    };
    let nudge = Watch { period: PERIOD, settled: SETTLED, touches: true, path: ExpiryPath::Nudge };
    watch(&node, nudge, shards, tell).await;
}
