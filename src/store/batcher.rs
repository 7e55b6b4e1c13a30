//! Heartbeats that arrive together become one script call; a lone one is not delayed.
//!
//! Heartbeats wait in lanes: one for each shard of a cluster, whose calls must keep to one shard, and one for all where
//! Redis is a single server. A lane has a few calls under way at a time; each takes all that waits (up to [`MOST`]).
//! While Redis keeps up, a heartbeat finds room for a call and leaves at once; when all calls of its lane wait for Redis,
//! the lane fills and calls grow, which costs Redis and this node a fraction per heartbeat. No more than [`UNDER_WAY`]
//! heartbeats of a lane are under way, however its calls are filled. Lanes know nothing of one another: those of a primary
//! that is frozen fill up and refuse, those of the others go on.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use fred::prelude::{Key, Value};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

use super::keys::Keys;
use super::link::Link;
use super::reply::Parts;
use super::standings::Standings;
use super::{Clock, StoreError, scripts};
use crate::metrics::record;
use crate::presence::{Millis, Org, SessionId, Status, UserId};

/// Most heartbeats of one call: beyond 50 nothing is won, and Redis is blocked longer (measured).
const MOST: usize = 50;

/// Calls of the only lane that may be under way at once: one that Redis works on, and some on their way.
const CALLS: usize = 4;

/// The same for each of many lanes.
const CALLS_OF_SHARD: usize = 2;

/// Heartbeats of a lane that may be under way at once: of full calls one that Redis works on, and one on its way. Whoever
/// asks Redis anything else waits behind them at each step, and longest while a node has to catch up.
const UNDER_WAY: usize = 2 * MOST;

/// Heartbeats that may wait for Redis before further ones are refused: a second's worth at full speed. Each of many
/// lanes may have twice its share.
const BOUND: usize = 20_000;

/// A heartbeat that says nothing new.
pub(super) struct Plain {
    pub user: UserId,
    pub org: Org,
    pub session: SessionId,
    /// What its lease must hold for the fast path (see `lua/lib/user.lua`).
    pub code: i64,
    /// Time to live in ms.
    pub ttl: Millis,
}

/// How the user stood when the lease was extended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extended {
    pub status: Status,
    pub since: Millis,
    pub now: Millis,
}

type Outcome = Result<Option<Extended>, StoreError>;

struct Waiting {
    beat: Plain,
    answer: oneshot::Sender<Outcome>,
}

#[derive(Default)]
struct Lane {
    waiting: VecDeque<Waiting>,
    /// Calls that are announced or under way.
    calls: usize,
    /// Heartbeats of calls that are under way.
    under_way: usize,
}

impl Lane {
    /// The heartbeats of the next call. None, if nothing waits, or so much is under way that whoever of it comes back first
    /// goes on.
    fn next(&mut self) -> Option<Vec<Waiting>> {
        let count = self.waiting.len().min(MOST);
        if count == 0 || self.under_way + count > UNDER_WAY {
            self.calls -= 1;
            return None;
        }
        self.under_way += count;
        Some(self.waiting.drain(..count).collect())
    }
}

/// The lanes of all shards.
pub(super) struct Batcher {
    link: Link,
    keys: Keys,
    clock: Clock,
    standings: Arc<Standings>,
    /// Of each shard: the key of `due`, and that of who is present of the default organisation.
    shards: Vec<[Key; 2]>,
    default_org: Org,
    lanes: Vec<Mutex<Lane>>,
    /// Most calls of a lane at once, and most heartbeats that may wait in it.
    most_calls: usize,
    most_waiting: usize,
    announce: mpsc::UnboundedSender<usize>,
    announced: AsyncMutex<mpsc::UnboundedReceiver<usize>>,
}

impl Batcher {
    pub(super) fn new(link: Link, keys: Keys, clock: Clock, standings: Arc<Standings>) -> Self {
        // Unbounded in type only: a lane announces no more calls than it may have.
        let (announce, announced) = mpsc::unbounded_channel();
        let default_org = Org::default();
        let (lanes, most_calls, most_waiting) = match usize::from(keys.shards()) {
            shards if link.is_clustered() => {
                (shards, CALLS_OF_SHARD, (2 * BOUND).div_ceil(shards).min(BOUND))
            }
            _ => (1, CALLS, BOUND),
        };
        let key_pair = |shard| [keys.due(shard).into(), keys.on(shard, &default_org).into()];
        Self {
            shards: (0..keys.shards()).map(key_pair).collect(),
            default_org,
            lanes: (0..lanes).map(|_| Mutex::default()).collect(),
            most_calls,
            most_waiting,
            announced: announced.into(),
            announce,
            link,
            keys,
            clock,
            standings,
        }
    }

    /// Extends a lease. `None` means the session needs a judgement ([`scripts::SESSION_OPEN`]).
    pub(super) async fn beat(&self, beat: Plain) -> Outcome {
        let number = usize::from(self.keys.shard_of(&beat.user)) % self.lanes.len();
        let (answer, outcome) = oneshot::channel();
        {
            let mut lane = self.lane(number);
            if lane.waiting.len() >= self.most_waiting {
                return Err(StoreError::Overloaded);
            }
            lane.waiting.push_back(Waiting { beat, answer });
            if lane.calls < self.most_calls && self.announce.send(number).is_ok() {
                lane.calls += 1;
            }
        }
        outcome.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the node is stopping".into())))
    }

    fn lane(&self, number: usize) -> std::sync::MutexGuard<'_, Lane> {
        self.lanes[number].lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Makes the calls that lanes announce; runs until it is dropped.
    pub(super) async fn work(&self) {
        let mut announced = self.announced.lock().await;
        let mut calls = FuturesUnordered::new();
        loop {
            tokio::select! {
                Some(number) = announced.recv() => calls.push(self.empty(number)),
                Some(()) = calls.next(), if !calls.is_empty() => {}
                else => return,
            }
        }
    }

    /// Makes one call after the other, until nothing waits in the lane or enough is under way.
    async fn empty(&self, number: usize) {
        // The guard is gone before the call begins.
        let next = || self.lane(number).next();
        while let Some(batch) = next() {
            let count = batch.len();
            self.send(batch).await;
            self.lane(number).under_way -= count;
        }
    }

    async fn send(&self, batch: Vec<Waiting>) {
        record::heartbeat_batch(batch.len());
        match self.call(&batch).await {
            Ok(extended) => {
                for (waiting, extended) in batch.into_iter().zip(extended) {
                    let _ = waiting.answer.send(Ok(extended));
                }
            }
            Err(error) => {
                for waiting in batch {
                    let _ = waiting.answer.send(Err(error.clone()));
                }
            }
        }
    }

    async fn call(&self, batch: &[Waiting]) -> Result<Vec<Option<Extended>>, StoreError> {
        let mut leases: Vec<Key> = Vec::with_capacity(batch.len());
        let mut dues: Vec<Key> = Vec::with_capacity(batch.len());
        let mut sets: Vec<Key> = Vec::new();
        let mut members: Vec<Value> = Vec::with_capacity(batch.len());
        let mut asked = BTreeMap::new();
        let mut known = Vec::with_capacity(batch.len());
        for (number, Waiting { beat, .. }) in (1..).zip(batch) {
            let shard = self.keys.shard_of(&beat.user);
            let standing = self.standings.of(shard, &beat.user);
            let [due, on] = &self.shards[usize::from(shard)];
            let (lease, member) = self.keys.alarm(&beat.user, &beat.session);
            leases.push(lease.into());
            dues.push(due.clone());
            members.push(member.into());
            if standing.is_none() {
                let is_default = beat.org == self.default_org;
                sets.push(if is_default { on.clone() } else { self.keys.on(shard, &beat.org).into() });
                asked.insert(number, beat.user.as_str());
            }
            known.push(standing);
        }
        let said = packed(batch, &asked);
        let keys = leases.into_iter().chain(dues).chain(sets);
        let args = [self.clock.now(), said.as_slice().into()].into_iter().chain(members).collect();
        let reply = self.link.call(&scripts::SESSION_BEAT, keys, args).await?;
        let outcomes = outcomes(&known, Parts::new(scripts::SESSION_BEAT.name, reply))?;
        for ((Waiting { beat, .. }, known), outcome) in batch.iter().zip(&known).zip(&outcomes) {
            if let (None, Some(Extended { status, since, now })) = (known, *outcome) {
                self.standings.learn(self.keys.shard_of(&beat.user), &beat.user, (status, since), now);
            }
        }
        Ok(outcomes)
    }
}

/// What `session_beat` is told of its items as one text; `asked`: by their numbers, whose status is not known.
fn packed(batch: &[Waiting], asked: &BTreeMap<usize, &str>) -> Vec<u8> {
    // As texts: so leases hold them.
    let codes: Vec<String> = batch.iter().map(|waiting| waiting.beat.code.to_string()).collect();
    let ttls: Vec<i64> = batch.iter().map(|waiting| waiting.beat.ttl.0).collect();
    let packed = match ttls.split_first() {
        Some((first, others)) if others.iter().all(|ttl| ttl == first) => {
            rmp_serde::to_vec(&(codes, first, asked))
        }
        _ => rmp_serde::to_vec(&(codes, ttls, asked)),
    };
    packed.expect("texts and numbers can be packed")
}

/// What became of each heartbeat; `known`: how its user stands, if Redis was not asked.
fn outcomes(
    known: &[Option<(Status, Millis)>],
    mut parts: Parts,
) -> Result<Vec<Option<Extended>>, StoreError> {
    let now = parts.millis()?;
    let extended = |(status, since)| Some(Extended { status, since, now });
    let mut outcomes: Vec<_> = known.iter().map(|known| known.map(extended)).collect();
    while !parts.is_over() {
        let (number, said) = (parts.count()?, parts.text()?);
        let outcome = match said.as_str() {
            "" => None,
            score => extended(super::parse_score(score).ok_or_else(|| parts.wrong())?),
        };
        let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let place = index.and_then(|index| outcomes.get_mut(index));
        *place.ok_or_else(|| parts.wrong())? = Some(outcome);
    }
    // Of whom nothing was known, nothing was said either.
    outcomes.into_iter().collect::<Option<_>>().ok_or_else(|| parts.wrong())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presence::{LoginId, Tab};

    fn lane(waiting: usize, under_way: usize) -> Lane {
        let beat = || Plain {
            user: UserId::parse("1").unwrap(),
            org: Org::default(),
            session: SessionId { login: LoginId::parse("login").unwrap(), tab: Tab::default() },
            code: 1,
            ttl: Millis(1),
        };
        let waiting = (0..waiting).map(|_| Waiting { beat: beat(), answer: oneshot::channel().0 }).collect();
        Lane { waiting, calls: CALLS, under_way }
    }

    #[test]
    fn two_full_calls_are_under_way_and_no_more() {
        let mut lane = lane(2 * MOST + 20, 0);
        assert_eq!(lane.next().map(|call| call.len()), Some(MOST));
        assert_eq!(lane.next().map(|call| call.len()), Some(MOST));
        assert_eq!((lane.next().map(|call| call.len()), lane.calls), (None, CALLS - 1));
        lane.under_way -= MOST;
        assert_eq!(lane.next().map(|call| call.len()), Some(20));
        assert_eq!((lane.under_way, lane.waiting.len()), (MOST + 20, 0));
    }

    #[test]
    fn what_waits_goes_together_or_not_yet() {
        assert!(lane(30, UNDER_WAY - 20).next().is_none());
        assert_eq!(lane(20, UNDER_WAY - 20).next().map(|call| call.len()), Some(20));
        assert!(lane(0, 0).next().is_none());
    }

    /// What is made of a reply of two heartbeats, the status of the first being known.
    fn of_two(told: &[(i64, &str)]) -> Option<Vec<Option<(Status, Millis)>>> {
        let pairs = told.iter().flat_map(|(number, said)| [Value::from(*number), Value::from(*said)]);
        let reply = std::iter::once(Value::from("700")).chain(pairs).collect();
        let known = [Some((Status::Busy, Millis(5))), None];
        let outcomes = outcomes(&known, Parts::new("session_beat", Value::Array(reply))).ok()?;
        assert!(outcomes.iter().flatten().all(|extended| extended.now == Millis(700)));
        let standing = |extended: Extended| (extended.status, extended.since);
        Some(outcomes.into_iter().map(|outcome| outcome.map(standing)).collect())
    }

    #[test]
    fn what_is_not_known_is_told() {
        let (busy, online) = (Some((Status::Busy, Millis(5))), Some((Status::Online, Millis(7))));
        assert_eq!(of_two(&[(2, "10000000000007")]), Some(vec![busy, online]));
        assert_eq!(of_two(&[(1, ""), (2, "10000000000007")]), Some(vec![None, online]));
        assert_eq!(of_two(&[(2, "")]), Some(vec![busy, None]));
        assert_eq!(of_two(&[(1, ""), (2, "")]), Some(vec![None, None]));
    }

    #[test]
    fn what_does_not_fit_is_a_defect() {
        assert_eq!(of_two(&[]), None, "the second was asked for");
        assert_eq!(of_two(&[(1, "")]), None);
        assert_eq!(of_two(&[(0, ""), (2, "")]), None);
        assert_eq!(of_two(&[(2, ""), (3, "")]), None);
        assert_eq!(of_two(&[(2, "known")]), None);
        let odd = Value::Array(vec!["700".into(), 1_i64.into()]);
        assert!(outcomes(&[Some((Status::Busy, Millis(5)))], Parts::new("session_beat", odd)).is_err());
    }
}
