//! What `rollcall doctor` looks at: servers, and shards as they stand. Only reads, and none that a broken store refuses.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fred::prelude::*;
use futures::StreamExt;
use futures::future::join_all;

use super::fitness::{self, Info, Verdict};
use super::keys::Shard;
use super::primary::Primary;
use super::{Store, StoreError, scripts, settings};
use crate::presence::{Millis, Outgoing};

/// How long a server may take to be there.
const PATIENCE: Duration = Duration::from_secs(2);
/// Round trips that are timed.
const TRIPS: usize = 15;
/// Shards looked at at once.
const AT_ONCE: usize = 16;
/// Settings that are judged beside those which a node looks at.
const MORE_SETTINGS: [&str; 2] = ["appendfsync", "client-output-buffer-limit"];

/// A server of Redis, examined.
#[derive(Clone, Debug)]
pub struct Examined {
    /// What was looked at, and what of it is to be thought.
    pub verdicts: Vec<(&'static str, Verdict)>,
    /// How many of this program's scripts it has, and how many there are; none where that may not be asked.
    pub scripts: (usize, usize),
    /// How long round trips took, the shortest first.
    pub trips: Vec<Duration>,
}

/// A shard, as Redis has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardFacts {
    /// The node that watches and copies it; none while nobody does.
    pub owner: Option<String>,
    /// Its epoch; none of a shard that is closed, because it was never opened, or has lost its data.
    pub epoch: Option<i64>,
    /// The epoch of a restore that is under way.
    pub restoring: Option<i64>,
    /// Number of its newest entry.
    pub n: i64,
    /// Nobody expires before; 0 if there is no grace.
    pub grace_until: Millis,
    /// Entries in its outbox, copied or not.
    pub entries: u64,
    /// When the oldest of them was noticed.
    pub oldest: Option<Millis>,
}

impl Store {
    /// Examines every primary that is known, by name.
    pub async fn examine(&self) -> Vec<(String, Result<Examined, StoreError>)> {
        let primaries = self.link.primaries();
        let (is_named, is_watched) = (self.link.is_fixed(), !self.link.is_fixed());
        let examined = primaries.iter().map(|primary| async move {
            (primary.name.clone(), examine(primary, is_named, is_watched).await)
        });
        join_all(examined).await
    }

    /// Layout and number of shards of the data there are, and of this program by its settings; none where nobody has
    /// written yet.
    ///
    /// # Errors
    /// If no shard could be read.
    pub async fn layout(&self) -> Result<Option<Result<(), StoreError>>, StoreError> {
        let mut silence = None;
        for shard in 0..self.keys.shards() {
            match self.layout_of(shard).await {
                Ok(Some((layout, shards))) => return Ok(Some(self.check_layout(layout, shards))),
                Ok(None) => silence = None,
                Err(error) => silence = Some(error),
            }
        }
        silence.map_or(Ok(None), Err)
    }

    /// How every shard stands, in their order.
    pub async fn shard_facts(&self) -> Vec<Result<ShardFacts, StoreError>> {
        let all = (0..self.keys.shards()).map(|shard| self.facts_of(shard));
        futures::stream::iter(all.collect::<Vec<_>>()).buffered(AT_ONCE).collect().await
    }

    async fn facts_of(&self, shard: Shard) -> Result<ShardFacts, StoreError> {
        let (owner, meta, log) = (self.keys.owner(shard), self.keys.meta(shard), self.keys.log(shard));
        let primary = self.link.primary(&meta)?;
        let fields = vec!["epoch", "n", "restoring", "grace_until"];
        let known: Vec<Option<i64>> = primary.judge(primary.client().hmget(meta, fields).await)?;
        let [epoch, n, restoring, grace_until] = known.as_slice() else {
            return Err(StoreError::Unavailable(format!("{} answers in parts", primary.name)));
        };
        Ok(ShardFacts {
            owner: primary.judge(primary.client().get(owner).await)?,
            epoch: *epoch,
            restoring: *restoring,
            n: n.unwrap_or(0),
            grace_until: Millis(grace_until.unwrap_or(0)),
            entries: primary.judge(primary.client().xlen(log).await)?,
            oldest: self.entries(shard, 0, 1).await?.first().and_then(Outgoing::detected_at),
        })
    }
}

async fn examine(primary: &Primary, is_named: bool, is_watched: bool) -> Result<Examined, StoreError> {
    primary.connected(PATIENCE).await?;
    let info: String = primary.judge(primary.client().info(None).await)?;
    let info = Info::parse(&info);
    let mut set = BTreeMap::new();
    for name in [settings::EVICTION, settings::NOTIFICATIONS, settings::PACKING].iter().chain(&MORE_SETTINGS)
    {
        set.extend(settings::read(primary, name).await?.map(|value| (*name, value)));
    }
    let of = |name: &str| set.get(name).map(String::as_str);
    let verdicts = vec![
        ("version", info.version()),
        ("role", info.role(is_named)),
        ("eviction", fitness::eviction(of(settings::EVICTION))),
        ("notifications", fitness::notifications(of(settings::NOTIFICATIONS))),
        ("packing", fitness::packing(of(settings::PACKING))),
        ("persistence", info.persistence(of("appendfsync"))),
        ("memory", info.memory()),
        ("replication", info.replication(is_watched)),
        ("pubsub-buffer", fitness::pubsub_buffer(of("client-output-buffer-limit"))),
    ];
    let hashes: Vec<String> = scripts::ALL.iter().map(|script| script.hash().to_owned()).collect();
    // Whoever may not ask this may run them all the same.
    let known: Vec<i64> = primary.client().script_exists(hashes).await.unwrap_or_default();
    let scripts = (known.iter().filter(|known| **known == 1).count(), known.len());
    Ok(Examined { verdicts, scripts, trips: trips(primary).await? })
}

async fn trips(primary: &Primary) -> Result<Vec<Duration>, StoreError> {
    let mut trips = Vec::with_capacity(TRIPS);
    for _ in 0..TRIPS {
        let began = Instant::now();
        primary.judge(primary.client().ping::<Value>(None).await)?;
        trips.push(began.elapsed());
    }
    trips.sort_unstable();
    Ok(trips)
}
