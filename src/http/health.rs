//! How the service is, as far as a node can tell: whether the stores answer. Probes ask for it (`internal`), and
//! administrators (`routes/health`).

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::app::App;
use crate::audit::Position;
use crate::presence::{Millis, Outgoing};
use crate::store::{Pulse, Shard, ShardFacts, Store, StoreError};

/// A store that does not answer within this time is down.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// How the service is, and each thing it depends on.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`, `degraded`, `unavailable` or `draining`.
    #[schema(example = "ok")]
    pub(super) status: &'static str,
    /// `ok` or `down`, by name; `partial` for a cluster of Redis of which a part is down; `late` for an outbox whose oldest
    /// entry has waited for a minute, which is left out where nobody knows.
    #[schema(example = json!({"redis": "ok", "postgres": "ok"}))]
    pub(super) checks: BTreeMap<&'static str, &'static str>,
}

impl Health {
    /// Asks both stores.
    pub(super) async fn of(app: &App) -> Self {
        let redis = timeout(PATIENCE, app.store.ping());
        let postgres = timeout(PATIENCE, app.audit.ping());
        let (redis, postgres) = tokio::join!(redis, postgres);
        Self::judged(redis.ok().and_then(Result::ok), matches!(postgres, Ok(Ok(()))))
    }

    fn judged(redis: Option<Pulse>, postgres: bool) -> Self {
        let (status, redis) = match (redis, postgres) {
            (Some(Pulse::Whole), true) => ("ok", "ok"),
            (Some(Pulse::Whole), false) => ("degraded", "ok"),
            (Some(Pulse::Partial), _) => ("degraded", "partial"),
            (None, _) => ("unavailable", "down"),
        };
        let postgres = if postgres { "ok" } else { "down" };
        Self { status, checks: BTreeMap::from([("redis", redis), ("postgres", postgres)]) }
    }
}

/// A shard whose entries wait to be copied.
#[derive(Clone, Copy, Debug)]
pub struct Lag {
    /// Which.
    pub shard: Shard,
    /// How many.
    pub entries: i64,
    /// For how long the oldest has waited.
    pub age: Millis,
}

/// The shards whose entries wait. Those that are in another epoch than their copy are left out: nobody can tell there.
///
/// # Errors
/// If Redis does not say what time it is.
pub async fn lags(
    store: &Store,
    facts: &[Result<ShardFacts, StoreError>],
    positions: &HashMap<u16, Position>,
) -> Result<Vec<Lag>, StoreError> {
    let now = store.now().await?;
    let mut lags = Vec::new();
    for (shard, of) in (0..).zip(facts).filter_map(|(shard, of)| Some((shard, of.as_ref().ok()?))) {
        let position = positions.get(&shard).copied().unwrap_or_default();
        if of.epoch != Some(position.epoch) || of.n <= position.n {
            continue;
        }
        let first = store.entries(shard, position.n, 1).await.ok();
        let since = first.and_then(|first| first.first().and_then(Outgoing::detected_at)).unwrap_or(now);
        lags.push(Lag { shard, entries: of.n - position.n, age: now - since });
    }
    Ok(lags)
}
