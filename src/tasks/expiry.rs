//! What all three paths to offline share: what is due happens, and is counted by the path that found it.

use std::time::Duration;

use super::{Node, rounds};
use crate::metrics::labels::ExpiryPath;
use crate::metrics::record;
use crate::presence::UserId;
use crate::store::{Due, Shard, StoreError};

/// How a task looks for what is due.
pub(super) struct Watch {
    /// How often.
    pub period: Duration,
    /// What has been due for longer is acted on directly.
    pub settled: Duration,
    /// Whether leases that have come to their end are touched.
    pub touches: bool,
    /// As what it is counted.
    pub path: ExpiryPath,
}

/// Most members that one call lists and touches: about 4 ms of Redis' time.
const MOST: u32 = 1_000;

/// Lets happen what is due in `shards`, until the node stops. `tell` hears for how long something of a shard has been due
/// before anything is done about it: where that fails, it grows.
pub(super) async fn watch(
    node: &Node,
    Watch { period, settled, touches, path }: Watch,
    shards: impl Fn() -> Vec<Shard>,
    tell: impl Fn(Shard, Duration),
) {
    let look = |shards: Vec<Shard>| async move {
        match node.app.store.due(&shards, settled, MOST, touches).await {
            Ok(due) => shards.into_iter().zip(due).collect(),
            Err(error) => {
                tracing::debug!(?shards, %error, path = path.as_str(), "cannot look for what is due");
                Vec::new()
            }
        }
    };
    let step = |shard, due: Due| {
        tell(shard, due.overdue.unwrap_or_default());
        async move {
            if let Err(error) = happen(node, shard, due, path).await {
                tracing::debug!(shard, %error, path = path.as_str(), "what is due cannot happen");
            }
        }
    };
    let together = node.app.store.shards_per_call();
    rounds::run((period, together), &node.stop, shards, look, step).await;
}

/// Lets happen what was found to be due in a shard. Rooms come last: what ends a session is over then.
async fn happen(node: &Node, shard: Shard, due: Due, path: ExpiryPath) -> Result<(), StoreError> {
    let users = due.members.into_iter().map(|member| member.user).collect();
    expire(node, shard, users, path).await?;
    node.app.store.look_at_rooms(shard, &due.in_rooms).await.map(drop)
}

/// Lets happen what is due of some users of a shard.
pub(super) async fn expire(
    node: &Node,
    shard: Shard,
    mut users: Vec<UserId>,
    path: ExpiryPath,
) -> Result<(), StoreError> {
    users.sort_unstable();
    users.dedup();
    if users.is_empty() {
        return Ok(());
    }
    for expired in node.app.store.expire(shard, &users).await? {
        record::expirations(path, expired.sessions);
        if let Some(delay) = expired.delay {
            record::detection_delay(delay);
        }
    }
    Ok(())
}
