//! Presence in Redis, in domain words. The only module that knows fred, keys and scripts.

mod batcher;
mod blocks;
mod canary;
mod checkup;
mod clock;
mod due;
mod error;
mod events;
mod explain;
mod feed;
mod figures;
pub mod fitness;
mod keys;
pub mod limits;
mod link;
mod looks;
mod news;
mod nodes;
mod outbox;
mod present;
mod primaries;
mod primary;
mod reads;
mod reply;
mod restore;
mod rooms;
pub mod scripts;
mod settings;
mod shards;
mod shared;
mod signs;
mod slots;
mod standings;
mod users;
mod words;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use moka::sync::Cache;

use crate::metrics::record;
use crate::presence::{LoginId, Millis, Policy, Status, UserId};

pub use checkup::{Examined, ShardFacts};
pub use clock::Clock;
pub use due::{Due, DueMember, Expired};
pub use error::StoreError;
pub use events::{LeaseEvent, LeaseEvents};
pub use explain::{Facts, Record, SessionFacts};
pub use feed::{Heard, Listener};
pub use figures::{Figures, Memory, Work};
pub use keys::{Keys, LAYOUT, Shard};
pub use looks::InRooms;
pub use news::News;
pub use nodes::{LiveNode, Told};
pub use present::Present;
pub use restore::{Lost, Past, Rule};
pub use rooms::{Join, MOST_ROOMS, Members};
pub use shards::{OWNERSHIP, Opened, Ownership, STALL};
pub use words::{Answer, Bearer, Beat, Shown, Sign, Stats, View};

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
    /// A gap longer than this in the watch over a shard is a stall, and nobody expires by it; [`STALL`] unless a test
    /// jumps through time.
    pub stall: Duration,
    /// Most members of a room, more or less ([`Store::join`]).
    pub room_members: u64,
    /// This node's name.
    pub node: String,
}

/// Which part of Redis answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulse {
    /// All of it.
    Whole,
    /// Some primaries of a cluster do not, or some slots have none: their shards get 503, the others go on.
    Partial,
}

/// Presence in Redis. Every method is one domain event, and all of them may be repeated.
pub struct Store {
    link: link::Link,
    keys: Keys,
    policy: Policy,
    clock: Clock,
    batcher: batcher::Batcher,
    feed: feed::Feed,
    standings: Arc<standings::Standings>,
    /// Logins whose sign of life of this second is written, so that a busy page costs one a second.
    touched: Cache<(UserId, LoginId), ()>,
    sizes: rooms::Sizes,
    /// Signs of life above the pace of their login.
    lines: shared::Lines,
    token_life: Millis,
    stall: Duration,
    node: String,
    /// What records call this node; 0 before it has shown itself.
    number: AtomicU64,
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
        scripts::ALL.iter().for_each(|script| record::expect_script(script.name));
        let store = Self::on(link, settings);
        store.check_open_shards().await?;
        Ok(store)
    }

    /// Connects to look at what is there, however unfit: checks nothing, changes nothing.
    ///
    /// # Errors
    /// If Redis cannot be reached.
    pub async fn reach(settings: StoreSettings) -> Result<Self, StoreError> {
        Ok(Self::on(link::Link::reach(&settings.url).await?, settings))
    }

    fn on(link: link::Link, settings: StoreSettings) -> Self {
        let keys = Keys::new(&settings.prefix, settings.shards);
        let clock = Clock::default();
        let standings = Arc::new(standings::Standings::new(keys.shards()));
        Self {
            batcher: batcher::Batcher::new(link.clone(), keys.clone(), clock.clone(), Arc::clone(&standings)),
            feed: feed::Feed::new(link.clone(), keys.clone(), Arc::clone(&standings)),
            standings,
            lines: shared::Lines::default(),
            touched: Cache::builder().max_capacity(500_000).time_to_live(Duration::from_secs(1)).build(),
            sizes: rooms::Sizes::new(settings.room_members),
            policy: settings.policy,
            token_life: Millis(i64::try_from(settings.token_life.as_millis()).unwrap_or(i64::MAX)),
            stall: settings.stall,
            node: settings.node,
            number: AtomicU64::new(0),
            database: settings::database(&settings.url),
            link,
            keys,
            clock,
        }
    }

    /// Refuses data of another layout or number of shards before anything is written. All shards have the same, so the
    /// first that answers will do.
    async fn check_open_shards(&self) -> Result<(), StoreError> {
        let mut silence = None;
        for shard in 0..self.keys.shards() {
            match self.layout_of(shard).await {
                Ok(Some((layout, shards))) => return self.check_layout(layout, shards),
                Ok(None) => return Ok(()),
                Err(error) => silence = Some(error),
            }
        }
        silence.map_or(Ok(()), Err)
    }

    /// Layout and number of shards, as a shard's data were written; `None` if it has none.
    async fn layout_of(&self, shard: Shard) -> Result<Option<(i64, i64)>, StoreError> {
        use fred::prelude::HashesInterface;
        let meta = self.keys.meta(shard);
        let primary = self.link.primary(&meta)?;
        let fields = vec!["layout", "shards"];
        let written = primary.client().hmget::<Vec<Option<i64>>, _, _>(meta, fields).await;
        Ok(match primary.judge(written)?.as_slice() {
            [Some(layout), Some(shards)] => Some((*layout, *shards)),
            _ => None,
        })
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

    /// Sends heartbeats to Redis, and follows its primaries as they change. Runs until dropped; without it
    /// [`Store::beat`] waits for ever.
    pub async fn work(&self) {
        futures::future::join(self.batcher.work(), self.link.follow()).await;
    }

    /// Reads the outboxes as they grow, and tells what is in them. Runs until dropped. Best in a task of its own, so that
    /// a burst of changes holds up no heartbeat; without it each heartbeat asks Redis how its user stands.
    pub async fn follow(&self, listener: Listener<'_>) {
        self.feed.work(listener).await;
    }

    /// Subscribes to the end of leases, at every primary; begins as soon as it can.
    #[must_use]
    pub fn lease_events(&self) -> LeaseEvents {
        LeaseEvents::subscribe(self.link.clone(), self.keys.clone(), self.database, &self.node)
    }

    /// Asks every primary of Redis whether it answers, and gives up connections on which one has not for too long.
    ///
    /// # Errors
    /// If none does.
    pub async fn ping(&self) -> Result<Pulse, StoreError> {
        self.link.watch().await
    }

    /// What Redis says of itself.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn figures(&self) -> Result<Figures, StoreError> {
        figures::read(&self.link).await
    }
}

/// A score of `on`: status code * 10^13 + since (ms).
const SCALE: i64 = 10_000_000_000_000;

fn parse_score(score: &str) -> Option<(Status, Millis)> {
    let score = score.parse::<i64>().ok()?;
    Some((Status::from_code(score / SCALE)?, Millis(score % SCALE)))
}

/// A span as it goes into a script: ms.
fn millis(span: Duration) -> fred::prelude::Value {
    fred::prelude::Value::from(i64::try_from(span.as_millis()).unwrap_or(i64::MAX))
}
