//! People who never stop beating, and who remember how long they went without an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::Client;
use rollcall::presence::UserId;
use rollcall::store::{Keys, Shard};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::program::token;

/// How often somebody beats.
const BEAT: Duration = Duration::from_millis(400);

/// How soon somebody tries again who got no answer.
const RETRY: Duration = Duration::from_millis(100);

/// Within this time everybody's last heartbeat is taken.
const LAST: Duration = Duration::from_secs(20);

/// Somebody, and when the heartbeats of theirs that were taken were answered.
pub struct Witness {
    pub user: String,
    pub shard: Shard,
    pub taken: Vec<Instant>,
}

impl Witness {
    /// The longest time without an answer since a moment.
    pub fn longest_wait(&self, since: Instant) -> Duration {
        let before = self.taken.iter().rfind(|at| **at < since).copied().unwrap_or(since);
        let after = self.taken.iter().filter(|at| **at >= since);
        let times: Vec<Instant> = std::iter::once(&before).chain(after).copied().collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(Duration::MAX)
    }
}

/// People who beat until they are asked to stop.
pub struct Crowd {
    people: JoinSet<Witness>,
    stop: Arc<AtomicBool>,
}

impl Crowd {
    /// So many people in each shard, with numbers from `first` on; each beats at whichever node answers.
    pub fn gather(bases: &[String], shards: Shard, each: usize, first: u32) -> Self {
        let (mut people, stop) = (JoinSet::new(), Arc::new(AtomicBool::new(false)));
        let (keys, client) = (Keys::new("rc", shards), Client::new());
        for shard in 0..shards {
            for user in users_of(&keys, shard, first, each) {
                let mut bases = bases.to_vec();
                let nodes = bases.len();
                bases.rotate_left(people.len() % nodes);
                people.spawn(live(client.clone(), bases, user, shard, Arc::clone(&stop)));
            }
        }
        Self { people, stop }
    }

    /// Everybody stops with a heartbeat that was taken, and says how it was.
    pub async fn leave(mut self) -> Vec<Witness> {
        self.stop.store(true, Ordering::Relaxed);
        let mut told = Vec::new();
        let leaving = async {
            while let Some(witness) = self.people.join_next().await {
                told.push(witness.unwrap());
            }
        };
        tokio::time::timeout(LAST, leaving).await.expect("a last heartbeat is taken");
        told
    }
}

/// So many users of a shard, with numbers from `first` on.
pub fn users_of(keys: &Keys, shard: Shard, first: u32, many: usize) -> Vec<String> {
    let is_there = |user: &String| keys.shard_of(&UserId::parse(user).unwrap()) == shard;
    (first..).map(|number| number.to_string()).filter(is_there).take(many).collect()
}

async fn live(
    client: Client,
    bases: Vec<String>,
    user: String,
    shard: Shard,
    stop: Arc<AtomicBool>,
) -> Witness {
    let (token, mut taken) = (token(&user), Vec::new());
    loop {
        let is_last = stop.load(Ordering::Relaxed);
        if !beat(&client, &bases, &token).await {
            tokio::time::sleep(RETRY).await;
            continue;
        }
        taken.push(Instant::now());
        if is_last {
            break;
        }
        tokio::time::sleep(BEAT).await;
    }
    Witness { user, shard, taken }
}

/// A heartbeat at the first node that takes it.
pub async fn beat(client: &Client, bases: &[String], token: &str) -> bool {
    for base in bases {
        let request = client.post(format!("{base}/api/users/heartbeat/")).bearer_auth(token).json(&json!({}));
        if request.send().await.is_ok_and(|answer| answer.status() == 200) {
            return true;
        }
    }
    false
}
