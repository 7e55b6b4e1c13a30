//! Reading: records of people, and counts.

use std::collections::BTreeMap;
use std::ops::Range;

use fred::prelude::Value;
use futures::{StreamExt, TryStreamExt};

use super::keys::Shard;
use super::reply::{self, Parts};
use super::scripts::{self, Script};
use super::{Stats, Store, StoreError, View};
use crate::presence::{MOST_SESSIONS, Org, UserId};

/// Most records read by one call.
const VIEWS_PER_CALL: usize = 250;

/// Calls for records under way at a time.
const VIEWS_AT_ONCE: usize = 4;

/// Most shards that one call counts, or looks at for what is due: less than half a millisecond of Redis' time.
const SHARDS_PER_CALL: Shard = 16;

impl Store {
    /// The records of some users, in the order asked; `None` where Redis has none.
    ///
    /// # Errors
    /// If Redis did not answer; [`StoreError::Restoring`] if it has lost somebody's shard.
    pub async fn views(&self, users: &[UserId]) -> Result<Vec<Option<View>>, StoreError> {
        let mut together = BTreeMap::<Shard, Vec<usize>>::new();
        for (index, user) in users.iter().enumerate() {
            together.entry(self.keys.shard_of(user)).or_default().push(index);
        }
        // Neighbours share shards, of which each costs a call something.
        let groups: Vec<Vec<usize>> = if self.link.is_clustered() {
            together.into_values().collect()
        } else {
            vec![together.into_values().flatten().collect()]
        };
        let chunks = groups.iter().flat_map(|indexes| indexes.chunks(VIEWS_PER_CALL));
        let calls = chunks.map(|chunk| self.views_of(users, chunk));
        let mut views = vec![None; users.len()];
        // A few at a time: a list of everybody must let heartbeats pass.
        let mut calls = futures::stream::iter(calls.collect::<Vec<_>>()).buffer_unordered(VIEWS_AT_ONCE);
        while let Some(read) = calls.try_next().await? {
            read.into_iter().for_each(|(index, view)| views[index] = Some(view));
        }
        Ok(views)
    }

    /// The records of those of these users who have one, with their indexes.
    async fn views_of(&self, users: &[UserId], indexes: &[usize]) -> Result<Vec<(usize, View)>, StoreError> {
        let asked: Vec<&UserId> = indexes.iter().map(|index| &users[*index]).collect();
        let mut shards: Vec<Shard> = asked.iter().map(|user| self.keys.shard_of(user)).collect();
        shards.sort_unstable();
        shards.dedup();
        let of_shard =
            |shard: &Shard| [self.keys.meta(*shard), self.keys.due(*shard), self.keys.claims(*shard)];
        let mut keys: Vec<String> = shards.iter().flat_map(of_shard).collect();
        let mut args: Vec<Value> = vec![shards.len().to_string().into()];
        for user in &asked {
            keys.push(self.keys.record(user));
            // Scripts count from 1.
            let place = shards.partition_point(|shard| *shard < self.keys.shard_of(user)) + 1;
            args.extend([user.as_str().into(), place.to_string().into()]);
        }
        let reply = self.link.call(&scripts::USER_VIEWS, keys, args).await?;
        let packed = told(&scripts::USER_VIEWS, reply)?.value()?;
        let views = reply::views(&asked, &packed)?.into_iter();
        Ok(views.map(|(place, view)| (indexes[place], view)).collect())
    }

    /// Counts what is shown, of everybody or of one organisation.
    ///
    /// # Errors
    /// If Redis did not answer; [`StoreError::Restoring`] if it has lost a shard: part of a count is no count.
    pub async fn stats(&self, org: Option<&Org>) -> Result<Stats, StoreError> {
        let calls = self.groups().into_iter().map(|shards| self.shard_stats(shards, org));
        let mut total = Stats::default();
        for stats in futures::future::try_join_all(calls).await? {
            total.online += stats.online;
            total.away += stats.away;
            total.busy += stats.busy;
            total.sessions += stats.sessions;
            total.invisible += stats.invisible;
            total.entries += stats.entries;
            total.now = total.now.max(stats.now);
        }
        Ok(total)
    }

    /// How many shards one call may read.
    #[must_use]
    pub fn shards_per_call(&self) -> Shard {
        if self.link.is_clustered() { 1 } else { SHARDS_PER_CALL }
    }

    /// Shards that are read by one call.
    fn groups(&self) -> Vec<Range<Shard>> {
        let (shards, each) = (self.keys.shards(), self.shards_per_call());
        (0..shards).step_by(usize::from(each)).map(|first| first..(first + each).min(shards)).collect()
    }

    async fn shard_stats(&self, shards: Range<Shard>, org: Option<&Org>) -> Result<Stats, StoreError> {
        let mut keys = Vec::new();
        let mut sets = 0;
        for shard in shards {
            let of_shard = self.keys.sets(shard, org);
            sets = of_shard.len();
            keys.extend([self.keys.meta(shard), self.keys.log(shard)]);
            keys.extend(of_shard.into_iter().flatten());
        }
        let args = [MOST_SESSIONS, sets].map(|number| i64::try_from(number).unwrap_or(i64::MAX).into());
        let reply = self.link.call(&scripts::SHARD_STATS, keys, args.into()).await?;
        let mut parts = told(&scripts::SHARD_STATS, reply)?;
        Ok(Stats {
            online: parts.count()?,
            away: parts.count()?,
            busy: parts.count()?,
            sessions: parts.count()?,
            invisible: parts.count()?,
            entries: parts.count()?,
            now: parts.millis()?,
        })
    }
}

/// What a reading script tells, after its first word.
pub(super) fn told(script: &'static Script, reply: Value) -> Result<Parts, StoreError> {
    let mut parts = Parts::new(script.name, reply);
    match parts.text()?.as_str() {
        "ok" => Ok(parts),
        "restoring" => Err(StoreError::Restoring),
        _ => Err(parts.wrong()),
    }
}
