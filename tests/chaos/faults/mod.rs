//! The faults. Each has a name, what it does in a sentence, and what may be excused by it: when nobody could beat, and
//! what was lost.
//!
//! Time cannot be moved from outside on one machine without replacing the C library's clock; what stands for a jump is
//! [`Fault::EverythingPaused`]: Redis and all nodes stand still, and when they go on, the scripts see a clock that has
//! jumped ahead. A jump back is not simulated here (the model test moves time freely).

mod play;

pub(crate) use play::play;

use std::ops::Range;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Fault {
    Nothing,
    NodeKilled,
    NodeStopped,
    NodeFrozen,
    AllNodesRestartedInTurn,
    AllNodesDown,
    RedisFrozenShort,
    RedisFrozenLong,
    RedisRestarted,
    RedisTailLost,
    RedisRewound,
    RedisEmpty,
    PostgresKilled,
    PostgresDown,
    PostgresFrozen,
    RedisLinkCut,
    RedisLinkStalled,
    RedisLinkDelayed,
    RedisLinkDeaf,
    RedisLinkLost,
    RedisLinksAllCut,
    PostgresLinksCut,
    PostgresLinksStalled,
    PostgresLinksDelayed,
    PostgresLinksDeaf,
    PostgresLinksLost,
    EventsOff,
    SubscribersKilled,
    ScriptsFlushed,
    MemoryPressure,
    EverythingPaused,
    NodeKilledWithoutPostgres,
    RedisEmptyWithoutPostgres,
}

impl Fault {
    /// Every kind.
    pub(crate) fn all() -> &'static [Self] {
        <Self as clap::ValueEnum>::value_variants()
    }

    /// What happens.
    pub(crate) const fn what(self) -> &'static str {
        match self {
            Self::Nothing => "nothing, for ten seconds: the measure of the others",
            Self::NodeKilled => "a node is killed (SIGKILL) and started again 5 s later",
            Self::NodeStopped => "a node is asked to end (SIGTERM) and started again",
            Self::NodeFrozen => "a node stands still (SIGSTOP) for 8 s, loses its shards, and goes on",
            Self::AllNodesRestartedInTurn => "every node is restarted, one after the other",
            Self::AllNodesDown => "all nodes are killed and stay away for longer than sessions live",
            Self::RedisFrozenShort => "Redis stands still for 3 s, longer than any command may take",
            Self::RedisFrozenLong => "Redis stands still for 13 s, longer than sessions live",
            Self::RedisRestarted => "Redis is killed and started again with its data",
            Self::RedisTailLost => "Redis is killed and comes back without the last second it wrote",
            Self::RedisRewound => "Redis is killed and comes back as it was 10 s before",
            Self::RedisEmpty => "Redis is killed and comes back empty",
            Self::PostgresKilled => "Postgres is killed (SIGKILL) and started again",
            Self::PostgresDown => "Postgres is away for 20 s",
            Self::PostgresFrozen => "Postgres stands still for 10 s with every backend",
            Self::RedisLinkCut => "a node's connections to Redis are cut for 14 s",
            Self::RedisLinkStalled => "a node's connections to Redis stall for 14 s",
            Self::RedisLinkDelayed => "each packet between a node and Redis takes 150 ms more, for 10 s",
            Self::RedisLinkDeaf => "a node's commands reach Redis and the answers are lost, for 5 s",
            Self::RedisLinkLost => {
                "a node's connections to Redis fall silent for good, without an end; new ones pass"
            }
            Self::RedisLinksAllCut => "all nodes' connections to Redis are cut for 13 s",
            Self::PostgresLinksCut => "all connections to Postgres are cut for 10 s",
            Self::PostgresLinksStalled => "all connections to Postgres stall for 10 s",
            Self::PostgresLinksDelayed => "each packet to and from Postgres takes 200 ms more, for 10 s",
            Self::PostgresLinksDeaf => "statements reach Postgres and the answers are lost, for 5 s",
            Self::PostgresLinksLost => {
                "all connections to Postgres fall silent for good, without an end; new ones pass"
            }
            Self::EventsOff => "Redis tells of no expiry for 12 s",
            Self::SubscribersKilled => "the subscribers' connections are killed, five times",
            Self::ScriptsFlushed => "Redis forgets all scripts, five times",
            Self::MemoryPressure => "Redis has a tenth of its memory left for 15 s: no newcomers",
            Self::EverythingPaused => "Redis and all nodes stand still for 13 s: their clock jumps",
            Self::NodeKilledWithoutPostgres => "a node is killed while Postgres is away for 10 s",
            Self::RedisEmptyWithoutPostgres => "Redis comes back empty while Postgres is away for 13 s",
        }
    }
}

/// What a fault was, for the judge.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) fault: Fault,
    /// From the first blow until everything was in its place again (ms).
    pub(crate) span: Range<i64>,
    /// While nobody could expire, or be heard: detection waits for its end.
    pub(crate) outage: Option<Range<i64>>,
    /// Whether the outage counts as a stall, which gives grace.
    pub(crate) stall: bool,
    /// What Redis forgot: entries and heartbeats between these moments.
    pub(crate) lost: Option<Range<i64>>,
    /// Something that the fault itself found wrong.
    pub(crate) complaints: Vec<String>,
}
