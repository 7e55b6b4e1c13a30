//! The outbox of a shard: read in order by the copy, trimmed behind it.

use fred::prelude::*;

use super::keys::Shard;
use super::reply::{self, Parts};
use super::{Store, StoreError, scripts};
use crate::presence::{Outgoing, UserId};

impl Store {
    /// Reads entries of a shard's outbox that are newer than `after`, in order, also those that this version does not
    /// understand.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn entries(&self, shard: Shard, after: i64, limit: u64) -> Result<Vec<Outgoing>, StoreError> {
        let start = format!("{}-0", after + 1);
        let log = self.keys.log(shard);
        let primary = self.link.primary(&log)?;
        let range = primary.client().xrange::<Value, _, _, _>(log, start, "+", Some(limit)).await;
        primary.judge(range)?.into_array().into_iter().map(reply::entry).collect()
    }

    /// The newest entries of a shard's outbox below a number (any, if `None`), newest first.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn newest_entries(
        &self,
        shard: Shard,
        below: Option<i64>,
        limit: u64,
    ) -> Result<Vec<Outgoing>, StoreError> {
        let end = below.map_or_else(|| "+".to_owned(), |below| format!("({below}-0"));
        let log = self.keys.log(shard);
        let primary = self.link.primary(&log)?;
        let range = primary.client().xrevrange::<Value, _, _, _>(log, end, "-", Some(limit)).await;
        primary.judge(range)?.into_array().into_iter().map(reply::entry).collect()
    }

    /// Forgets copied entries below `keep`, and the records of those users whose last entry was among them.
    /// Answers how many entries and records went.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn trim(&self, shard: Shard, keep: i64, users: &[UserId]) -> Result<(u64, u64), StoreError> {
        let mut keys = vec![self.keys.log(shard)];
        keys.extend(users.iter().map(|user| self.keys.record(user)));
        let mut args = vec![keep.into()];
        args.extend(users.iter().map(|user| Value::from(user.as_str())));
        let reply = self.link.call(&scripts::OUTBOX_TRIM, keys, args).await?;
        let mut parts = Parts::new(scripts::OUTBOX_TRIM.name, reply);
        Ok((parts.count()?, parts.count()?))
    }
}
