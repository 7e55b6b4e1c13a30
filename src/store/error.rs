//! Why a call on the store failed, in words an operator can act on.

use super::Shard;

/// Why a call on the store failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Redis did not answer in time, refused the connection, or is loading.
    #[error("redis is unavailable: {0}")]
    Unavailable(String),
    /// The shard came back empty and is not yet restored.
    #[error("the shard is being restored")]
    Restoring,
    /// The shard is open, or restored anew under another epoch: nothing of this restore is put back into it any more.
    #[error("this restore of the shard is over")]
    Open,
    /// Too many requests wait for Redis, or its memory is nearly full and this would start a new session.
    #[error("too busy")]
    Overloaded,
    /// A script answered what it never should: a defect.
    #[error("part {part} of the reply of {script} is not what it should be")]
    Reply {
        /// The script's name.
        script: &'static str,
        /// Which part of the reply, from 1.
        part: usize,
    },
    /// Redis refused a call: a defect.
    #[error("redis refused: {0}")]
    Refused(String),
    /// The data in Redis were written in another layout, or for another number of shards.
    #[error(
        "the data in redis have layout {layout} and {shards} shards, but this node has layout {expected_layout} and \
         {expected_shards} shards (ROLLCALL_REDIS_SHARDS): use another ROLLCALL_REDIS_PREFIX, or the old setting"
    )]
    Layout {
        /// Layout of the data.
        layout: i64,
        /// Shards of the data.
        shards: i64,
        /// Layout of this version.
        expected_layout: u32,
        /// Shards of this node's settings.
        expected_shards: Shard,
    },
    /// Redis is set up in a way that would lose presence.
    #[error("{0}")]
    Unfit(String),
}
