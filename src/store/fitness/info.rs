//! What a server says of itself by `INFO`, judged.

use std::collections::BTreeMap;

use super::{Grade, Verdict, version};

/// Above this share of its memory Redis takes no new sessions; renewals and expiry go on.
pub(in crate::store) const PRESSURE_PERCENT: u64 = 85;
/// Above this share it is time to think of more.
const SOON_PERCENT: u64 = 70;
/// A replica that is behind for longer, in seconds, would lose that much at a failover.
const REPLICA_LAG: u64 = 10;

/// What `INFO` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info(BTreeMap<String, String>);

impl Info {
    /// Reads it.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let pairs = text.lines().filter_map(|line| line.trim().split_once(':'));
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// A line's value; empty if there is none.
    pub(in crate::store) fn text(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }

    /// A line's number; 0 if there is none.
    pub(in crate::store) fn count(&self, name: &str) -> u64 {
        self.text(name).parse().unwrap_or(0)
    }

    /// Keys of all databases.
    pub(in crate::store) fn keys(&self) -> u64 {
        let databases = self.0.iter().filter(|(name, _)| name.starts_with("db"));
        let keys = |value: &String| value.strip_prefix("keys=")?.split(',').next()?.parse::<u64>().ok();
        databases.filter_map(|(_, value)| keys(value)).sum()
    }

    /// Ways to write to disk of which the last try failed.
    pub(in crate::store) fn failed_writes(&self) -> Vec<&'static str> {
        let ways = ["aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status"];
        ways.into_iter().filter(|name| !matches!(self.text(name), "ok" | "")).collect()
    }

    /// A server that is no part of what the URL says, or takes no writes. `is_named`: the URL names this very server.
    #[must_use]
    pub fn role(&self, is_named: bool) -> Verdict {
        if is_named && self.text("cluster_enabled") == "1" {
            return Verdict::unfit(
                "this redis is part of a cluster",
                "it has a part of the shards, and refuses the rest",
                "Let its URL begin with redis-cluster://",
            );
        }
        if self.text("role") == "slave" {
            return Verdict::unfit(
                "this redis is a replica",
                "it takes no writes, so nobody comes online",
                "Name its primary, or let sentinels tell it (redis-sentinel://)",
            );
        }
        Verdict::fine("a primary")
    }

    /// One that lacks what scripts use.
    #[must_use]
    pub fn version(&self) -> Verdict {
        let (valkey, compatible) = (self.text("valkey_version"), self.text("redis_version"));
        match version("redis", compatible) {
            fine if fine.grade == Grade::Fine && !valkey.is_empty() => {
                Verdict::fine(format!("valkey {valkey}"))
            }
            judged => judged,
        }
    }

    /// What becomes of presence when the server ends. `fsync`: the setting `appendfsync`, where it may be read.
    #[must_use]
    pub fn persistence(&self, fsync: Option<&str>) -> Verdict {
        let failed = self.failed_writes();
        if !failed.is_empty() {
            return Verdict::unfit(
                format!("the last write to disk failed ({})", failed.join(", ")),
                "Redis keeps nothing of what happens now, and may refuse all writes: heartbeats get 503",
                "Look at its log and at the free space of its disk; then BGSAVE or BGREWRITEAOF",
            );
        }
        match (self.text("aof_enabled"), fsync) {
            ("1", Some("no")) => Verdict::unwise(
                "appendonly yes, appendfsync no",
                "a machine that stops takes up to half a minute of presence with it",
                "Set `appendfsync everysec`",
            ),
            ("1", _) => Verdict::fine(format!(
                "appendonly yes, appendfsync {}, last writes went well",
                fsync.unwrap_or("unknown")
            )),
            _ => Verdict::unwise(
                "appendonly no",
                "when Redis restarts it comes back empty, and all users get 503 until they are restored from Postgres",
                "Set `appendonly yes` and `appendfsync everysec`",
            ),
        }
    }

    /// How full it is.
    #[must_use]
    pub fn memory(&self) -> Verdict {
        let (used, limit) = (self.count("used_memory"), self.count("maxmemory"));
        let Some(percent) = (used * 100).checked_div(limit) else {
            return Verdict::unwise(
                format!("{} in use, maxmemory is not set", bytes(used)),
                "when the machine's memory is full, the system ends Redis, instead of Redis refusing new sessions before",
                "Set `maxmemory` to what the machine can spare",
            );
        };
        let found = format!("{} of {} in use ({percent} %)", bytes(used), bytes(limit));
        if percent >= PRESSURE_PERCENT {
            return Verdict::unfit(
                found,
                "whoever is not online yet gets 503; those who are stay",
                "Raise `maxmemory`, or find out what else fills this Redis",
            );
        }
        if percent >= SOON_PERCENT {
            return Verdict::unwise(
                found,
                "at 85 % new sessions are refused",
                "Raise `maxmemory` before that",
            );
        }
        Verdict::fine(found)
    }

    /// Whether there is somebody to take over. `is_watched`: somebody would promote a replica.
    #[must_use]
    pub fn replication(&self, is_watched: bool) -> Verdict {
        let replicas = self.count("connected_slaves");
        let of = |number: u64| self.text(&format!("slave{number}")).to_owned();
        let figure = |replica: &str, name: &str| {
            replica.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
        };
        let is_late = |replica: &String| {
            let lag = figure(replica, "lag").and_then(|lag| lag.parse().ok()).unwrap_or(0_u64);
            lag > REPLICA_LAG || figure(replica, "state").is_some_and(|state| state != "online")
        };
        let late = (0..replicas).map(of).filter(is_late).count();
        match (replicas, late) {
            (0, _) if is_watched => Verdict::unwise(
                "no replica is connected",
                "if this primary is lost, its users get 503 until it is back",
                "Start a replica of it",
            ),
            (0, _) => Verdict::fine("no replicas"),
            (_, 0) => Verdict::fine(format!("{replicas} replicas, none more than {REPLICA_LAG} s behind")),
            _ => Verdict::unwise(
                format!("{late} of {replicas} replicas are behind or not in step"),
                "a failover now forgets what they have not heard of; the history then says so (store_rewound)",
                "Look at the replica's log and the network between the two",
            ),
        }
    }
}

/// For people: `3.2 MB`.
fn bytes(count: u64) -> String {
    let (unit, name) = match count {
        0..1_000_000 => (1_000.0, "kB"),
        1_000_000..1_000_000_000 => (1_000_000.0, "MB"),
        _ => (1_000_000_000.0, "GB"),
    };
    format!("{:.1} {name}", count as f64 / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(text: &str) -> Info {
        Info::parse(&text.replace(' ', "\r\n"))
    }

    #[test]
    fn versions_are_compared_by_number() {
        let grade = |text: &str| info(text).version().grade;
        assert_eq!(grade("redis_version:6.2.14"), Grade::Unfit);
        assert_eq!(grade("redis_version:10.0.1"), Grade::Fine);
        assert_eq!(grade("role:master"), Grade::Unknown);
        assert_eq!(info("redis_version:7.2.4 valkey_version:8.1.0").version().found, "valkey 8.1.0");
    }

    #[test]
    fn a_server_that_the_url_should_not_lead_to_is_unfit() {
        let role = |text: &str, is_named| info(text).role(is_named).grade;
        assert_eq!(role("role:master cluster_enabled:1", true), Grade::Unfit);
        assert_eq!(role("role:master cluster_enabled:1", false), Grade::Fine);
        assert_eq!(role("role:slave cluster_enabled:0", true), Grade::Unfit);
    }

    #[test]
    fn memory_and_what_is_kept() {
        let memory =
            |used: u64, limit: u64| info(&format!("used_memory:{used} maxmemory:{limit}")).memory().grade;
        assert_eq!(memory(84, 100), Grade::Unwise);
        assert_eq!(memory(85, 100), Grade::Unfit);
        assert_eq!((memory(50, 100), memory(50, 0)), (Grade::Fine, Grade::Unwise));
        let kept = |text: &str| info(text).persistence(Some("everysec")).grade;
        assert_eq!(kept("aof_enabled:1 aof_last_write_status:ok"), Grade::Fine);
        assert_eq!(kept("aof_enabled:0 rdb_last_bgsave_status:ok"), Grade::Unwise);
        assert_eq!(kept("aof_enabled:1 aof_last_write_status:err"), Grade::Unfit);
        assert_eq!(info("aof_enabled:1").persistence(Some("no")).grade, Grade::Unwise);
    }

    #[test]
    fn a_replica_that_is_behind_is_told() {
        let of =
            |replica: &str| info(&format!("connected_slaves:1 slave0:{replica}")).replication(true).grade;
        assert_eq!(of("ip=127.0.0.1,port=1,state=online,offset=9,lag=0"), Grade::Fine);
        assert_eq!(of("ip=127.0.0.1,port=1,state=online,offset=9,lag=11"), Grade::Unwise);
        assert_eq!(of("ip=127.0.0.1,port=1,state=wait_bgsave,offset=0,lag=0"), Grade::Unwise);
        assert_eq!(info("connected_slaves:0").replication(true).grade, Grade::Unwise);
        assert_eq!(info("connected_slaves:0").replication(false).grade, Grade::Fine);
    }
}
