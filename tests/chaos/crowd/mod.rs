//! A crowd of clients over real HTTP, and one in three over a socket: they beat at the told pace, fall silent, come back, say goodbye, log out, turn
//! idle and active, busy and invisible, go to another node when theirs does not answer, and remember all of it.

mod client;
mod holder;
mod log;
mod sights;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::Client;
use rollcall::auth::{AuthSettings, Grant, Tokens};
use rollcall::presence::{LoginId, Org, Role, UserId};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio_util::task::TaskTracker;

pub(crate) use client::Mode;
pub(crate) use log::{Heard, Request, What};
pub(crate) use sights::Sights;

/// Signs the tokens of the crowd.
pub(crate) const SECRET: &str = "what signs tokens where things are broken on purpose";

/// Longer than any run.
pub(crate) const TOKEN_LIFE: Duration = Duration::from_secs(24 * 3600);

/// Of the accounts in the crowd.
const PASSWORD: &str = "a password of the crowd";

/// One in so many clients has an account. Hashing passwords is dear, so there are not more than [`MOST_ACCOUNTS`].
const ACCOUNTS: u32 = 10;
const MOST_ACCOUNTS: u32 = 40;

/// One in so many of the others holds a socket.
const HOLDERS: u32 = 3;

/// A client gives a node so long: three of them, and the interval, are less than a session lives.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Of each client, what others look at.
#[derive(Debug)]
pub(crate) struct Witness {
    pub(crate) user: String,
    /// The name of its account, if it has one.
    pub(crate) account: Option<String>,
    /// Never changes its ways: it beats from the first moment to the last.
    pub(crate) steady: bool,
    pub(crate) mode: Mode,
    /// Since when (ms).
    pub(crate) since: i64,
    /// The status it has set for itself.
    pub(crate) claim: Option<&'static str>,
    /// What it sees of those whom it watches, while its socket is open and it was shown all of them.
    pub(crate) sights: Option<Sights>,
    /// Its requests since they were last judged, and the end of those before.
    pub(crate) log: Vec<Request>,
}

impl Witness {
    /// Whether a beat, of somebody idle or not, that is answered with this status was told what the client has set for
    /// itself.
    pub(crate) fn told(&self, status: &str, idle: bool) -> bool {
        fits(self.claim, status) && (idle || self.claim.is_some() || status != "away")
    }
}

/// Whether somebody who set this for themselves may be told this status. Who has set nothing may be idle.
pub(crate) fn fits(claim: Option<&str>, status: &str) -> bool {
    status == "offline" || claim.map_or(status == "online" || status == "away", |claim| claim == status)
}

/// What all clients share.
pub(crate) struct World {
    bases: Vec<String>,
    http: Vec<Client>,
    tokens: Tokens,
    /// While set nobody changes its ways.
    held: AtomicBool,
    stopped: AtomicBool,
    requests: AtomicU64,
    acknowledged: AtomicU64,
    /// Newcomers whom a full store refused.
    turned_away: AtomicU64,
}

/// The running crowd.
pub(crate) struct Crowd {
    pub(crate) world: Arc<World>,
    pub(crate) clients: Vec<Arc<Mutex<Witness>>>,
    running: TaskTracker,
}

/// Numbers of a moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) acknowledged: u64,
    pub(crate) turned_away: u64,
}

impl World {
    fn new(bases: Vec<String>) -> anyhow::Result<Self> {
        // A pool per node: what is kept alive to one says nothing of another.
        let client = |_| {
            Client::builder()
                .timeout(PATIENCE)
                .connect_timeout(Duration::from_millis(500))
                .pool_max_idle_per_host(64)
                .build()
        };
        Ok(Self {
            http: bases.iter().map(client).collect::<Result<_, _>>()?,
            bases,
            tokens: Tokens::new(&AuthSettings {
                secret: Some(SECRET.into()),
                issuer: "rollcall".into(),
                audience: "rollcall".into(),
                access_ttl: TOKEN_LIFE,
                ..AuthSettings::default()
            })?,
            held: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
        })
    }

    /// Makes an account; answers its id.
    async fn register(&self, name: &str) -> anyhow::Result<String> {
        let request = Client::new()
            .post(format!("{}/api/auth/register/", self.bases[0]))
            .json(&json!({"username": name, "password": PASSWORD}));
        let answer: Value = request.send().await?.error_for_status()?.json().await?;
        Ok(answer["user"]["id"].as_i64().context("an account has an id")?.to_string())
    }

    /// A token as the service itself would issue it.
    pub(crate) fn token(&self, user: &str, login: &str, role: Role) -> anyhow::Result<String> {
        let grant = Grant {
            user: UserId::parse(user)?,
            org: Org::default(),
            login: LoginId::parse(login)?,
            token_version: 0,
            role,
        };
        Ok(self.tokens.issue(&grant, OffsetDateTime::now_utc()))
    }
}

impl Crowd {
    /// Sends so many people to the nodes. Their choices follow from the seed.
    pub(crate) async fn gather(bases: Vec<String>, people: u32, seed: u64) -> anyhow::Result<Self> {
        let world = Arc::new(World::new(bases)?);
        let running = TaskTracker::new();
        let mut rng = StdRng::seed_from_u64(seed);
        let accounts = (people / ACCOUNTS).min(MOST_ACCOUNTS);
        let mut clients = Vec::new();
        for number in 0..people {
            let account = (number < accounts).then(|| format!("member-{number}"));
            let user = match &account {
                Some(name) => world.register(name).await.context("make an account")?,
                None => format!("crowd~{number}"),
            };
            clients.push(Arc::new(Mutex::new(Witness {
                user,
                account,
                steady: rng.random_bool(0.4),
                mode: Mode::Gone,
                since: crate::times::now(),
                claim: None,
                sights: None,
                log: Vec::new(),
            })));
        }
        let others = Arc::new(clients.iter().map(|client| look(client).user.clone()).collect::<Vec<_>>());
        for (number, witness) in clients.iter().enumerate() {
            let rng = StdRng::seed_from_u64(seed ^ ((number as u64) << 20));
            let (world, witness) = (Arc::clone(&world), Arc::clone(witness));
            if number >= accounts as usize && number.is_multiple_of(HOLDERS as usize) {
                running.spawn(holder::live(world, witness, number, rng, Arc::clone(&others)));
            } else {
                running.spawn(client::live(world, witness, number, rng));
            }
        }
        running.close();
        Ok(Self { world, clients, running })
    }

    /// Nobody changes its ways from now on; who beats goes on beating.
    pub(crate) fn hold(&self, held: bool) {
        self.world.held.store(held, Ordering::Relaxed);
    }

    pub(crate) async fn stop(&self) {
        self.world.stopped.store(true, Ordering::Relaxed);
        self.running.wait().await;
    }

    pub(crate) fn counts(&self) -> Counts {
        let world = &self.world;
        Counts {
            requests: world.requests.load(Ordering::Relaxed),
            acknowledged: world.acknowledged.load(Ordering::Relaxed),
            turned_away: world.turned_away.load(Ordering::Relaxed),
        }
    }
}

/// The witness; one whose task panicked has still seen what it has seen.
pub(crate) fn look(witness: &Mutex<Witness>) -> std::sync::MutexGuard<'_, Witness> {
    witness.lock().unwrap_or_else(PoisonError::into_inner)
}
