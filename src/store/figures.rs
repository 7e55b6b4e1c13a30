//! What Redis says of itself, for whoever watches it: one `INFO` and two settings of every primary that answers.

use std::collections::{BTreeMap, BTreeSet};

use fred::prelude::*;
use futures::future::join_all;

use super::fitness::{Info, PRESSURE_PERCENT};
use super::link::Link;
use super::primary::Primary;
use super::{StoreError, settings};
use crate::metrics::labels::RedisSetting;

/// Memory of a server of Redis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Bytes in use.
    pub used: u64,
    /// Most bytes allowed; 0 means no limit.
    pub limit: u64,
}

/// What a server has done since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Commands, those of scripts included.
    pub commands: u64,
    /// Processor time in milliseconds, of the server itself.
    pub cpu_millis: u64,
    /// Keys that expired.
    pub expired: u64,
    /// Keys that were thrown away for want of memory.
    pub evicted: u64,
}

/// Redis at a moment: of a cluster all primaries together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Of the primary that is nearest to its limit, because each decides for itself.
    pub memory: Memory,
    /// Connections.
    pub clients: u64,
    /// Keys.
    pub keys: u64,
    /// Connected replicas of the primary with the fewest.
    pub replicas: u64,
    /// Whether the last write to disk, of each kind that is switched on, went well everywhere.
    pub is_kept: bool,
    /// Settings that are not as they should be somewhere. Those that may not be read are not among them.
    pub unsound: BTreeSet<RedisSetting>,
    /// What each server has done, by its name.
    pub work: BTreeMap<String, Work>,
}

/// Asks every primary; those that do not answer are left out.
///
/// # Errors
/// If none answers.
pub(super) async fn read(link: &Link) -> Result<Figures, StoreError> {
    let all = link.primaries();
    let (mut together, mut silence) = (None, None);
    for answer in join_all(all.iter().map(|primary| of(primary))).await {
        match answer {
            Ok(figures) => {
                together = Some(together.map_or(figures.clone(), |sum: Figures| sum.with(figures)))
            }
            Err(error) => silence = Some(error),
        }
    }
    together.ok_or_else(|| silence.unwrap_or(StoreError::Unavailable("no primary".into())))
}

async fn of(primary: &Primary) -> Result<Figures, StoreError> {
    let info: String = primary.judge(primary.client().info(None).await)?;
    let mut figures = Figures::of(&primary.name, &Info::parse(&info));
    let events = settings::read(primary, settings::NOTIFICATIONS).await?;
    if events.is_some_and(|events| !settings::tells_expiry(&events)) {
        figures.unsound.insert(RedisSetting::Notifications);
    }
    let packed = settings::read(primary, settings::PACKING).await?;
    if packed.is_some_and(|packed| !settings::is_packed(&packed)) {
        figures.unsound.insert(RedisSetting::Packing);
    }
    Ok(figures)
}

impl Figures {
    /// What `INFO` of a server says.
    fn of(server: &str, info: &Info) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "no server ran for ages")]
        let millis = |name: &str| (info.text(name).parse().unwrap_or(0.0_f64) * 1_000.0).max(0.0) as u64;
        let mut unsound = BTreeSet::new();
        if !matches!(info.text("maxmemory_policy"), settings::NO_EVICTION | "") {
            unsound.insert(RedisSetting::Eviction);
        }
        if info.text("aof_enabled") == "0" {
            unsound.insert(RedisSetting::AppendOnly);
        }
        let work = Work {
            commands: info.count("total_commands_processed"),
            cpu_millis: millis("used_cpu_user") + millis("used_cpu_sys"),
            expired: info.count("expired_keys"),
            evicted: info.count("evicted_keys"),
        };
        Self {
            memory: Memory { used: info.count("used_memory"), limit: info.count("maxmemory") },
            clients: info.count("connected_clients"),
            keys: info.keys(),
            replicas: info.count("connected_slaves"),
            is_kept: info.failed_writes().is_empty(),
            unsound,
            work: BTreeMap::from([(server.to_owned(), work)]),
        }
    }

    /// Together with another server.
    fn with(mut self, other: Self) -> Self {
        self.work.extend(other.work);
        self.unsound.extend(other.unsound);
        Self {
            memory: std::cmp::max_by_key(self.memory, other.memory, Memory::fullness),
            clients: self.clients + other.clients,
            keys: self.keys + other.keys,
            replicas: self.replicas.min(other.replicas),
            is_kept: self.is_kept && other.is_kept,
            ..self
        }
    }
}

impl Memory {
    /// Whether new sessions are to be refused, so that those there are can go on.
    #[must_use]
    pub const fn is_nearly_full(self) -> bool {
        self.limit > 0 && self.used * 100 >= self.limit * PRESSURE_PERCENT
    }

    /// By the share of the limit; those without one by what they use, and behind those that have one.
    fn fullness(&self) -> (u64, u64) {
        (self.used.saturating_mul(10_000).checked_div(self.limit).unwrap_or(0), self.used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "# Server\r\nredis_version:7.0.15\r\n# Clients\r\nconnected_clients:7\r\n# Memory\r\nused_memory:900\r\n\
        maxmemory:1000\r\nmaxmemory_policy:allkeys-lru\r\n# Persistence\r\naof_enabled:1\r\naof_last_write_status:err\r\n\
        # Stats\r\ntotal_commands_processed:12\r\nexpired_keys:3\r\nevicted_keys:1\r\n# Replication\r\nconnected_slaves:2\r\n\
        # CPU\r\nused_cpu_sys:0.250000\r\nused_cpu_user:1.500000\r\n# Keyspace\r\ndb0:keys=5,expires=1,avg_ttl=0\r\ndb3:keys=2,expires=0\r\n";

    #[test]
    fn what_a_server_says_is_understood() {
        let figures = Figures::of("a", &Info::parse(INFO));
        assert_eq!(figures.memory, Memory { used: 900, limit: 1_000 });
        assert_eq!((figures.clients, figures.keys, figures.replicas, figures.is_kept), (7, 7, 2, false));
        assert_eq!(figures.unsound, BTreeSet::from([RedisSetting::Eviction]));
        assert_eq!(figures.work["a"], Work { commands: 12, cpu_millis: 1_750, expired: 3, evicted: 1 });
    }

    #[test]
    fn servers_are_one_store() {
        let other = INFO
            .replace("connected_slaves:2", "connected_slaves:0")
            .replace("aof_enabled:1", "aof_enabled:0");
        let both = Figures::of("a", &Info::parse(INFO)).with(Figures::of("b", &Info::parse(&other)));
        assert_eq!((both.clients, both.keys, both.replicas), (14, 14, 0));
        assert_eq!(both.unsound, BTreeSet::from([RedisSetting::Eviction, RedisSetting::AppendOnly]));
        assert_eq!(both.work.keys().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn the_fullest_is_the_one_nearest_to_its_limit() {
        let memory = |used, limit| Memory { used, limit };
        let fullest = |memories: [Memory; 2]| memories.into_iter().max_by_key(Memory::fullness).unwrap();
        assert_eq!(fullest([memory(900, 1_000), memory(5_000, 10_000)]), memory(900, 1_000));
        assert_eq!(fullest([memory(900, 0), memory(5_000, 0)]), memory(5_000, 0));
        assert_eq!(fullest([memory(9_000, 0), memory(5_000, 10_000)]), memory(5_000, 10_000));
    }
}
