//! Reading: records of people, counts, and who is present.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use fred::prelude::Value;
use futures::{StreamExt, TryStreamExt};

use super::keys::Shard;
use super::reply::{self, Parts};
use super::scripts::{self, Script};
use super::{Stats, Store, StoreError, View};
use crate::presence::{MOST_SESSIONS, Millis, Org, Status, UserId};

/// Most records read by one call.
const VIEWS_PER_CALL: usize = 250;

/// Calls for records under way at a time.
const VIEWS_AT_ONCE: usize = 4;

/// Calls for whole lists under way at a time.
const LISTS_AT_ONCE: usize = 2;

/// Most shards that one call counts, or looks at for what is due: less than half a millisecond of Redis' time.
const SHARDS_PER_CALL: Shard = 16;

/// Most shards of which one call lists who is present.
const SHARDS_PER_LIST: usize = 64;

/// How many of each set and status one call lists of all its shards, unless one shard alone has to tell more.
const LISTED_PER_CALL: usize = 512;

/// How many more than its even share a shard is asked for at first, when the newest of all are listed. Of lists of 50 from
/// 64 shards one in a hundred has to ask some shard again; with one less it would be one in twelve.
const FEW: usize = 5;

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

    /// Lists who is shown present, the newest first, with status and since when.
    ///
    /// # Errors
    /// If Redis did not answer; [`StoreError::Restoring`] if it has lost a shard.
    pub async fn present(
        &self,
        org: Option<&Org>,
        status: Option<Status>,
        limit: usize,
    ) -> Result<Vec<Present>, StoreError> {
        let wanted = [Status::Online, Status::Away, Status::Busy];
        let wanted: Vec<Status> =
            wanted.into_iter().filter(|each| status.is_none_or(|status| status == *each)).collect();
        // The newest are spread over all shards by chance: a few of each nearly always hold them.
        let few = limit.min(limit * 2 / usize::from(self.keys.shards().max(1)) + FEW);
        let all: Vec<Shard> = (0..self.keys.shards()).collect();
        let mut lists = self.newest(&all, org, &wanted, few).await?;
        // A list that came full may hide somebody who is newer than the last that was found: its shard is asked for more.
        let newest = merged(lists.iter().flatten(), limit);
        let oldest = newest.last().filter(|_| newest.len() == limit).map(|last| last.2);
        let hides = |list: &Vec<Present>| {
            let last = list.last().filter(|_| few < limit && list.len() == few);
            last.is_some_and(|last| oldest.is_none_or(|oldest| oldest <= last.2))
        };
        let shard_of = |list: &Vec<Present>| list.first().map(|(user, ..)| self.keys.shard_of(user));
        let hiding: BTreeSet<Shard> = lists.iter().filter(|list| hides(list)).filter_map(shard_of).collect();
        if hiding.is_empty() {
            return Ok(newest);
        }
        lists.retain(|list| shard_of(list).is_some_and(|shard| !hiding.contains(&shard)));
        let hiding: Vec<Shard> = hiding.into_iter().collect();
        lists.extend(self.newest(&hiding, org, &wanted, limit).await?);
        Ok(merged(lists.iter().flatten(), limit))
    }

    /// Everybody who is shown present in one of these statuses, in no order.
    ///
    /// # Errors
    /// If Redis did not answer; [`StoreError::Restoring`] if it has lost a shard.
    pub async fn all_present(&self, statuses: &[Status]) -> Result<Vec<UserId>, StoreError> {
        // Shard by shard and a few at a time: a long list must let heartbeats pass.
        let shards: Vec<Shard> = (0..self.keys.shards()).collect();
        let calls = shards.chunks(1).map(|shard| self.newest_of(shard, None, statuses, usize::MAX));
        let lists: Vec<_> =
            futures::stream::iter(calls.collect::<Vec<_>>()).buffered(LISTS_AT_ONCE).try_collect().await?;
        Ok(lists.into_iter().flatten().flatten().map(|(user, ..)| user).collect())
    }

    /// Everybody whom the lists of a shard have as present, the invisible among them; at most so many of each list.
    ///
    /// # Errors
    /// If Redis did not answer; [`StoreError::Restoring`] if it has lost the shard.
    pub async fn listed(&self, shard: Shard, most: usize) -> Result<Vec<Present>, StoreError> {
        let statuses = [Status::Online, Status::Away, Status::Busy, Status::Invisible];
        let lists = self.newest_of(&[shard], None, &statuses, most).await?;
        Ok(lists.into_iter().flatten().collect())
    }

    /// At most so many of each set of users and status, the newest first.
    async fn newest(
        &self,
        shards: &[Shard],
        org: Option<&Org>,
        wanted: &[Status],
        most: usize,
    ) -> Result<Vec<Vec<Present>>, StoreError> {
        let together = if self.link.is_clustered() { 1 } else { LISTED_PER_CALL / most.max(1) };
        let together = together.clamp(1, SHARDS_PER_LIST);
        let calls = shards.chunks(together).map(|shards| self.newest_of(shards, org, wanted, most));
        Ok(futures::future::try_join_all(calls).await?.into_iter().flatten().collect())
    }

    async fn newest_of(
        &self,
        shards: &[Shard],
        org: Option<&Org>,
        wanted: &[Status],
        most: usize,
    ) -> Result<Vec<Vec<Present>>, StoreError> {
        let mut keys = Vec::new();
        let mut sets = 0;
        for shard in shards {
            let of_shard = self.keys.sets(*shard, org);
            sets = of_shard.len();
            keys.push(self.keys.meta(*shard));
            keys.extend(of_shard.into_iter().map(|[on, _]| on));
        }
        let args = [most, sets].map(|number| i64::try_from(number).unwrap_or(i64::MAX).into());
        let codes = wanted.iter().map(|status| Value::from(status.code()));
        let args = args.into_iter().chain(codes).collect();
        let reply = self.link.call(&scripts::SHARD_PRESENT, keys, args).await?;
        reply::present(&told(&scripts::SHARD_PRESENT, reply)?.value()?)
    }
}

/// Somebody who is present: who, in which status, since when.
pub type Present = (UserId, Status, Millis);

/// The newest of several lists.
fn merged<'a>(lists: impl Iterator<Item = &'a Present>, limit: usize) -> Vec<Present> {
    let mut all: Vec<&Present> = lists.collect();
    all.sort_unstable_by(|a, b| b.2.cmp(&a.2).then_with(|| a.0.cmp(&b.0)));
    all.into_iter().take(limit).cloned().collect()
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
