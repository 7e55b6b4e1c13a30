//! Is this Redis fit for presence? What is wrong is said in words, with what to do.

use fred::prelude::*;
use fred::types::InfoKind;

use super::StoreError;
use super::link::Link;

/// The oldest Redis that has everything the scripts use.
const OLDEST: (u64, u64) = (7, 0);

/// Records of several sessions are longer than Redis packs by default.
const PACKED_VALUE: u64 = 512;

/// Memory of Redis.
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

/// Refuses a Redis that would lose presence, mends what may be mended, and warns of the rest.
pub(super) async fn check(link: &Link) -> Result<(), StoreError> {
    check_version(link)?;
    match read(link, "maxmemory-policy").await? {
        Some(policy) if policy != "noeviction" => {
            return Err(StoreError::Unfit(format!(
                "redis has maxmemory-policy {policy}: it would evict leases, and people would go offline who are \
                 there. Set `maxmemory-policy noeviction` in redis.conf, or `redis-cli CONFIG SET maxmemory-policy \
                 noeviction`"
            )));
        }
        Some(_) => {}
        None => tracing::warn!(
            "cannot read the configuration of redis (CONFIG GET is not allowed): make sure that it has \
             maxmemory-policy noeviction and notify-keyspace-events Ex"
        ),
    }
    enable_events(link).await?;
    pack_records(link).await
}

fn check_version(link: &Link) -> Result<(), StoreError> {
    let Some(version) = link.client().server_version() else {
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
async fn enable_events(link: &Link) -> Result<(), StoreError> {
    let Some(events) = read(link, "notify-keyspace-events").await? else {
        return Ok(());
    };
    let has = |flag| events.contains(flag);
    if has('E') && (has('x') || has('A')) {
        return Ok(());
    }
    if set(link, "notify-keyspace-events", &format!("{events}Ex")).await {
        tracing::info!("set notify-keyspace-events of redis to {events}Ex");
    } else {
        tracing::warn!(
            "redis does not publish expired keys, and may not be told to: people go offline about a tenth of a second \
             later. Add `notify-keyspace-events Ex` to redis.conf"
        );
    }
    Ok(())
}

async fn pack_records(link: &Link) -> Result<(), StoreError> {
    const NAME: &str = "hash-max-listpack-value";
    let packed = read(link, NAME).await?.and_then(|value| value.parse::<u64>().ok());
    let Some(packed) = packed.filter(|packed| *packed < PACKED_VALUE) else {
        return Ok(());
    };
    if !set(link, NAME, &PACKED_VALUE.to_string()).await {
        tracing::warn!(
            "redis packs hash values up to {packed} bytes only: records take about 100 bytes more per user. Add \
             `{NAME} {PACKED_VALUE}` to redis.conf"
        );
    }
    Ok(())
}

/// One setting; `None` where reading settings is not allowed.
async fn read(link: &Link, name: &str) -> Result<Option<String>, StoreError> {
    let reply: Result<Value, Error> = link.client().config_get(name).await;
    match reply {
        Ok(value) => Ok(value
            .into_map()
            .ok()
            .and_then(|map| map.get(&name.into()).cloned())
            .and_then(Value::into_string)),
        Err(error) if is_refusal(&error) => Ok(None),
        Err(error) => link.judge(Err(error)),
    }
}

async fn set(link: &Link, name: &str, value: &str) -> bool {
    link.client().config_set(name, value).await.is_ok()
}

/// Managed services rename or forbid CONFIG.
fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unknown | ErrorKind::InvalidCommand | ErrorKind::Auth)
}

/// Reads the memory figures of `INFO`.
pub(super) async fn memory(link: &Link) -> Result<Memory, StoreError> {
    let info: String = link.judge(link.client().info(Some(InfoKind::Memory)).await)?;
    let figure = |name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
    };
    Ok(Memory { used: figure("used_memory"), limit: figure("maxmemory") })
}
