//! Servers, databases and prefixes for tests. Tests share one pair of servers and nothing in it: each takes a
//! database and a Redis prefix of its own, so they run in parallel and in any order.

pub mod program;
#[path = "../../chaos/proxy.rs"]
pub mod proxy;
pub mod receiver;
pub mod service;
pub mod socket;

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rollcall::config::Surroundings;
use rollcall::devstack::{DevStack, Options, Search};
use rollcall::store::{Shard, Store};
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::OnceCell;

use proxy::Proxy;

/// Connections of a test's pool; many tests run at a time and the server takes 200.
const POOL: u32 = 5;

/// The pair of servers that all tests of this run share. It goes with the process. A test that breaks a server
/// starts its own by [`private_stack`].
pub fn stack() -> &'static DevStack {
    static STACK: OnceLock<DevStack> = OnceLock::new();
    STACK.get_or_init(|| DevStack::start(options()).unwrap_or_else(|error| panic!("{error}")))
}

/// A pair of servers for one test that kills, stops or fills one of them.
pub fn private_stack(change: impl FnOnce(&mut Options)) -> DevStack {
    let mut options = options();
    change(&mut options);
    DevStack::start(options).unwrap_or_else(|error| panic!("{error}"))
}

/// A stack without persistence, in a directory that goes with it.
pub fn options() -> Options {
    let around = Surroundings::read();
    let search = Search { postgres_bin: around.postgres_bin, path: around.path };
    // `/tmp` and not `TMPDIR`: sockets need a short path, and `postgres` must be able to enter.
    let dir = tempfile::Builder::new().prefix("rollcall-test-").tempdir_in("/tmp").unwrap();
    Options::passing(dir.keep(), search)
}

/// A fresh, migrated database of the shared server.
pub async fn database() -> PgPool {
    let url = database_url().await;
    PgPoolOptions::new().max_connections(POOL).connect(&url).await.unwrap()
}

/// The URL of a fresh, migrated database of the shared server, for tests that build a whole program.
pub async fn database_url() -> String {
    static TEMPLATE: OnceCell<()> = OnceCell::const_new();
    TEMPLATE.get_or_init(make_template).await;
    let name = unique("test");
    run(&stack().database_url(), format!("CREATE DATABASE {name} TEMPLATE template_rollcall")).await;
    stack().database_url_of(&name)
}

/// A fresh, migrated database of the shared server: its URL, and a proxy before it with the URL that leads through it.
pub async fn database_behind_proxy() -> (String, Proxy, String) {
    let direct = database_url().await;
    let (place, directory) = direct.split_once("?host=").unwrap();
    let proxy = Proxy::before(Path::new(directory).join(".s.PGSQL.5432")).await.unwrap();
    let (_, name) = place.rsplit_once('/').unwrap();
    let behind = format!("postgres://rollcall@127.0.0.1:{}/{name}?sslmode=disable", proxy.port());
    (direct, proxy, behind)
}

/// A Redis prefix that no other test uses.
pub fn prefix() -> String {
    unique("rc")
}

fn unique(word: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{word}{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

async fn make_template() {
    let stack = stack();
    run(&stack.database_url(), "CREATE DATABASE template_rollcall".into()).await;
    migrate(&stack.database_url_of("template_rollcall")).await;
}

/// The URL of the migrated database of a stack that a test has for itself.
pub async fn migrated(stack: &DevStack) -> String {
    migrate(&stack.database_url()).await;
    stack.database_url()
}

async fn migrate(url: &str) {
    rollcall::audit::migrate(&url.into()).await.unwrap();
}

async fn run(url: &str, sql: String) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}

/// Waits for a condition, looking every few milliseconds, and fails when it has not come in time.
pub async fn eventually<T>(what: &str, limit: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(started.elapsed() < limit, "{what}: not within {limit:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Sends one command to the shared Redis, and answers the reply as it came over the wire.
pub async fn redis_command(command: &str) -> String {
    redis_command_to(stack(), command).await
}

/// The same to the Redis of this stack.
pub async fn redis_command_to(stack: &DevStack, command: &str) -> String {
    let url = stack.redis_url();
    let mut socket = UnixStream::connect(url.strip_prefix("redis+unix://").unwrap()).await.unwrap();
    socket.write_all(format!("{command}\r\n").as_bytes()).await.unwrap();
    let mut reply = vec![0; 64 * 1024];
    let count = socket.read(&mut reply).await.unwrap();
    String::from_utf8_lossy(&reply[..count]).into_owned()
}

/// Appends an entry of these fields to a shard's outbox, as a script of another version would.
pub async fn add_entry(store: &Store, shard: Shard, fields: &str) {
    let text = "local n = redis.call('HINCRBY', KEYS[1], 'n', 1) \
        return redis.call('XADD', KEYS[2], n .. '-0', unpack(ARGV))";
    let (meta, log) = (store.keys().meta(shard), store.keys().log(shard));
    let reply = redis_command(&format!("EVAL \"{text}\" 2 {meta} {log} {fields}")).await;
    assert!(reply.starts_with('$'), "{reply}");
}
