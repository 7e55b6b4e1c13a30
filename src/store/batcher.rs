//! Heartbeats that arrive together become one script call; a lone one is not delayed.
//!
//! Heartbeats wait in lanes: one for each shard of a cluster, whose calls must keep to one shard, and one for all where
//! Redis is a single server. A few workers take lanes that have something waiting, and send all of it (up to [`MOST`])
//! in one call. While Redis keeps up, a heartbeat finds an idle worker and leaves at once; when all workers wait for
//! Redis, lanes fill and calls grow, which costs Redis and this node a fraction per heartbeat.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use fred::prelude::{Key, Value};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

use super::keys::Keys;
use super::link::Link;
use super::reply::Parts;
use super::{Clock, StoreError, scripts};
use crate::metrics::record;
use crate::presence::{Millis, Org, SessionId, Status, UserId};

/// Most heartbeats of one call: beyond 50 nothing is won, and Redis is blocked longer (measured).
const MOST: usize = 50;

/// Calls under way at once: one that Redis works on, and some on their way.
pub(super) const WORKERS: usize = 4;

/// Heartbeats that may wait for Redis before further ones are refused: a second's worth at full speed.
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
    /// Whether the lane is already announced to the workers.
    announced: bool,
}

/// The lanes of all shards.
pub(super) struct Batcher {
    link: Link,
    keys: Keys,
    clock: Clock,
    /// Of each shard: the key of `due`, and that of who is present of the default organisation.
    shards: Vec<[Key; 2]>,
    default_org: Org,
    lanes: Vec<Mutex<Lane>>,
    waiting: AtomicUsize,
    announce: mpsc::UnboundedSender<usize>,
    announced: AsyncMutex<mpsc::UnboundedReceiver<usize>>,
}

impl Batcher {
    pub(super) fn new(link: Link, keys: Keys, clock: Clock) -> Self {
        // Unbounded in type only: a lane is announced at most once, so the queue never exceeds the lanes.
        let (announce, announced) = mpsc::unbounded_channel();
        let lanes = if link.is_clustered() { keys.shards() } else { 1 };
        let default_org = Org::default();
        let key_pair = |shard| [keys.due(shard).into(), keys.on(shard, &default_org).into()];
        Self {
            shards: (0..keys.shards()).map(key_pair).collect(),
            default_org,
            lanes: (0..lanes).map(|_| Mutex::default()).collect(),
            waiting: AtomicUsize::new(0),
            announced: announced.into(),
            announce,
            link,
            keys,
            clock,
        }
    }

    /// Extends a lease. `None` means the session needs a judgement ([`scripts::SESSION_OPEN`]).
    pub(super) async fn beat(&self, beat: Plain) -> Outcome {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= BOUND {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(StoreError::Overloaded);
        }
        let number = usize::from(self.keys.shard_of(&beat.user)) % self.lanes.len();
        let (answer, outcome) = oneshot::channel();
        {
            let mut lane = self.lane(number);
            lane.waiting.push_back(Waiting { beat, answer });
            if !lane.announced {
                lane.announced = self.announce.send(number).is_ok();
            }
        }
        outcome.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the node is stopping".into())))
    }

    fn lane(&self, number: usize) -> std::sync::MutexGuard<'_, Lane> {
        self.lanes[number].lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// One worker; runs until it is dropped.
    pub(super) async fn work(&self) {
        loop {
            let Some(number) = self.announced.lock().await.recv().await else {
                return;
            };
            let batch: Vec<Waiting> = {
                let mut lane = self.lane(number);
                let count = lane.waiting.len().min(MOST);
                let batch = lane.waiting.drain(..count).collect();
                lane.announced = !lane.waiting.is_empty() && self.announce.send(number).is_ok();
                batch
            };
            self.waiting.fetch_sub(batch.len(), Ordering::Relaxed);
            self.send(batch).await;
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
        let mut keys = Vec::with_capacity(batch.len() * 3);
        let mut args = Vec::with_capacity(batch.len() * 4 + 1);
        args.push(self.clock.now());
        for Waiting { beat, .. } in batch {
            let shard = self.keys.shard_of(&beat.user);
            let [due, on] = &self.shards[usize::from(shard)];
            let is_default = beat.org == self.default_org;
            let on = if is_default { on.clone() } else { self.keys.on(shard, &beat.org).into() };
            let (lease, member) = self.keys.alarm(&beat.user, &beat.session);
            keys.extend([due.clone(), on, lease.into()]);
            args.push(beat.user.as_str().into());
            args.push(member.into());
            args.push(beat.code.into());
            args.push(beat.ttl.0.into());
        }
        let reply = self.link.call(&scripts::SESSION_BEAT, keys, args).await?;
        decode(reply, batch.len())
    }
}

fn decode(reply: Value, count: usize) -> Result<Vec<Option<Extended>>, StoreError> {
    let mut parts = Parts::new(scripts::SESSION_BEAT.name, reply);
    let now = parts.millis()?;
    let mut extended = Vec::with_capacity(count);
    for _ in 0..count {
        let score = parts.text()?;
        extended.push(if score.is_empty() {
            None
        } else {
            Some(standing(&score, now).ok_or_else(|| parts.wrong())?)
        });
    }
    Ok(extended)
}

/// Reads a score of `on`: status code * 10^13 + since.
fn standing(score: &str, now: Millis) -> Option<Extended> {
    let (status, since) = super::parse_score(score)?;
    Some(Extended { status, since, now })
}
