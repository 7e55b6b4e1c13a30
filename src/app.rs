//! The one value that everything else is handed: every component, built once from the settings.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;

use crate::accounts::{Accounts, BlockTable, Counts, KeyRing, Orgs, RefreshMode, RefreshRules, Visibilities};
use crate::audit::Audit;
use crate::auth::{AuthSettings, KeyTimes, PasswordCost, Passwords, Tokens, Vault, Verifier};
use crate::config::{Config, RefreshRotation, RoomPolicy};
use crate::courier::Courier;
use crate::presence::{Millis, Policy};
use crate::store::limits::{Limits, Pace, Quota, Quotas};
use crate::store::{STALL, Store, StoreSettings};
use crate::{database, metrics, moment};

/// For how long a refresh token may come back after its exchange: answers get lost.
const REFRESH_GRACE: Duration = Duration::from_secs(10);
/// Logins that may wait for a password check, for each thread that checks: about a second's worth.
const PASSWORDS_WAITING: usize = 32;
/// Ended logins are remembered for so much longer than their tokens live: clocks differ, and a refresh may overtake a
/// logout.
pub const TOKEN_MARGIN: Duration = Duration::from_secs(60);
/// What fails where Redis cannot be reached.
const CONNECTING: &str = "connecting to Redis (ROLLCALL_REDIS_URL)";
/// Connections to Postgres of one node.
pub const POSTGRES_CONNECTIONS: u32 = 16;

/// Every component of a node. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Components>);

/// What an [`App`] holds.
pub struct Components {
    /// The settings, validated.
    pub config: Config,
    /// The times of presence.
    pub policy: Policy,
    /// Presence, in Redis.
    pub store: Store,
    /// The history of presence, in Postgres.
    pub audit: Audit,
    /// People and their logins, in Postgres.
    pub accounts: Accounts,
    /// Who may see when people were last seen, as this node knows it.
    pub visibilities: Visibilities,
    /// Which service keys are good.
    pub service_keys: KeyRing,
    /// How many accounts long lists have.
    pub counts: Counts,
    /// In which organisations accounts are.
    pub orgs: Orgs,
    /// How often callers may register and log in.
    pub limits: Limits,
    /// How many requests a login may send; `None` is no limit.
    pub pace: Option<Pace>,
    /// Addresses whose requests are refused.
    pub blocks: BlockTable,
    /// By which rules refresh tokens are exchanged.
    pub refresh_rules: RefreshRules,
    /// Our own access tokens: issued.
    pub tokens: Arc<Tokens>,
    /// Access tokens, our own and those of trusted issuers: verified.
    pub verifier: Verifier,
    /// Secrets of second factors: sealed and opened.
    pub vault: Vault,
    /// Passwords: hashed and checked.
    pub passwords: Passwords,
    /// What other servers are told, carried there.
    pub courier: Courier,
    /// What `/metrics` renders.
    pub metrics: &'static metrics::Handle,
    /// Since when this node runs, by its own clock.
    pub started_at: Millis,
    /// The node is about to stop: probes should send clients elsewhere.
    draining: AtomicBool,
}

impl Deref for App {
    type Target = Components;

    fn deref(&self) -> &Components {
        &self.0
    }
}

impl App {
    /// Builds every component. Redis must be up, because it is checked to be fit for presence; Postgres need not be.
    ///
    /// # Errors
    /// A setting that serving needs is missing, or a component refuses its settings.
    pub async fn build(config: Config) -> anyhow::Result<Self> {
        config.check_serving()?;
        let secret = config.auth.secret()?.clone();
        let tokens = Arc::new(own_tokens(&config)?);
        let verifier = Verifier::new(Arc::clone(&tokens), &config.auth.issuers, KeyTimes::default());
        let verifier = verifier.map_err(anyhow::Error::msg).context("trusted issuers")?;
        let verifier = verifier.with_open_rooms(config.live.rooms == RoomPolicy::Open);
        // One core is always left to those who send no password.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let hashing = (cores - 1).max(1);
        let passwords = Passwords::new(PasswordCost::default(), hashing, hashing * PASSWORDS_WAITING)
            .context("the settings of password hashing")?;
        let database = config.database.url()?.expose().into();
        let pool = database::connect(&database, true, POSTGRES_CONNECTIONS)?;
        let policy = config.policy();
        let store = connect_store(&config).await?;
        let vault = Vault::new(&secret, config.auth.previous_secret());
        let mode = match config.auth.refresh_rotation {
            RefreshRotation::Rotate => RefreshMode::Rotate,
            RefreshRotation::Fixed => RefreshMode::Fixed,
        };
        let refresh_rules = RefreshRules { mode, grace: REFRESH_GRACE, secret };
        let demanded = config.auth.require_totp.lowest_role();
        let accounts = Accounts::new(pool.clone()).demanding_totp(demanded);
        let courier = Courier::new(config.webhooks.allow_private).map_err(anyhow::Error::msg)?;
        Ok(Self(Arc::new(Components {
            limits: Limits::new(Quotas::from(&config.limits)),
            pace: config.limits.requests.0.map(|rate| Pace::new(Quota::from(rate))),
            blocks: BlockTable::default(),
            policy,
            store,
            audit: Audit::new(pool),
            visibilities: Visibilities::default(),
            service_keys: KeyRing::new(accounts.clone()),
            counts: Counts::default(),
            orgs: Orgs::new(accounts.clone()),
            accounts,
            vault,
            refresh_rules,
            tokens,
            verifier,
            passwords,
            courier,
            metrics: metrics::install(),
            started_at: moment::now(),
            draining: AtomicBool::new(false),
            config,
        })))
    }

    /// Tells probes that this node is about to stop.
    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether it is.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

/// Our own access tokens, as the settings say.
///
/// # Errors
/// There is nothing to sign with, or a key is none.
pub fn own_tokens(config: &Config) -> anyhow::Result<Tokens> {
    let auth = &config.auth;
    let settings = AuthSettings {
        secret: auth.shared_secret().cloned(),
        previous_secret: auth.previous_secret().cloned(),
        signing_key: auth.signing_key().cloned(),
        previous_signing_key: auth.previous_signing_key().cloned(),
        issuer: auth.issuer.clone(),
        audience: auth.audience.clone(),
        access_ttl: auth.access_ttl.duration(),
    };
    Tokens::new(&settings)
        .context("the keys of access tokens (ROLLCALL_AUTH_SIGNING_KEY, ROLLCALL_AUTH_SECRET)")
}

/// Connects to the Redis that the settings name.
///
/// # Errors
/// The URL is missing, or Redis cannot be reached or is unfit for presence.
pub async fn connect_store(config: &Config) -> anyhow::Result<Store> {
    Store::connect(store_settings(config)?).await.context(CONNECTING)
}

/// Connects to it to look at what is there, however unfit it is for presence; changes nothing.
///
/// # Errors
/// The URL is missing, or Redis cannot be reached.
pub async fn look_at_store(config: &Config) -> anyhow::Result<Store> {
    Store::reach(store_settings(config)?).await.context(CONNECTING)
}

fn store_settings(config: &Config) -> anyhow::Result<StoreSettings> {
    Ok(StoreSettings {
        url: config.redis.url()?.expose().to_owned(),
        prefix: config.redis.prefix.clone(),
        shards: config.redis.shards,
        policy: config.policy(),
        token_life: config.auth.access_ttl.duration() + TOKEN_MARGIN,
        stall: STALL,
        room_members: config.live.room_members,
        node: config.listen.node_name(),
    })
}
