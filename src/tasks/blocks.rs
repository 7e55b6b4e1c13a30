//! Blocked addresses: every node knows them by heart, and looks each second whether the list has changed. Also forgets
//! what this node remembers of limits that are whole again.

use std::time::Duration;

use tokio::time::Instant;

use super::Node;
use super::ticks::Ticks;
use crate::metrics::record;

/// How often it is asked whether the list has changed.
const PERIOD: Duration = Duration::from_secs(1);
/// The list is read anew so often, changed or not: Redis may have lost what it knew of a change.
const REREAD: Duration = Duration::from_secs(30);

/// A task.
pub(super) async fn run(node: Node) {
    let mut ticks = Ticks::every(PERIOD, &node.stop);
    let (mut known, mut read) = (None, None::<Instant>);
    while ticks.next().await {
        let version = node.app.store.blocks_version().await.unwrap_or_else(|_| known.clone());
        if version == known && read.is_some_and(|read| read.elapsed() < REREAD) {
            continue;
        }
        match node.app.blocks.load(&node.app.accounts).await {
            Ok(count) => {
                record::blocked_networks(count as u64);
                (known, read) = (version, Some(Instant::now()));
            }
            Err(error) => tracing::debug!(%error, "cannot read the blocked addresses"),
        }
        node.app.limits.forget();
        if let Some(pace) = &node.app.pace {
            pace.forget();
        }
    }
}
