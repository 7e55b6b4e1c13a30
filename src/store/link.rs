//! The connection to Redis: fred with everything set that it leaves open, and the call of a script.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use fred::prelude::*;
use fred::types::config::{ReconnectError, TcpConfig, UnresponsiveConfig};

use super::scripts::Script;
use super::{StoreError, scripts};
use crate::metrics::record;

/// A command that takes longer has failed as far as its caller is concerned; it may still run.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(1);

/// After so many time-outs in a row the connection is given up: fred does not notice a frozen server that it
/// keeps writing to.
const TIMEOUTS_BEFORE_RECONNECT: u32 = 20;

/// Two connections keep one Redis core busy; more only make batches smaller.
const POOL: usize = 2;

/// The ring of keyspace events that a subscriber may lag behind; fred's default of 32 loses nearly all of a burst. Four
/// times as many took 35 MB more at rest; what a larger burst loses the nudge finds.
const EVENT_RING: usize = 16_384;

/// Data connections to Redis.
#[derive(Clone)]
pub(super) struct Link {
    pool: Pool,
    timeouts: std::sync::Arc<AtomicU32>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

/// fred without its traps: it reconnects for ever, every wait has an end and every queue a bound.
fn builder(url: &str, ring: usize) -> Result<Builder, StoreError> {
    let mut config = Config::from_url(url).map_err(|error| unavailable(&error))?;
    config.version = fred::types::RespVersion::RESP3;
    config.fail_fast = true;
    let mut builder = Builder::from_config(config);
    builder
        .set_policy(ReconnectPolicy::new_exponential(0, 50, 1_000, 2))
        .with_connection_config(|connection| {
            connection.connection_timeout = Duration::from_secs(1);
            connection.internal_command_timeout = Duration::from_secs(1);
            connection.max_command_attempts = 2;
            connection.max_command_buffer_len = 10_000;
            connection.auto_client_setname = true;
            connection.tcp = TcpConfig {
                nodelay: Some(true),
                user_timeout: Some(Duration::from_secs(2)),
                ..TcpConfig::default()
            };
            connection.unresponsive = UnresponsiveConfig {
                max_timeout: Some(Duration::from_millis(1_500)),
                interval: Duration::from_millis(250),
            };
            connection.reconnect_errors = vec![
                ReconnectError::ClusterDown,
                ReconnectError::Loading,
                ReconnectError::MasterDown,
                ReconnectError::ReadOnly,
            ];
        })
        .with_performance_config(|performance| {
            performance.default_command_timeout = COMMAND_TIMEOUT;
            performance.broadcast_channel_capacity = ring;
        });
    Ok(builder)
}

/// A client of its own for keyspace events, connected.
pub(super) async fn subscriber(url: &str) -> Result<Client, StoreError> {
    let client = builder(url, EVENT_RING)?.build().map_err(|error| unavailable(&error))?;
    client.init().await.map_err(|error| unavailable(&error))?;
    Ok(client)
}

impl Link {
    /// Connects; fails at once if Redis cannot be reached now.
    pub(super) async fn connect(url: &str) -> Result<Self, StoreError> {
        let pool = builder(url, 32)?.build_pool(POOL).map_err(|error| unavailable(&error))?;
        pool.init().await.map_err(|error| unavailable(&error))?;
        Ok(Self { pool, timeouts: std::sync::Arc::default() })
    }

    /// Whether keys live on several servers, so that a call must keep to one shard.
    pub(super) fn is_clustered(&self) -> bool {
        self.pool.is_clustered()
    }

    /// A connection of the pool, for plain reads.
    pub(super) fn client(&self) -> &Client {
        self.pool.next()
    }

    /// Runs a script by its hash; where Redis does not have it (restart, failover), by its text.
    ///
    /// # Errors
    /// `Unavailable` if Redis did not answer; the script may have run all the same.
    pub(super) async fn call(
        &self,
        script: &'static Script,
        keys: impl IntoIterator<Item = impl Into<Key>>,
        args: Vec<Value>,
    ) -> Result<Value, StoreError> {
        let keys: Vec<Key> = keys.into_iter().map(Into::into).collect();
        debug_assert!(
            script.keys.fits(keys.len()) && script.args.fits(args.len()),
            "{} got {} keys and {} arguments",
            script.name,
            keys.len(),
            args.len()
        );
        let started = Instant::now();
        let client = self.client();
        let mut reply = client.evalsha(script.hash(), keys.clone(), args.clone()).await;
        if let Err(error) = &reply
            && error.details().starts_with("NOSCRIPT")
        {
            reply = client.eval(script.body, keys, args).await;
        }
        record::script(script.name, started.elapsed());
        self.judge(reply)
    }

    /// Counts time-outs in a row, and puts errors into the words of the store.
    pub(super) fn judge<T>(&self, reply: Result<T, Error>) -> Result<T, StoreError> {
        match reply {
            Ok(value) => {
                self.timeouts.store(0, Ordering::Relaxed);
                Ok(value)
            }
            Err(error) => {
                if *error.kind() == ErrorKind::Timeout {
                    self.timeouts.fetch_add(1, Ordering::Relaxed);
                }
                Err(match error.kind() {
                    ErrorKind::Backpressure => StoreError::Overloaded,
                    _ if error.details().starts_with("ERR") => StoreError::Refused(error.to_string()),
                    _ => unavailable(&error),
                })
            }
        }
    }

    /// Gives frozen connections up: called on a timer. Pings, so that an idle node notices too.
    pub(super) async fn watch(&self) -> Result<(), StoreError> {
        let answer =
            futures::future::join_all(self.pool.clients().iter().map(|client| client.ping::<Value>(None)))
                .await
                .into_iter()
                .collect::<Result<Vec<_>, _>>();
        let answer = self.judge(answer);
        if self.timeouts.load(Ordering::Relaxed) >= TIMEOUTS_BEFORE_RECONNECT {
            self.timeouts.store(0, Ordering::Relaxed);
            record::redis_reconnect();
            for client in self.pool.clients() {
                let _ = client.force_reconnection().await;
            }
        }
        answer.map(drop)
    }

    /// Loads every script, so that the first calls need not carry their text.
    pub(super) async fn preload(&self) -> Result<(), StoreError> {
        for script in scripts::ALL {
            let loaded: Result<String, _> = self.client().script_load(script.body).await;
            self.judge(loaded)?;
        }
        Ok(())
    }
}

pub(super) fn unavailable(error: &Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
