//! What the last drop of old months left behind: where each chain begins now.

use serde::Deserialize;
use serde_json::{Map, Value};
use sqlx::Row;
use sqlx::types::time::OffsetDateTime;

use crate::audit::chain::Hash;
use crate::audit::journal::{Journal, Tip};
use crate::audit::time::from_postgres;
use crate::audit::{AuditError, sql};
use crate::database::Connection;
use crate::presence::Millis;

/// Where chains begin since months were dropped; nothing, if none ever was.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::audit) struct Kept {
    /// Everything from before is gone.
    pub(super) since: Option<Millis>,
    chains: Map<String, Value>,
}

/// The last batch of a shard that was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DroppedBatch {
    /// Its epoch.
    pub(super) epoch: i64,
    /// Its last number.
    pub(super) n: i64,
    /// Its seal.
    pub(super) hash: Hash,
}

#[derive(Deserialize)]
struct Chain {
    #[serde(default)]
    epoch: i64,
    n: i64,
    #[serde(default)]
    seq: i64,
    hash: String,
}

impl Kept {
    /// Reads it.
    pub(in crate::audit) async fn read(connection: &mut Connection) -> Result<Self, AuditError> {
        let Some(row) = sqlx::query(sql::LAST_DROP).fetch_optional(connection).await? else {
            return Ok(Self::default());
        };
        let since: OffsetDateTime = row.try_get("before")?;
        let chains = match row.try_get("chains")? {
            Some(Value::Object(chains)) => chains,
            _ => Map::new(),
        };
        Ok(Self { since: Some(from_postgres(since)), chains })
    }

    /// The last seal of a log that was dropped.
    pub(in crate::audit) fn journal(&self, journal: Journal) -> Option<Tip> {
        let (chain, hash) = self.chain(journal.as_str())?;
        Some(Tip { n: chain.n, last_seq: chain.seq, hash })
    }

    /// The last batch of a shard that was dropped.
    pub(super) fn shard(&self, shard: u16) -> Option<DroppedBatch> {
        let (chain, hash) = self.chain(&shard.to_string())?;
        Some(DroppedBatch { epoch: chain.epoch, n: chain.n, hash })
    }

    fn chain(&self, name: &str) -> Option<(Chain, Hash)> {
        let chain = Chain::deserialize(self.chains.get(name)?).ok()?;
        let hash = super::head::from_hex(&chain.hash)?;
        Some((chain, hash))
    }
}
