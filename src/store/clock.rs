//! What time it is to presence.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use fred::prelude::Value;

use super::{Shard, Store, StoreError};
use crate::presence::Millis;

/// The clock that scripts go by: that of Redis, unless a test moves time itself.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    /// From now on it is this late; 0 gives the clock back to Redis.
    pub fn set(&self, now: Millis) {
        self.0.store(now.0, Ordering::Relaxed);
    }

    pub(super) fn fixed(&self) -> Option<Millis> {
        Some(Millis(self.0.load(Ordering::Relaxed))).filter(|now| now.0 > 0)
    }

    /// The first argument of every script that judges by time.
    pub(super) fn now(&self) -> Value {
        self.fixed().unwrap_or_default().0.into()
    }
}

impl Store {
    /// The clock that scripts go by.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The clock that scripts go by, read now.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn now(&self) -> Result<Millis, StoreError> {
        self.now_at(self.keys.nodes()).await
    }

    /// The clock of a shard, read now.
    ///
    /// # Errors
    /// If the server that has the shard did not answer.
    pub async fn now_of(&self, shard: Shard) -> Result<Millis, StoreError> {
        self.now_at(self.keys.due(shard)).await
    }

    async fn now_at(&self, key: String) -> Result<Millis, StoreError> {
        if let Some(now) = self.clock.fixed() {
            return Ok(now);
        }
        self.link.primary(&key)?.time().await
    }
}
