//! How far the history has followed presence: what of each shard's outbox is not in Postgres yet.

use crate::audit::{Audit, AuditError};
use crate::presence::Millis;
use crate::store::{Opened, Shard, Store, StoreError};

/// Whatever was noticed before this moment has been copied, in every shard. None if Redis does not say, or has begun a
/// new epoch that the history has not followed yet.
///
/// # Errors
/// [`AuditError`] if Postgres does not answer.
pub(super) async fn copied_until(store: &Store, audit: &Audit) -> Result<Option<Millis>, AuditError> {
    // In this order: what is copied, or noticed, meanwhile counts as not copied.
    let positions = audit.positions().await?;
    let waiting = async || -> Result<Option<Millis>, StoreError> {
        let mut until = store.now().await?;
        for (shard, head) in (0 as Shard..).zip(store.heads().await?) {
            let copied = positions.get(&shard).copied().unwrap_or_default();
            if copied.is_spared {
                until = until.min(copied.heard_at.unwrap_or_default());
            }
            match head {
                // Never opened, or else lost.
                None if copied.epoch == 0 => {}
                None => return Ok(None),
                Some(Opened { epoch, .. }) if epoch != copied.epoch => return Ok(None),
                Some(Opened { n, .. }) if n <= copied.n => {}
                Some(_) => match store.entries(shard, copied.n, 1).await?.first() {
                    Some(first) => until = until.min(first.detected_at().unwrap_or_default()),
                    None => return Ok(None),
                },
            }
        }
        Ok(Some(until))
    };
    Ok(waiting().await.unwrap_or_else(|error| {
        tracing::debug!(%error, "redis does not say what is not copied");
        None
    }))
}
