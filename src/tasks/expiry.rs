//! What all three paths to offline share: what is due happens, and is counted by the path that found it.

use super::Node;
use crate::metrics::labels::ExpiryPath;
use crate::metrics::record;
use crate::presence::UserId;
use crate::store::{Due, Shard, StoreError};

/// Lets happen what was found to be due in a shard. Rooms come last: what ends a session is over then.
pub(super) async fn happen(node: &Node, shard: Shard, due: Due, path: ExpiryPath) -> Result<(), StoreError> {
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
