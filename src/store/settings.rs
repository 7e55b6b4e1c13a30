//! Is this Redis fit for presence? What is wrong is said in words, with what to do.

use fred::prelude::*;

use super::StoreError;
use super::primary::Primary;
use crate::metrics::labels::RedisSetting;

/// The oldest Redis that has everything the scripts use.
const OLDEST: (u64, u64) = (7, 0);

/// Records of several sessions are longer than Redis packs by default.
const PACKED_VALUE: u64 = 512;

/// The only policy that throws nothing away.
pub(super) const NO_EVICTION: &str = "noeviction";

// The settings that presence depends on.
pub(super) const EVICTION: &str = RedisSetting::Eviction.as_str();
pub(super) const NOTIFICATIONS: &str = RedisSetting::Notifications.as_str();
pub(super) const PACKING: &str = RedisSetting::Packing.as_str();

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
    match read(primary, EVICTION).await? {
        Some(policy) if policy != NO_EVICTION => {
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

/// Whether this value of `notify-keyspace-events` has keys tell that they expire.
pub(super) fn tells_expiry(events: &str) -> bool {
    let has = |flag| events.contains(flag);
    has('E') && (has('x') || has('A'))
}

/// Expiry events are what makes offline prompt; without them the sweep still finds everybody, a second later.
pub(super) async fn enable_events(primary: &Primary) -> Result<(), StoreError> {
    let Some(events) = read(primary, NOTIFICATIONS).await? else {
        return Ok(());
    };
    if tells_expiry(&events) {
        return Ok(());
    }
    if set(primary, NOTIFICATIONS, &format!("{events}Ex")).await {
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
    let Some(packed) = read(primary, PACKING).await?.filter(|packed| !is_packed(packed)) else {
        return Ok(());
    };
    if !set(primary, PACKING, &PACKED_VALUE.to_string()).await {
        tracing::warn!(
            "redis packs hash values up to {packed} bytes only: records take about 100 bytes more per user. Add \
             `{PACKING} {PACKED_VALUE}` to redis.conf"
        );
    }
    Ok(())
}

/// Whether this value of `hash-max-listpack-value` keeps records packed.
pub(super) fn is_packed(packed: &str) -> bool {
    packed.parse::<u64>().map_or(true, |packed| packed >= PACKED_VALUE)
}

/// One setting; `None` where reading settings is not allowed.
pub(super) async fn read(primary: &Primary, name: &str) -> Result<Option<String>, StoreError> {
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
