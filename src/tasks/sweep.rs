//! The sweep: every node looks at the shards of the others for what is a second overdue, so that neither a lost event
//! nor a missing owner makes a ghost. Its own shards it nudges.

use std::time::Duration;

use super::Node;
use super::expiry::{Watch, watch};
use crate::metrics::labels::ExpiryPath;

/// How often. With [`OVERDUE`] this bounds how late people go offline while a shard has no owner: 1.1 s.
const PERIOD: Duration = Duration::from_millis(100);

/// What has been due for this long was missed by everybody else.
const OVERDUE: Duration = Duration::from_secs(1);

/// A task.
pub(super) async fn run(node: Node) {
    let all = node.app.store.keys().shards();
    let others = || (0..all).filter(|shard| !node.owned.has(*shard)).collect();
    let sweep = Watch { period: PERIOD, settled: OVERDUE, touches: false, path: ExpiryPath::Sweep };
    watch(&node, sweep, others, |_, _| {}).await;
}
