//! Presence in Redis, in domain words. The only module that knows fred, keys and scripts.

mod batcher;
mod events;
mod keys;
mod link;
mod reply;
pub mod scripts;
mod settings;
mod shards;
mod users;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use moka::sync::Cache;

use crate::presence::{
    Activity, ConnectionId, Device, GateKind, LoginId, Millis, Org, Pace, Policy, Reason, Status, Tab, UserId,
};

pub use events::{LeaseEvent, LeaseEvents};
pub use keys::{Keys, LAYOUT, Shard};
pub use settings::Memory;
pub use shards::{Due, DueMember, Expired, OWNERSHIP, Opened, Ownership};

/// Why a call on the store failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Redis did not answer in time, refused the connection, or is loading.
    #[error("redis is unavailable: {0}")]
    Unavailable(String),
    /// The shard came back empty and is not yet restored.
    #[error("the shard is being restored")]
    Restoring,
    /// Too many requests wait for Redis, or its memory is nearly full and this would start a new session.
    #[error("too busy")]
    Overloaded,
    /// A script answered what it never should: a defect.
    #[error("part {part} of the reply of {script} is not what it should be")]
    Reply {
        /// The script's name.
        script: &'static str,
        /// Which part of the reply, from 1.
        part: usize,
    },
    /// Redis refused a call: a defect.
    #[error("redis refused: {0}")]
    Refused(String),
    /// The data in Redis were written in another layout, or for another number of shards.
    #[error(
        "the data in redis have layout {layout} and {shards} shards, but this node has layout {expected_layout} and \
         {expected_shards} shards (ROLLCALL_REDIS_SHARDS): use another ROLLCALL_REDIS_PREFIX, or the old setting"
    )]
    Layout {
        /// Layout of the data.
        layout: i64,
        /// Shards of the data.
        shards: i64,
        /// Layout of this version.
        expected_layout: u32,
        /// Shards of this node's settings.
        expected_shards: Shard,
    },
    /// Redis is set up in a way that would lose presence.
    #[error("{0}")]
    Unfit(String),
}

/// On whose behalf a sign of life comes: facts of a verified token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// Who.
    pub user: UserId,
    /// The organisation.
    pub org: Org,
    /// The login (claim `sid`).
    pub login: LoginId,
    /// The token version (claim `tv`); lower than the user's cut means ended.
    pub token_version: i64,
}

/// One heartbeat, or the sign of life that a login is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Whose.
    pub bearer: Bearer,
    /// Which tab of the login.
    pub tab: Tab,
    /// What the client says of activity; `None` changes nothing.
    pub activity: Option<Activity>,
    /// For how long the client has been idle, in ms.
    pub idle_ms: Option<i64>,
    /// The rhythm the client keeps.
    pub pace: Pace,
    /// The kind of device, if the client says.
    pub device: Option<Device>,
    /// The page load or socket, if the client names it.
    pub connection: Option<ConnectionId>,
    /// `Login` or `Connect`: what a transition to online would say.
    pub reason: Reason,
}

/// What became of a sign of life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Counted (or rightly ignored): this is how the user stands now, as the user sees it.
    Standing {
        /// The user's own status (`invisible` included).
        status: Status,
        /// Since when.
        since: Millis,
        /// Last sign of life.
        last_seen: Millis,
        /// The clock of Redis.
        now: Millis,
    },
    /// The account may not be online.
    Gated(GateKind),
    /// The login, or every token of this version, has ended.
    Ended,
}

/// What is known of a user in Redis. A user without a record is not here: ask the audit for the last known state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Who.
    pub user: UserId,
    /// The organisation.
    pub org: Org,
    /// The true status (`invisible` included).
    pub status: Status,
    /// Since when, truly.
    pub since: Millis,
    /// Present without a break since; 0 when offline.
    pub online_since: Millis,
    /// Last sign of life, truly.
    pub last_seen: Millis,
    /// What others see: the same, or frozen while invisible.
    pub shown: Shown,
    /// Text of the claim in force, if any.
    pub text: Option<String>,
    /// Emoji of the claim in force, if any.
    pub emoji: Option<String>,
    /// Kinds of devices with a session, without repetition.
    pub devices: Vec<Device>,
}

/// What others see of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Never `invisible`.
    pub status: Status,
    /// Since when.
    pub since: Millis,
    /// Present without a break since; 0 when shown offline.
    pub online_since: Millis,
    /// Last sign of life.
    pub last_seen: Millis,
    /// `epoch * 2^32 + n` of the last change that others could see.
    pub version: i64,
}

/// Counts of what is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Users shown online.
    pub online: u64,
    /// Users shown away.
    pub away: u64,
    /// Users shown busy.
    pub busy: u64,
    /// Sessions of the users counted above.
    pub sessions: u64,
    /// Users who are present but shown offline; for operators only.
    pub invisible: u64,
    /// Entries in the outbox, copied or not.
    pub entries: u64,
    /// The clock of Redis.
    pub now: Millis,
}

/// What the store needs to know to begin.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// Where Redis is: `redis://`, `rediss://`, `redis-cluster://`, `redis-sentinel://`, `redis+unix://`.
    pub url: String,
    /// What every key begins with.
    pub prefix: String,
    /// Number of shards; fixed once data exist.
    pub shards: Shard,
    /// The times of presence.
    pub policy: Policy,
    /// How long a token lives at most: so long an ended login is remembered.
    pub token_life: Duration,
    /// This node's name.
    pub node: String,
}

/// The clock that scripts go by: that of Redis, unless a test moves time itself.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    /// From now on it is this late; 0 gives the clock back to Redis.
    pub fn set(&self, now: Millis) {
        self.0.store(now.0, Ordering::Relaxed);
    }

    fn fixed(&self) -> Option<Millis> {
        Some(Millis(self.0.load(Ordering::Relaxed))).filter(|now| now.0 > 0)
    }
}

/// Presence in Redis. Every method is one domain event, and all of them may be repeated.
pub struct Store {
    link: link::Link,
    keys: Keys,
    policy: Policy,
    clock: Clock,
    batcher: batcher::Batcher,
    /// Answers to signs of life of the last second, so that a busy page costs one a second.
    touched: Cache<(UserId, LoginId), Answer>,
    token_life: Millis,
    node: String,
    url: String,
    database: u8,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("keys", &self.keys).field("node", &self.node).finish_non_exhaustive()
    }
}

impl Store {
    /// Connects, checks that Redis is fit for presence, and loads the scripts.
    ///
    /// # Errors
    /// If Redis cannot be reached, or is unfit: the message says what to change.
    pub async fn connect(settings: StoreSettings) -> Result<Self, StoreError> {
        let link = link::Link::connect(&settings.url).await?;
        settings::check(&link).await?;
        link.preload().await?;
        let keys = Keys::new(&settings.prefix, settings.shards);
        let clock = Clock::default();
        let store = Self {
            batcher: batcher::Batcher::new(link.clone(), keys.clone(), clock.clone()),
            touched: Cache::builder()
                .max_capacity(500_000)
                .time_to_live(Duration::from_secs(1))
                .support_invalidation_closures()
                .build(),
            policy: settings.policy,
            token_life: Millis(i64::try_from(settings.token_life.as_millis()).unwrap_or(i64::MAX)),
            node: settings.node,
            database: settings::database(&settings.url),
            url: settings.url,
            link,
            keys,
            clock,
        };
        store.check_open_shards().await?;
        Ok(store)
    }

    /// Refuses data of another layout or number of shards before anything is written.
    async fn check_open_shards(&self) -> Result<(), StoreError> {
        use fred::prelude::HashesInterface;
        let meta =
            self.link.client().hmget::<Vec<Option<i64>>, _, _>(self.keys.meta(0), vec!["layout", "shards"]);
        match self.link.judge(meta.await)?.as_slice() {
            [Some(layout), Some(shards)] => self.check_layout(*layout, *shards),
            _ => Ok(()),
        }
    }

    /// The keys of this store.
    #[must_use]
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The times of presence.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The clock that scripts go by.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Sends heartbeats to Redis. Runs until dropped; without it [`Store::beat`] waits for ever.
    pub async fn work(&self) {
        futures::future::join_all((0..batcher::WORKERS).map(|_| self.batcher.work())).await;
    }

    /// Subscribes to the end of leases.
    ///
    /// # Errors
    /// If Redis cannot be reached.
    pub async fn lease_events(&self) -> Result<LeaseEvents, StoreError> {
        LeaseEvents::subscribe(&self.url, self.keys.clone(), self.database).await
    }

    /// Asks Redis whether it answers, and gives up connections on which it has not for too long.
    ///
    /// # Errors
    /// If it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.link.watch().await
    }

    /// The clock that scripts go by, read now.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn now(&self) -> Result<Millis, StoreError> {
        if let Some(now) = self.clock.fixed() {
            return Ok(now);
        }
        let args = vec!["".into(), 0.into()];
        let reply = self.link.call(&scripts::NODE_BEAT, vec![self.keys.nodes()], args).await?;
        let mut parts = reply::Parts::new(scripts::NODE_BEAT.name, reply);
        let _nodes = parts.count()?;
        parts.millis()
    }

    /// How much memory Redis uses, and may use.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn memory(&self) -> Result<Memory, StoreError> {
        settings::memory(&self.link).await
    }
}

/// A score of `on`: status code * 10^13 + since (ms).
const SCALE: i64 = 10_000_000_000_000;

fn parse_score(score: &str) -> Option<(Status, Millis)> {
    let score = score.parse::<i64>().ok()?;
    Some((Status::from_code(score / SCALE)?, Millis(score % SCALE)))
}

/// The scores of a status: from the first up to, but without, the second.
const fn score_range(status: Status) -> (i64, i64) {
    (status.code() * SCALE, (status.code() + 1) * SCALE)
}
