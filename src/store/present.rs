//! Who is present, from the sets that transitions keep: the newest, with or without their records, and everybody.

use fred::prelude::Value;
use futures::{StreamExt, TryStreamExt};

use super::keys::Shard;
use super::reads::told;
use super::reply;
use super::scripts;
use super::{Store, StoreError, View};
use crate::presence::{Millis, Org, Status, UserId};

/// Calls for whole lists under way at a time.
const LISTS_AT_ONCE: usize = 2;

/// Most shards of which one call lists who is present.
const SHARDS_PER_CALL: usize = 64;

/// How many of the newest one call lists, if they are spread evenly.
const LISTED_PER_CALL: usize = 256;

/// Most of the newest whose records are read by the call that lists them.
const READ_PER_CALL: usize = 100;

/// How many more than its share a part of the shards is asked for at first, however small that is.
const FEW: usize = 5;

/// More than a shard may have: scripts reckon with it.
const EVERYBODY: usize = 1 << 32;

/// Somebody who is present: who, in which status, since when.
pub type Present = (UserId, Status, Millis);

impl Store {
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
        let shards: Vec<Shard> = (0..self.keys.shards()).collect();
        let parts: Vec<&[Shard]> = shards.chunks(self.shards_per_list(limit)).collect();
        // The newest are spread over all shards by chance. Its even share of each part, and three times what chance adds to
        // that, nearly always hold them.
        let even = |part: &[Shard]| limit * part.len() / shards.len();
        let share = |part: &[Shard]| limit.min(even(part) + 3 * even(part).isqrt() + FEW);
        let mut lists = self.newest_of_each(&parts, org, status, share).await?;
        // A list that came full may hide somebody who is newer than the last that was found: its part is asked for more.
        let newest = merged(lists.iter().flatten(), limit);
        let oldest = newest.last().filter(|_| newest.len() == limit).map(|last| last.2);
        let hides = |part: &[Shard], list: &[Present]| {
            let last = list.iter().map(|each| each.2).min();
            let last = last.filter(|_| share(part) < limit && list.len() >= share(part));
            last.is_some_and(|last| oldest.is_none_or(|oldest| oldest <= last))
        };
        let mut hiding = Vec::new();
        for (part, list) in parts.iter().zip(&mut lists) {
            if hides(part, list) {
                hiding.push(*part);
                list.clear();
            }
        }
        if hiding.is_empty() {
            return Ok(newest);
        }
        lists.extend(self.newest_of_each(&hiding, org, status, |_| limit).await?);
        Ok(merged(lists.iter().flatten(), limit))
    }

    /// The records of those who are shown present, the newest first.
    ///
    /// # Errors
    /// If Redis did not answer; [`StoreError::Restoring`] if it has lost a shard.
    pub async fn present_views(
        &self,
        org: Option<&Org>,
        status: Option<Status>,
        limit: usize,
    ) -> Result<Vec<View>, StoreError> {
        if limit <= READ_PER_CALL && self.shards_per_list(limit) >= self.keys.shards().into() {
            return self.views_of_newest(org, status, limit).await;
        }
        let present = self.present(org, status, limit).await?;
        let users: Vec<UserId> = present.into_iter().map(|(user, ..)| user).collect();
        Ok(self.views(&users).await?.into_iter().flatten().collect())
    }

    /// Everybody who is shown present in one of these statuses, in no order.
    ///
    /// # Errors
    /// If Redis did not answer; [`StoreError::Restoring`] if it has lost a shard.
    pub async fn all_present(&self, statuses: &[Status]) -> Result<Vec<UserId>, StoreError> {
        // Shard by shard and a few at a time: a long list must let heartbeats pass.
        let shards: Vec<Shard> = (0..self.keys.shards()).collect();
        let calls = shards.chunks(1).map(|shard| self.newest_of(shard, None, statuses, EVERYBODY));
        let lists: Vec<_> =
            futures::stream::iter(calls.collect::<Vec<_>>()).buffered(LISTS_AT_ONCE).try_collect().await?;
        Ok(lists.into_iter().flatten().map(|(user, ..)| user).collect())
    }

    /// The newest of those whom a shard has as present, the invisible among them, in no order.
    ///
    /// # Errors
    /// If Redis did not answer; [`StoreError::Restoring`] if it has lost the shard.
    pub async fn listed(&self, shard: Shard, most: usize) -> Result<Vec<Present>, StoreError> {
        let statuses = [Status::Online, Status::Away, Status::Busy, Status::Invisible];
        self.newest_of(&[shard], None, &statuses, most).await
    }

    /// How many shards are read by one call for the newest of them.
    fn shards_per_list(&self, limit: usize) -> usize {
        let shards = usize::from(self.keys.shards());
        let most = if self.link.is_clustered() { 1 } else { SHARDS_PER_CALL };
        (LISTED_PER_CALL * shards / limit.max(1)).clamp(1, most)
    }

    /// The newest of each part, so many as its share.
    async fn newest_of_each(
        &self,
        parts: &[&[Shard]],
        org: Option<&Org>,
        status: Option<Status>,
        share: impl Fn(&[Shard]) -> usize,
    ) -> Result<Vec<Vec<Present>>, StoreError> {
        let wanted = wanted(status);
        let calls = parts.iter().map(|part| self.newest_of(part, org, &wanted, share(part)));
        futures::future::try_join_all(calls).await
    }

    /// The newest of all these shards together, in no order.
    async fn newest_of(
        &self,
        shards: &[Shard],
        org: Option<&Org>,
        wanted: &[Status],
        most: usize,
    ) -> Result<Vec<Present>, StoreError> {
        let mut keys = Vec::new();
        for shard in shards {
            keys.push(self.keys.meta(*shard));
            keys.extend(self.keys.present(*shard, org));
        }
        let sets = keys.len() / shards.len() - 1;
        let args = numbers([most.min(EVERYBODY), sets]).chain(codes(wanted)).collect();
        let reply = self.link.call(&scripts::SHARD_PRESENT, keys, args).await?;
        reply::present(&told(&scripts::SHARD_PRESENT, reply)?.value()?)
    }

    /// The records of the newest, by one call.
    async fn views_of_newest(
        &self,
        org: Option<&Org>,
        status: Option<Status>,
        limit: usize,
    ) -> Result<Vec<View>, StoreError> {
        let (mut keys, shards) = (Vec::new(), usize::from(self.keys.shards()));
        for shard in 0..self.keys.shards() {
            let (meta, due) = (self.keys.meta(shard), self.keys.due(shard));
            keys.extend([meta, due, self.keys.claims(shard), self.keys.buckets(shard)]);
            keys.extend(self.keys.present(shard, org));
        }
        let sets = keys.len() / shards - 4;
        let args = numbers([limit, sets, shards]).chain(codes(&wanted(status))).collect();
        let reply = self.link.call(&scripts::PRESENT_VIEWS, keys, args).await?;
        let mut views = reply::present_views(&told(&scripts::PRESENT_VIEWS, reply)?.value()?)?;
        views.sort_unstable_by(|a, b| b.since.cmp(&a.since).then_with(|| a.user.cmp(&b.user)));
        Ok(views)
    }
}

/// The statuses in which somebody is shown present, or the one of them that is asked for.
fn wanted(status: Option<Status>) -> Vec<Status> {
    let present = [Status::Online, Status::Away, Status::Busy];
    present.into_iter().filter(|each| status.is_none_or(|status| status == *each)).collect()
}

fn codes(statuses: &[Status]) -> impl Iterator<Item = Value> {
    statuses.iter().map(|status| Value::from(status.code()))
}

fn numbers<const N: usize>(numbers: [usize; N]) -> impl Iterator<Item = Value> {
    numbers.into_iter().map(|number| i64::try_from(number).unwrap_or(i64::MAX).into())
}

/// The newest of several lists.
fn merged<'a>(lists: impl Iterator<Item = &'a Present>, limit: usize) -> Vec<Present> {
    let mut all: Vec<&Present> = lists.collect();
    all.sort_unstable_by(|a, b| b.2.cmp(&a.2).then_with(|| a.0.cmp(&b.0)));
    all.into_iter().take(limit).cloned().collect()
}
