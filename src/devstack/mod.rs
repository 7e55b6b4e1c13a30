//! A private Redis and Postgres: what `rollcall dev` runs on, and what the tests break on purpose.
//!
//! Both listen on Unix sockets only, so nothing on the machine can clash with them. Each server is started by a
//! small shell guardian (`guardian.rs`) that ends it when this process is gone, however it went: a `kill -9` of
//! the parent leaves no orphan. Everything here blocks and uses threads' sleep, not tokio's: one stack is shared
//! by tests whose runtimes come and go. Clusters and sentinels need ports and many servers: they are a [`Fleet`].

mod binaries;
mod fleet;
mod guardian;
mod identity;
mod place;
mod postgres;
mod redis;
mod server;

use std::path::PathBuf;
use std::sync::Arc;

pub use binaries::Search;
pub use fleet::{Fleet, Member};
pub use server::{Data, Server};

use binaries::Binaries;
use identity::Identity;
use place::Place;

/// How a stack should be.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where data, logs and the lock file live; made if missing.
    pub data_dir: PathBuf,
    /// Where the servers' programs are looked for.
    pub search: Search,
    /// Whether Redis keeps its data when it ends (append-only file, written each second).
    pub redis_persists: bool,
    /// Whether Redis also listens on a free port of 127.0.0.1, for tests that put a proxy before it.
    pub redis_tcp: bool,
    /// Whether Postgres is made and started; without it a stack is there in a moment.
    pub postgres: bool,
    /// Whether Postgres writes through to the disk: `false` is faster and loses data when the machine stops.
    pub postgres_durable: bool,
    /// Whether everything is removed when the process ends.
    pub ephemeral: bool,
}

impl Options {
    /// A stack that keeps its data in `data_dir`: what `rollcall dev` uses.
    #[must_use]
    pub fn lasting(data_dir: PathBuf, search: Search) -> Self {
        Self {
            data_dir,
            search,
            redis_persists: true,
            redis_tcp: false,
            postgres: true,
            postgres_durable: false,
            ephemeral: false,
        }
    }

    /// A stack that leaves nothing behind: what tests use.
    #[must_use]
    pub fn passing(data_dir: PathBuf, search: Search) -> Self {
        Self { redis_persists: false, ephemeral: true, ..Self::lasting(data_dir, search) }
    }
}

/// Why a stack could not be started, or a server not be moved.
#[derive(Debug, thiserror::Error)]
pub enum DevStackError {
    /// A program is not installed.
    #[error("{what} was not found ({looked}). Install it: {advice}")]
    Missing {
        /// Which program.
        what: &'static str,
        /// Where it was looked for.
        looked: String,
        /// A line for apt, a line for brew.
        advice: &'static str,
    },
    /// Another process uses the data directory.
    #[error("{0} is in use by another rollcall: stop it, or choose another --data-dir")]
    InUse(PathBuf),
    /// A file or process operation failed.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A server ended early, refused or never became ready.
    #[error("{server} {what}\n--- end of {} ---\n{tail}", log.display())]
    Server {
        /// `redis` or `postgres`.
        server: &'static str,
        /// What went wrong.
        what: String,
        /// Its log file.
        log: PathBuf,
        /// The last lines of it.
        tail: String,
    },
}

/// Names the operation that an I/O error belongs to.
fn failed(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> DevStackError {
    let what = what.into();
    move |source| DevStackError::Io { what, source }
}

/// A running pair of servers. Dropping it, or the end of the process, ends both.
#[derive(Debug)]
pub struct DevStack {
    redis: Server,
    postgres: Server,
    place: Place,
    tcp_port: Option<u16>,
    // The last field: it goes when the servers are gone, and with it the directory of an ephemeral stack.
    _broom: Option<guardian::Broom>,
}

impl DevStack {
    /// Finds the programs, takes the data directory, starts both servers and waits until they answer.
    ///
    /// # Errors
    /// [`DevStackError`]: a program is missing, the directory is in use or not writable, a server does not start.
    pub fn start(options: Options) -> Result<Self, DevStackError> {
        let binaries = Binaries::find(&options.search)?;
        let identity = Identity::of_children()?;
        let place = Place::take(&options.data_dir, &identity)?;
        let broom = options.ephemeral.then(|| guardian::Broom::over(&place.dirs())).transpose()?;
        let tcp_port = options.redis_tcp.then(redis::free_port).transpose()?;
        let launch = redis::launch(&binaries, &place, options.redis_persists, tcp_port);
        let redis = Server::new(launch, Arc::new(redis::Probe::new(&place)));
        if options.postgres {
            postgres::prepare(&binaries, &place, &identity)?;
        }
        let launch = postgres::launch(&binaries, &place, &identity, options.postgres_durable);
        let postgres = Server::new(launch, Arc::new(postgres::Probe::new(&place)));
        redis.start(Data::Kept)?;
        if options.postgres {
            postgres.start(Data::Kept)?;
        }
        Ok(Self { redis, postgres, place, tcp_port, _broom: broom })
    }

    /// The Redis server.
    #[must_use]
    pub fn redis(&self) -> &Server {
        &self.redis
    }

    /// The Postgres server.
    #[must_use]
    pub fn postgres(&self) -> &Server {
        &self.postgres
    }

    /// `redis+unix:///path`.
    #[must_use]
    pub fn redis_url(&self) -> String {
        format!("redis+unix://{}", self.place.redis_socket().display())
    }

    /// `redis://127.0.0.1:port`, if the stack was asked for a port.
    #[must_use]
    pub fn redis_tcp_url(&self) -> Option<String> {
        self.tcp_port.map(|port| format!("redis://127.0.0.1:{port}"))
    }

    /// The database `rollcall`, as its owner, who may create databases and roles.
    #[must_use]
    pub fn database_url(&self) -> String {
        self.database_url_of("rollcall")
    }

    /// Another database of the same server.
    #[must_use]
    pub fn database_url_of(&self, database: &str) -> String {
        format!("postgres://rollcall@localhost:5432/{database}?host={}", self.place.sockets().display())
    }

    /// Where data and logs are.
    #[must_use]
    pub fn data_dir(&self) -> &std::path::Path {
        self.place.data_dir()
    }

    /// Ends both in order: each writes what it has and says goodbye.
    ///
    /// # Errors
    /// [`DevStackError::Io`] if a server could not be told.
    pub fn stop(&self) -> Result<(), DevStackError> {
        self.postgres.stop()?;
        self.redis.stop()
    }
}
