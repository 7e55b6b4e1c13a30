//! What happens to a whole shard: it is opened, owned and given up.

use std::time::Duration;

use fred::prelude::HashesInterface;

use super::keys::{LAYOUT, Shard};
use super::reply::Parts;
use super::{Store, StoreError, millis, scripts};
use crate::presence::Millis;

/// How long ownership lasts without being kept.
pub const OWNERSHIP: Duration = Duration::from_secs(3);

/// A gap between an owner's ticks longer than this is a stall: nobody can be blamed for silence during it.
pub const STALL: Duration = Duration::from_secs(10);

/// Added to the slowest interval after a stall: clients need time to find their way back.
const GRACE: Duration = Duration::from_secs(10);

/// What keeping a shard answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// Another node has it.
    Other,
    /// It is ours, but has lost its data.
    Lost {
        /// The epoch under which a restore has begun, if one has.
        begun: Option<i64>,
    },
    /// It is ours.
    Own {
        /// The shard's epoch.
        epoch: i64,
        /// Number of its newest entry.
        n: i64,
        /// Until then those may return who were put back after a loss; 0 if nobody was.
        restored_until: Millis,
        /// Decisions about users (gates, ended tokens) that it was told; falls only if the shard was set back.
        rules: i64,
        /// The run of the server that answered: another one may have lost the tail of what was acknowledged.
        server: String,
    },
}

/// The identity of an open shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its epoch.
    pub epoch: i64,
    /// Number of its newest entry.
    pub n: i64,
}

impl Store {
    /// How a shard stands now; `None` if it has lost its data.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn shard(&self, shard: Shard) -> Result<Option<Opened>, StoreError> {
        let meta = self.keys.meta(shard);
        let primary = self.link.primary(&meta)?;
        let known = primary.client().hmget::<Vec<Option<i64>>, _, _>(meta, vec!["epoch", "n"]).await;
        match primary.judge(known)?.as_slice() {
            [Some(epoch), Some(n)] => Ok(Some(Opened { epoch: *epoch, n: *n })),
            _ => Ok(None),
        }
    }

    pub(super) fn check_layout(&self, layout: i64, shards: i64) -> Result<(), StoreError> {
        if layout == i64::from(LAYOUT) && shards == i64::from(self.keys.shards()) {
            return Ok(());
        }
        Err(StoreError::Layout {
            layout,
            shards,
            expected_layout: LAYOUT,
            expected_shards: self.keys.shards(),
        })
    }

    /// Takes or keeps a shard for [`OWNERSHIP`].
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn own(&self, shard: Shard, pressure: bool) -> Result<Ownership, StoreError> {
        let keys = vec![self.keys.owner(shard), self.keys.meta(shard), self.keys.ended(shard)];
        // Clients are told their interval with up to a tenth of jitter.
        let grace = self.policy.slowest_interval().0 * 11 / 10 + GRACE.as_millis() as i64;
        let args = vec![
            self.clock.now(),
            self.node.as_str().into(),
            millis(OWNERSHIP),
            millis(self.stall),
            grace.into(),
            i64::from(pressure).into(),
        ];
        let mut parts =
            Parts::new(scripts::SHARD_OWN.name, self.link.call(&scripts::SHARD_OWN, keys, args).await?);
        match parts.text()?.as_str() {
            "own" => {
                let (epoch, n) = (parts.int()?, parts.int()?);
                let (restored_until, rules) = (parts.millis()?, parts.int()?);
                Ok(Ownership::Own { epoch, n, restored_until, rules, server: parts.text()? })
            }
            "lost" => Ok(Ownership::Lost { begun: parts.text()?.parse().ok() }),
            _ => Ok(Ownership::Other),
        }
    }

    /// Gives a shard up.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn release(&self, shard: Shard) -> Result<(), StoreError> {
        let args = vec![self.node.as_str().into()];
        self.link.call(&scripts::SHARD_RELEASE, vec![self.keys.owner(shard)], args).await.map(drop)
    }
}
