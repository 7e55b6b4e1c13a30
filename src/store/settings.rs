//! Is this Redis fit for presence? What is wrong is said in words, with what to do.

use fred::prelude::*;
use fred::types::InfoKind;
use futures::future::join_all;

use super::StoreError;
use super::link::Link;
use super::primary::Primary;

/// The oldest Redis that has everything the scripts use.
const OLDEST: (u64, u64) = (7, 0);

/// Records of several sessions are longer than Redis packs by default.
const PACKED_VALUE: u64 = 512;

/// Memory of Redis; of a cluster that of its fullest primary, because each decides for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Bytes in use.
    pub used: u64,
    /// Most bytes allowed; 0 means no limit.
    pub limit: u64,
}

/// The number of the database that a URL names; events are published per database.
pub(super) fn database(url: &str) -> u8 {
    Config::from_url(url).ok().and_then(|config| config.database).unwrap_or(0)
}

/// Refuses a server that the URL should not lead to: part of a cluster, or a replica.
pub(super) async fn check_role(primary: &Primary) -> Result<(), StoreError> {
    let info: String = primary.judge(primary.client().info(None).await)?;
    let says = |line: &str| info.lines().any(|said| said.trim() == line);
    if says("cluster_enabled:1") {
        return Err(StoreError::Unfit(
            "this redis is part of a cluster: let its URL begin with redis-cluster://".into(),
        ));
    }
    if says("role:slave") {
        return Err(StoreError::Unfit(
            "this redis is a replica: name its primary, or let sentinels tell it (redis-sentinel://)".into(),
        ));
    }
    Ok(())
}

/// Refuses a primary that would lose presence, mends what may be mended, and warns of the rest.
pub(super) async fn check(primary: &Primary) -> Result<(), StoreError> {
    check_version(primary)?;
    match read(primary, "maxmemory-policy").await? {
        Some(policy) if policy != "noeviction" => {
            return Err(StoreError::Unfit(format!(
                "redis at {} has maxmemory-policy {policy}: it would evict leases, and people would go offline who \
                 are there. Set `maxmemory-policy noeviction` in redis.conf, or `redis-cli CONFIG SET \
                 maxmemory-policy noeviction`",
                primary.name
            )));
        }
        Some(_) => {}
        None => tracing::warn!(
            "cannot read the configuration of redis (CONFIG GET is not allowed): make sure that it has \
             maxmemory-policy noeviction and notify-keyspace-events Ex"
        ),
    }
    enable_events(primary).await?;
    pack_records(primary).await
}

fn check_version(primary: &Primary) -> Result<(), StoreError> {
    let Some(version) = primary.client().server_version() else {
        tracing::warn!("redis does not tell its version; 7.0 or newer is needed");
        return Ok(());
    };
    if (version.major, version.minor) < OLDEST {
        return Err(StoreError::Unfit(format!(
            "redis is version {}.{}, but 7.0 or newer (or Valkey) is needed",
            version.major, version.minor
        )));
    }
    Ok(())
}

/// Expiry events are what makes offline prompt; without them the sweep still finds everybody, a second later.
pub(super) async fn enable_events(primary: &Primary) -> Result<(), StoreError> {
    let Some(events) = read(primary, "notify-keyspace-events").await? else {
        return Ok(());
    };
    let has = |flag| events.contains(flag);
    if has('E') && (has('x') || has('A')) {
        return Ok(());
    }
    if set(primary, "notify-keyspace-events", &format!("{events}Ex")).await {
        tracing::info!("set notify-keyspace-events of redis to {events}Ex");
    } else {
        tracing::warn!(
            "redis does not publish expired keys, and may not be told to: people go offline about a tenth of a second \
             later. Add `notify-keyspace-events Ex` to redis.conf"
        );
    }
    Ok(())
}

async fn pack_records(primary: &Primary) -> Result<(), StoreError> {
    const NAME: &str = "hash-max-listpack-value";
    let packed = read(primary, NAME).await?.and_then(|value| value.parse::<u64>().ok());
    let Some(packed) = packed.filter(|packed| *packed < PACKED_VALUE) else {
        return Ok(());
    };
    if !set(primary, NAME, &PACKED_VALUE.to_string()).await {
        tracing::warn!(
            "redis packs hash values up to {packed} bytes only: records take about 100 bytes more per user. Add \
             `{NAME} {PACKED_VALUE}` to redis.conf"
        );
    }
    Ok(())
}

/// One setting; `None` where reading settings is not allowed.
async fn read(primary: &Primary, name: &str) -> Result<Option<String>, StoreError> {
    let reply: Result<Value, Error> = primary.client().config_get(name).await;
    match reply {
        Ok(value) => Ok(value
            .into_map()
            .ok()
            .and_then(|map| map.get(&name.into()).cloned())
            .and_then(Value::into_string)),
        Err(error) if is_refusal(&error) => Ok(None),
        Err(error) => primary.judge(Err(error)),
    }
}

async fn set(primary: &Primary, name: &str, value: &str) -> bool {
    primary.client().config_set(name, value).await.is_ok()
}

/// Managed services rename or forbid CONFIG.
fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unknown | ErrorKind::InvalidCommand | ErrorKind::Auth)
}

/// Reads the memory figures of `INFO`, of every primary that answers, and answers those of the fullest.
pub(super) async fn memory(link: &Link) -> Result<Memory, StoreError> {
    let all = link.primaries();
    let (mut fullest, mut silence) = (None, None);
    for memory in join_all(all.iter().map(|primary| memory_of(primary))).await {
        match memory {
            Ok(memory) => fullest = fullest.into_iter().chain([memory]).max_by_key(Memory::fullness),
            Err(error) => silence = Some(error),
        }
    }
    fullest.ok_or_else(|| silence.unwrap_or(StoreError::Unavailable("no primary".into())))
}

async fn memory_of(primary: &Primary) -> Result<Memory, StoreError> {
    let info: String = primary.judge(primary.client().info(Some(InfoKind::Memory)).await)?;
    let figure = |name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
    };
    Ok(Memory { used: figure("used_memory"), limit: figure("maxmemory") })
}

impl Memory {
    /// By the share of the limit; those without one by what they use, and behind those that have one.
    fn fullness(&self) -> (u64, u64) {
        (self.used.saturating_mul(10_000).checked_div(self.limit).unwrap_or(0), self.used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_is_the_one_nearest_to_its_limit() {
        let memory = |used, limit| Memory { used, limit };
        let fullest = |memories: [Memory; 2]| memories.into_iter().max_by_key(Memory::fullness).unwrap();
        assert_eq!(fullest([memory(900, 1_000), memory(5_000, 10_000)]), memory(900, 1_000));
        assert_eq!(fullest([memory(900, 0), memory(5_000, 0)]), memory(5_000, 0));
        assert_eq!(fullest([memory(9_000, 0), memory(5_000, 10_000)]), memory(5_000, 10_000));
    }
}
