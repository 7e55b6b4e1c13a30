//! The ends of all chains, to be kept where whoever owns the database cannot reach them: a chain that contains them
//! later was not written anew, and not cut off.

use serde::{Deserialize, Serialize};

use super::kept::Kept;
use super::problem::{Kind, Place, Problems};
use crate::audit::chain::Hash;
use crate::audit::journal::Journal;
use crate::audit::position::column;
use crate::audit::{Audit, AuditError, sql};

/// The ends of all chains at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The last batch of each shard.
    pub shards: Vec<ShardHead>,
    /// The last seal of each other log.
    pub journals: Vec<JournalHead>,
}

/// The last batch of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardHead {
    /// The shard.
    pub shard: u16,
    /// The life of its data.
    pub epoch: i64,
    /// The first number of the batch.
    pub first_n: i64,
    /// Its seal, in hexadecimal.
    pub hash: String,
}

/// The last seal of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalHead {
    /// `admin_actions` or `system_events`.
    pub log: String,
    /// The number of the seal.
    pub n: i64,
    /// The seal, in hexadecimal.
    pub hash: String,
}

impl Audit {
    /// Looks whether the chains contain these ends, or have rightly dropped them.
    pub(super) async fn expect(
        &self,
        head: &Head,
        kept: &Kept,
        problems: &mut Problems,
    ) -> Result<(), AuditError> {
        for ShardHead { shard, epoch, first_n, hash } in &head.shards {
            let found = sqlx::query_scalar(sql::BATCH_HASH).bind(column(*shard)?).bind(epoch).bind(first_n);
            let found: Option<Vec<u8>> = found.fetch_optional(&self.pool).await?;
            let is_dropped =
                kept.shard(*shard).is_some_and(|dropped| (dropped.epoch, dropped.n) >= (*epoch, *first_n));
            if !is_there(found, hash, is_dropped) {
                problems.add(Kind::HeadDiffers, Place::entries(*shard, *epoch, *first_n, *first_n));
            }
        }
        for JournalHead { log, n, hash } in &head.journals {
            let Some(journal) = Journal::ALL.into_iter().find(|journal| journal.as_str() == log) else {
                return Err(AuditError::Refused(format!("{log:?} is no log of this program")));
            };
            let found = sqlx::query_scalar(sql::SEAL_HASH).bind(log).bind(n);
            let found: Option<Vec<u8>> = found.fetch_optional(&self.pool).await?;
            let is_dropped = kept.journal(journal).is_some_and(|dropped| dropped.n >= *n);
            if !is_there(found, hash, is_dropped) {
                problems.add(Kind::HeadDiffers, Place::Rows { log: journal.as_str(), first: *n, last: *n });
            }
        }
        Ok(())
    }
}

fn is_there(found: Option<Vec<u8>>, expected: &str, is_dropped: bool) -> bool {
    found.map_or(is_dropped, |hash| to_hex(&hash) == expected)
}

/// A hash as text.
pub(super) fn to_hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The hash that a text is.
pub(super) fn from_hex(text: &str) -> Option<Hash> {
    let mut hash = [0; size_of::<Hash>()];
    if text.len() != 2 * hash.len() || !text.is_ascii() {
        return None;
    }
    for (byte, at) in hash.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_comes_back_as_it_went() {
        let hash: Hash = std::array::from_fn(|at| at as u8 * 7);
        assert_eq!(from_hex(&to_hex(&hash)), Some(hash));
        for text in ["", "0", &"0".repeat(63), &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(from_hex(text), None, "{text}");
        }
    }
}
