//! What a node does about the settings of Redis when it meets a server: refuses what is unfit (`fitness.rs` judges), mends
//! what it may, and says the rest.

use fred::prelude::*;

use super::StoreError;
use super::fitness::{self, Grade, Info, Verdict};
use super::primary::Primary;
use crate::metrics::labels::RedisSetting;

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
    judge(primary, &Info::parse(&info).role(true))
}

/// Refuses a primary that would lose presence, mends what may be mended, and warns of the rest.
pub(super) async fn check(primary: &Primary) -> Result<(), StoreError> {
    let version = primary.client().server_version().map(|version| version.to_string());
    judge(primary, &fitness::version("redis", version.as_deref().unwrap_or_default()))?;
    judge(primary, &fitness::eviction(read(primary, EVICTION).await?.as_deref()))?;
    enable_events(primary).await?;
    pack_records(primary).await
}

/// Refuses what is unfit, and warns of what cannot be told.
fn judge(primary: &Primary, verdict: &Verdict) -> Result<(), StoreError> {
    let name = &primary.name;
    match verdict.grade {
        Grade::Unfit => Err(StoreError::Unfit(format!("redis at {name}: {}", verdict.sentence()))),
        Grade::Unknown => {
            let Verdict { found, advice, .. } = verdict;
            tracing::warn!(primary = name, found, advice, "something of redis is not known");
            Ok(())
        }
        Grade::Fine | Grade::Unwise => Ok(()),
    }
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
