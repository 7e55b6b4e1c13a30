//! What all three paths to offline share: what is due happens, and is counted by the path that found it.

use super::Node;
use crate::metrics::labels::ExpiryPath;
use crate::metrics::record;
use crate::presence::UserId;
use crate::store::{Shard, StoreError};

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
