//! One primary of Redis and the connections to it: fred with everything set that it leaves open.
//!
//! fred could speak to a whole cluster through one client, but that client has one task for all servers: measured, a
//! primary that is killed stops the calls on the others until the failover, and a frozen one may stop its shards for
//! ever. So each primary has clients of its own, which know of no cluster, and who serves what is our affair
//! (`link.rs`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use fred::cmd;
use fred::prelude::*;
use fred::types::ConnectHandle;
use fred::types::config::{Options, ReconnectError, TcpConfig, UnresponsiveConfig};
use futures::future::{join_all, try_join_all};
use tokio::sync::Notify;

use super::scripts::{self, Script};
use super::{StoreError, settings};
use crate::metrics::record;
use crate::presence::Millis;

/// A command that takes longer has failed as far as its caller is concerned; it may still run.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(1);

/// A question about the cluster itself has other nodes to ask.
const QUESTION_TIMEOUT: Duration = Duration::from_millis(700);

/// After so many time-outs in a row the connections are given up: fred does not notice a frozen server that it
/// keeps writing to.
const TIMEOUTS_BEFORE_RECONNECT: u32 = 20;

/// Two connections keep one Redis core busy; more only make batches smaller.
const CONNECTIONS: usize = 2;

/// Words with which a server says that it is not, or not now, the one to ask.
const ELSEWHERE: [&str; 5] = ["MOVED", "ASK", "READONLY", "CLUSTERDOWN", "MASTERDOWN"];

/// A primary and the connections to it, which end with it.
pub(super) struct Primary {
    /// `host:port`, or the path of a socket.
    pub name: String,
    config: Config,
    clients: Vec<Client>,
    connections: Vec<ConnectHandle>,
    turn: AtomicUsize,
    timeouts: AtomicU32,
    /// Whether its settings have been looked at.
    is_checked: AtomicBool,
    /// Wakes whoever knows where primaries are.
    elsewhere: Arc<Notify>,
}

impl Drop for Primary {
    fn drop(&mut self) {
        // Asking fred to stop would wait for the answers of a server that may be frozen.
        self.connections.iter().for_each(ConnectHandle::abort);
    }
}

/// fred without its traps: it reconnects for ever, every wait has an end and every queue a bound.
pub(super) fn client(config: &Config, ring: usize) -> Result<Client, StoreError> {
    let mut builder = Builder::from_config(config.clone());
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
            // A name may lead to another server by now: what a managed Redis does at a failover.
            connection.reconnect_errors =
                vec![ReconnectError::Loading, ReconnectError::MasterDown, ReconnectError::ReadOnly];
        })
        .with_performance_config(|performance| {
            performance.default_command_timeout = COMMAND_TIMEOUT;
            performance.broadcast_channel_capacity = ring;
        });
    builder.build().map_err(|error| unavailable(&error))
}

impl Primary {
    /// Begins to connect; fred goes on trying by itself.
    pub(super) fn begin(name: String, config: Config, elsewhere: Arc<Notify>) -> Result<Self, StoreError> {
        let mut primary = Self::apart(name, Config { fail_fast: false, ..config }, elsewhere)?;
        primary.connections = primary.clients.iter().map(ClientLike::connect).collect();
        Ok(primary)
    }

    /// Connects, or fails at once with the reason.
    pub(super) async fn connect(
        name: String,
        config: Config,
        elsewhere: Arc<Notify>,
    ) -> Result<Self, StoreError> {
        let mut primary = Self::apart(name, Config { fail_fast: true, ..config }, elsewhere)?;
        let connections = try_join_all(primary.clients.iter().map(ClientLike::init)).await;
        primary.connections = connections.map_err(|error| unavailable(&error))?;
        Ok(primary)
    }

    /// Without connections yet.
    fn apart(name: String, config: Config, elsewhere: Arc<Notify>) -> Result<Self, StoreError> {
        let clients = (0..CONNECTIONS).map(|_| client(&config, 32)).collect::<Result<_, _>>()?;
        let (connections, turn, timeouts, is_checked) = Default::default();
        Ok(Self { name, config, clients, connections, turn, timeouts, is_checked, elsewhere })
    }

    /// How to connect to it.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// A connection, for plain reads.
    pub(super) fn client(&self) -> &Client {
        &self.clients[self.turn.fetch_add(1, Ordering::Relaxed) % self.clients.len()]
    }

    /// Whether one of its connections stands.
    pub(super) fn is_connected(&self) -> bool {
        self.clients.iter().any(ClientLike::is_connected)
    }

    /// Waits for the first connection, for so long at most.
    pub(super) async fn connected(&self, patience: Duration) -> Result<(), StoreError> {
        let connected = tokio::time::timeout(patience, self.client().wait_for_connect()).await;
        connected
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::Timeout, "no answer")))
            .map_err(|error| StoreError::Unavailable(format!("{}: {error}", self.name)))
    }

    /// Runs a script by its hash; where Redis does not have it (restart, failover), by its text.
    pub(super) async fn run(
        &self,
        script: &'static Script,
        keys: &[Key],
        args: &[Value],
    ) -> Result<Value, Error> {
        let client = self.client();
        let reply = client.evalsha(script.hash(), keys.to_vec(), args.to_vec()).await;
        match reply {
            Err(error) if error.details().starts_with("NOSCRIPT") => {
                client.eval(script.body, keys.to_vec(), args.to_vec()).await
            }
            reply => reply,
        }
    }

    /// Counts time-outs in a row, and puts errors into the words of the store.
    pub(super) fn judge<T>(&self, reply: Result<T, Error>) -> Result<T, StoreError> {
        let error = match reply {
            Ok(value) => {
                self.timeouts.store(0, Ordering::Relaxed);
                return Ok(value);
            }
            Err(error) => error,
        };
        if *error.kind() == ErrorKind::Timeout {
            self.timeouts.fetch_add(1, Ordering::Relaxed);
        }
        if *error.kind() != ErrorKind::Backpressure && !is_refusal(&error) {
            self.elsewhere.notify_one();
        }
        Err(match error.kind() {
            ErrorKind::Backpressure => StoreError::Overloaded,
            _ if is_refusal(&error) => StoreError::Refused(error.to_string()),
            _ => StoreError::Unavailable(format!("{}: {error}", self.name)),
        })
    }

    /// Gives frozen connections up: called on a timer. Pings, so that an idle node notices too.
    pub(super) async fn watch(&self) -> Result<(), StoreError> {
        let pings = join_all(self.clients.iter().map(|client| client.ping::<Value>(None))).await;
        let answer = self.judge(pings.into_iter().collect::<Result<Vec<_>, _>>());
        if self.timeouts.load(Ordering::Relaxed) >= TIMEOUTS_BEFORE_RECONNECT {
            self.timeouts.store(0, Ordering::Relaxed);
            record::redis_reconnect();
            join_all(self.clients.iter().map(reconnect)).await;
        }
        answer.map(drop)
    }

    /// Its clock, read now.
    pub(super) async fn time(&self) -> Result<Millis, StoreError> {
        let (seconds, micros): (i64, i64) =
            self.judge(self.client().custom(cmd!("TIME"), Vec::<Value>::new()).await)?;
        Ok(Millis(seconds * 1_000 + micros / 1_000))
    }

    /// Asks what this node knows of its cluster.
    pub(super) async fn cluster_nodes(&self) -> Result<String, StoreError> {
        self.judge(cluster_nodes(self.client()).await)
    }

    /// Looks at its settings once, as soon as it answers: one that joins later cannot be refused any more, but what is
    /// wrong with it can be said.
    pub(super) async fn check_once(&self) {
        if !self.is_connected() || self.is_checked.load(Ordering::Relaxed) {
            return;
        }
        match settings::check(self).await {
            Ok(()) => self.mark_checked(),
            Err(StoreError::Unfit(problem)) => {
                self.mark_checked();
                tracing::error!(primary = self.name, problem, "a primary is unfit for presence");
            }
            Err(error) => tracing::debug!(primary = self.name, %error, "cannot check a primary"),
        }
    }

    pub(super) fn mark_checked(&self) {
        self.is_checked.store(true, Ordering::Relaxed);
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

/// Gives a connection up. fred goes on trying for a new one after this has stopped waiting.
pub(super) async fn reconnect(client: &Client) {
    let _ = tokio::time::timeout(COMMAND_TIMEOUT, client.force_reconnection()).await;
}

/// Asks a node what it knows of its cluster.
pub(super) async fn cluster_nodes(client: &Client) -> Result<String, Error> {
    client.with_options(&question()).cluster_nodes().await
}

/// How a question is asked whose answer others can give as well: briefly, and once.
pub(super) fn question() -> Options {
    Options { timeout: Some(QUESTION_TIMEOUT), max_attempts: Some(1), ..Options::default() }
}

/// Whether a server said that another one is to be asked.
pub(super) fn is_elsewhere(error: &Error) -> bool {
    ELSEWHERE.iter().any(|word| error.details().starts_with(word))
}

/// Redis calls a defect `ERR`; everything else (READONLY, TRYAGAIN, LOADING, no answer) passes.
fn is_refusal(error: &Error) -> bool {
    error.details().starts_with("ERR")
}

pub(super) fn unavailable(error: &Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
