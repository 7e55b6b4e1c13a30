//! How nodes tell each other that the list of blocked addresses has changed: a key that has another value then. Postgres
//! has the list.

use fred::prelude::KeysInterface;

use super::{Store, StoreError};

impl Store {
    /// Tells every node that the list of blocked addresses has changed.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn announce_blocks(&self) -> Result<(), StoreError> {
        let key = self.keys.blocks();
        let primary = self.link.primary(&key)?;
        // Random and not counted: a count that Redis loses would come to the same number again.
        let version = format!("{:016x}", rand::random::<u64>());
        let done = primary.client().set::<(), _, _>(key, version, None, None, false).await;
        primary.judge(done)
    }

    /// Which version the list of blocked addresses has; `None` if it never changed.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn blocks_version(&self) -> Result<Option<String>, StoreError> {
        let key = self.keys.blocks();
        let primary = self.link.primary(&key)?;
        let version = primary.client().get(key).await;
        primary.judge(version)
    }
}
