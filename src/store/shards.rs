//! What happens to a whole shard: it is opened, owned, searched for what is due, counted, listed, read and trimmed.

use std::time::Duration;

use fred::prelude::*;

use super::keys::{LAYOUT, Shard};
use super::reply::{self, Parts};
use super::{Stats, Store, StoreError, parse_score, scripts};
use crate::presence::{Entry, MOST_SESSIONS, Millis, Org, SessionId, Status, UserId};

/// How long ownership lasts without being kept.
pub const OWNERSHIP: Duration = Duration::from_secs(3);

/// A gap between an owner's ticks longer than this is a stall: nobody can be blamed for silence during it.
const STALL: Duration = Duration::from_secs(10);

/// What keeping a shard answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// Another node has it.
    Other,
    /// It is ours, but has no data.
    Lost,
    /// It is ours.
    Own {
        /// The shard's epoch.
        epoch: i64,
        /// Number of its newest entry.
        n: i64,
    },
}

/// The identity of an open shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its epoch.
    pub epoch: i64,
    /// Number of its newest entry.
    pub n: i64,
}

/// Something of a user that is due.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DueMember {
    /// Whose.
    pub user: UserId,
    /// Which session; `None` for the end of a claim or a gate.
    pub session: Option<SessionId>,
}

/// What is due in a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// For how long the first of all has been due.
    pub overdue: Option<Duration>,
    /// What must be expired directly.
    pub members: Vec<DueMember>,
}

/// What became of one user whose something was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired {
    /// Sessions that ended.
    pub sessions: u64,
    /// How long after the deadline the user went offline, if that happened.
    pub delay: Option<Duration>,
}

impl Store {
    /// Opens a shard under an epoch, unless it is open.
    ///
    /// # Errors
    /// [`StoreError::Layout`] if its data were written by a version, or for a number of shards, that does not fit.
    pub async fn open_shard(&self, shard: Shard, epoch: i64) -> Result<Opened, StoreError> {
        let shards = i64::from(self.keys.shards());
        let args = vec![self.clock.now(), epoch.into(), i64::from(LAYOUT).into(), shards.into()];
        let reply = self.link.call(&scripts::SHARD_OPEN, vec![self.keys.meta(shard)], args).await?;
        let mut parts = Parts::new(scripts::SHARD_OPEN.name, reply);
        let opened = Opened { epoch: parts.int()?, n: parts.int()? };
        self.check_layout(parts.int()?, parts.int()?)?;
        Ok(opened)
    }

    pub(super) fn check_layout(&self, layout: i64, shards: i64) -> Result<(), StoreError> {
        if layout == i64::from(LAYOUT) && shards == i64::from(self.keys.shards()) {
            return Ok(());
        }
        Err(StoreError::Layout {
            layout,
            shards,
            expected_layout: LAYOUT,
            expected_shards: self.keys.shards(),
        })
    }

    /// Takes or keeps a shard for [`OWNERSHIP`].
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn own(&self, shard: Shard, pressure: bool) -> Result<Ownership, StoreError> {
        let keys = vec![self.keys.owner(shard), self.keys.meta(shard), self.keys.ended(shard)];
        let grace = self.policy.visible.interval.0 + 10_000;
        let args = vec![
            self.clock.now(),
            self.node.as_str().into(),
            millis(OWNERSHIP),
            millis(STALL),
            grace.into(),
            i64::from(pressure).into(),
        ];
        let mut parts =
            Parts::new(scripts::SHARD_OWN.name, self.link.call(&scripts::SHARD_OWN, keys, args).await?);
        match parts.text()?.as_str() {
            "own" => Ok(Ownership::Own { epoch: parts.int()?, n: parts.int()? }),
            "lost" => Ok(Ownership::Lost),
            _ => Ok(Ownership::Other),
        }
    }

    /// Gives a shard up.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn release(&self, shard: Shard) -> Result<(), StoreError> {
        let args = vec![self.node.as_str().into()];
        self.link.call(&scripts::SHARD_RELEASE, vec![self.keys.owner(shard)], args).await.map(drop)
    }

    /// Shows that this node lives; answers how many do.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn show_node(&self) -> Result<u64, StoreError> {
        let args = vec![self.node.as_str().into(), millis(OWNERSHIP)];
        let reply = self.link.call(&scripts::NODE_BEAT, vec![self.keys.nodes()], args).await?;
        Parts::new(scripts::NODE_BEAT.name, reply).count()
    }

    /// Says that this node stops.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn leave(&self) -> Result<(), StoreError> {
        let args = vec![self.node.as_str().into()];
        self.link.call(&scripts::NODE_LEAVE, vec![self.keys.nodes()], args).await.map(drop)
    }

    /// Lists what has been due for longer than `settled`, at most `limit`; with `touch`, makes Redis expire the
    /// leases that have just come to their end.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn due(
        &self,
        shard: Shard,
        settled: Duration,
        limit: u32,
        touch: bool,
    ) -> Result<Due, StoreError> {
        let leases = if touch { self.keys.leases(shard) } else { String::new() };
        let args = vec![self.clock.now(), millis(settled), i64::from(limit).into(), leases.into()];
        let reply = self.link.call(&scripts::SHARD_DUE, vec![self.keys.due(shard)], args).await?;
        let mut parts = Parts::new(scripts::SHARD_DUE.name, reply);
        let overdue = parts.text()?.parse().ok().map(Duration::from_millis);
        let members = parts.rest().filter_map(|member| parse_member(&member.into_string()?)).collect();
        Ok(Due { overdue, members })
    }

    /// What was due of some users of one shard happens, if the time has come. In the order asked.
    ///
    /// # Errors
    /// If Redis did not answer; it may have happened all the same, and may be asked again.
    pub async fn expire(&self, shard: Shard, users: &[UserId]) -> Result<Vec<Expired>, StoreError> {
        let mut done = vec![Expired { sessions: 0, delay: None }; users.len()];
        let mut open: Vec<(usize, Org)> = (0..users.len()).map(|index| (index, Org::default())).collect();
        while !open.is_empty() {
            let mut stale = Vec::new();
            for chunk in open.chunks(EXPIRIES_PER_CALL) {
                stale.extend(self.expire_chunk(shard, users, chunk, &mut done).await?);
            }
            open = stale;
        }
        Ok(done)
    }

    async fn expire_chunk(
        &self,
        shard: Shard,
        users: &[UserId],
        chunk: &[(usize, Org)],
        done: &mut [Expired],
    ) -> Result<Vec<(usize, Org)>, StoreError> {
        let mut keys = self.keys.shared(shard);
        let mut args = vec![self.clock.now()];
        for (index, org) in chunk {
            keys.extend(self.keys.place(&users[*index], org));
            args.push(users[*index].as_str().into());
            args.push(org.as_str().into());
        }
        let reply = self.link.call(&scripts::USER_EXPIRE, keys, args).await?;
        let mut parts = Parts::new(scripts::USER_EXPIRE.name, reply);
        match parts.text()?.as_str() {
            "ok" => {}
            "restoring" => return Err(StoreError::Restoring),
            _ => return Ok(Vec::new()),
        }
        let mut stale = Vec::new();
        for (index, _) in chunk {
            let said = parts.text()?;
            if let Some(org) = said.strip_prefix("stale ") {
                stale.push((*index, org.parse().map_err(|_| parts.wrong())?));
            } else if let Some((sessions, delay)) = said.split_once(' ') {
                let sessions = sessions.parse().map_err(|_| parts.wrong())?;
                let delay = delay.parse::<u64>().ok().map(Duration::from_millis);
                done[*index] = Expired { sessions, delay };
            }
        }
        Ok(stale)
    }

    /// Counts what is shown, of everybody or of one organisation.
    ///
    /// # Errors
    /// If Redis did not answer.
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
        let keys = vec![self.keys.on(shard, org), self.keys.tabs(shard, org), self.keys.log(shard)];
        let most = i64::try_from(MOST_SESSIONS).unwrap_or(i64::MAX);
        let reply = self.link.call(&scripts::SHARD_STATS, keys, vec![most.into()]).await?;
        let mut parts = Parts::new(scripts::SHARD_STATS.name, reply);
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
    /// If Redis did not answer.
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
        found.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| a.0.cmp(&b.0)));
        found.truncate(limit);
        Ok(found)
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
        let range = self.link.client().zrevrangebyscore::<Vec<(String, f64)>, _, _, _>(
            self.keys.on(shard, org),
            high - 1,
            low,
            true,
            Some((0, limit)),
        );
        let members = self.link.judge(range.await)?;
        let parse = |(user, score): (String, f64)| {
            let (status, since) = parse_score(&whole(score).to_string())?;
            Some((user.parse().ok()?, status, since))
        };
        Ok(members.into_iter().filter_map(parse).collect())
    }

    /// Reads entries of a shard's outbox that are newer than `after`, in order.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn entries(&self, shard: Shard, after: i64, limit: u64) -> Result<Vec<Entry>, StoreError> {
        let start = format!("{}-0", after + 1);
        let range =
            self.link.client().xrange::<Value, _, _, _>(self.keys.log(shard), start, "+", Some(limit));
        self.link.judge(range.await)?.into_array().into_iter().map(reply::entry).collect()
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

/// Most users of one expiry call: about 2 ms of Redis' time.
const EXPIRIES_PER_CALL: usize = 200;

fn millis(span: Duration) -> Value {
    Value::from(i64::try_from(span.as_millis()).unwrap_or(i64::MAX))
}

/// Scores are whole numbers below 2^53, so a double holds them exactly.
#[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
fn whole(score: f64) -> i64 {
    score as i64
}

fn parse_member(member: &str) -> Option<DueMember> {
    let (kind, rest) = member.split_once(':')?;
    match kind {
        "s" => {
            let (user, session) = rest.split_once(':')?;
            Some(DueMember { user: user.parse().ok()?, session: Some(session.parse().ok()?) })
        }
        _ => Some(DueMember { user: rest.parse().ok()?, session: None }),
    }
}
