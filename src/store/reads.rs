//! Reading: records of people, counts, and who is present.

use fred::prelude::*;

use super::keys::Shard;
use super::reply::{self, Parts};
use super::scripts::{self, Script};
use super::{Stats, Store, StoreError, View, parse_score};
use crate::presence::{MOST_SESSIONS, Millis, Org, Status, UserId};

/// Most records read by one call.
const VIEWS_PER_CALL: usize = 250;

impl Store {
    /// The records of some users, in the order asked; `None` where Redis has none.
    ///
    /// # Errors
    /// If Redis did not answer; [`StoreError::Restoring`] if it has lost somebody's shard.
    pub async fn views(&self, users: &[UserId]) -> Result<Vec<Option<View>>, StoreError> {
        let mut by_shard = std::collections::BTreeMap::<Shard, Vec<usize>>::new();
        for (index, user) in users.iter().enumerate() {
            by_shard.entry(self.keys.shard_of(user)).or_default().push(index);
        }
        let calls = by_shard.iter().flat_map(|(shard, indexes)| {
            indexes.chunks(VIEWS_PER_CALL).map(|chunk| self.views_of(*shard, users, chunk))
        });
        let mut views = vec![None; users.len()];
        for (index, view) in futures::future::try_join_all(calls).await?.into_iter().flatten() {
            views[index] = view;
        }
        Ok(views)
    }

    async fn views_of(
        &self,
        shard: Shard,
        users: &[UserId],
        indexes: &[usize],
    ) -> Result<Vec<(usize, Option<View>)>, StoreError> {
        let mut keys = vec![self.keys.meta(shard), self.keys.due(shard), self.keys.claims(shard)];
        keys.extend(indexes.iter().map(|index| self.keys.record(&users[*index])));
        let args = indexes.iter().map(|index| users[*index].as_str().into()).collect();
        let reply = self.link.call(&scripts::USER_VIEWS, keys, args).await?;
        let views = indexes.iter().zip(told(&scripts::USER_VIEWS, reply)?.rest());
        views.map(|(index, reply)| Ok((*index, reply::view(&users[*index], reply)?))).collect()
    }

    /// Counts what is shown, of everybody or of one organisation.
    ///
    /// # Errors
    /// If Redis did not answer; [`StoreError::Restoring`] if it has lost a shard: part of a count is no count.
    pub async fn stats(&self, org: Option<&Org>) -> Result<Stats, StoreError> {
        let calls = (0..self.keys.shards()).map(|shard| self.shard_stats(shard, org));
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

    async fn shard_stats(&self, shard: Shard, org: Option<&Org>) -> Result<Stats, StoreError> {
        let (meta, log) = (self.keys.meta(shard), self.keys.log(shard));
        let keys = vec![meta, self.keys.on(shard, org), self.keys.tabs(shard, org), log];
        let most = i64::try_from(MOST_SESSIONS).unwrap_or(i64::MAX);
        let reply = self.link.call(&scripts::SHARD_STATS, keys, vec![most.into()]).await?;
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
    ) -> Result<Vec<(UserId, Status, Millis)>, StoreError> {
        let wanted = [Status::Online, Status::Away, Status::Busy];
        let wanted = wanted.into_iter().filter(|each| status.is_none_or(|status| status == *each));
        let calls = wanted.flat_map(|status| {
            (0..self.keys.shards()).map(move |shard| self.present_in(shard, org, status, limit))
        });
        let mut found: Vec<_> = futures::future::try_join_all(calls).await?.into_iter().flatten().collect();
        // After the lists: a shard that is there now was not lost before they were read.
        futures::future::try_join_all((0..self.keys.shards()).map(|shard| self.check_open(shard))).await?;
        found.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| a.0.cmp(&b.0)));
        found.truncate(limit);
        Ok(found)
    }

    /// A shard without meta has lost its data: that it has nobody says nothing.
    async fn check_open(&self, shard: Shard) -> Result<(), StoreError> {
        let meta = self.keys.meta(shard);
        let primary = self.link.primary(&meta)?;
        let epoch = primary.client().hexists::<bool, _, _>(meta, "epoch").await;
        if primary.judge(epoch)? { Ok(()) } else { Err(StoreError::Restoring) }
    }

    async fn present_in(
        &self,
        shard: Shard,
        org: Option<&Org>,
        status: Status,
        limit: usize,
    ) -> Result<Vec<(UserId, Status, Millis)>, StoreError> {
        let (low, high) = super::score_range(status);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let on = self.keys.on(shard, org);
        let primary = self.link.primary(&on)?;
        let range = primary.client().zrevrangebyscore::<Vec<(String, f64)>, _, _, _>(
            on,
            high - 1,
            low,
            true,
            Some((0, limit)),
        );
        let members = primary.judge(range.await)?;
        let parse = |(user, score): (String, f64)| {
            let (status, since) = parse_score(&whole(score).to_string())?;
            Some((user.parse().ok()?, status, since))
        };
        Ok(members.into_iter().filter_map(parse).collect())
    }
}

/// What a reading script tells, after its first word.
fn told(script: &'static Script, reply: Value) -> Result<Parts, StoreError> {
    let mut parts = Parts::new(script.name, reply);
    match parts.text()?.as_str() {
        "ok" => Ok(parts),
        "restoring" => Err(StoreError::Restoring),
        _ => Err(parts.wrong()),
    }
}

/// Scores are whole numbers below 2^53, so a double holds them exactly.
#[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
fn whole(score: f64) -> i64 {
    score as i64
}
