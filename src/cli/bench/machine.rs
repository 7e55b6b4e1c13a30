//! On what was measured: without it a figure means nothing.

use std::path::Path;

use secrecy::SecretString;
use tokio_util::task::AbortOnDropHandle;

use crate::app::App;
use crate::config::{Config, StoreUrl, Surroundings};
use crate::devstack::{DevStack, Options, Search};

/// A private stack that goes with the process, with a Postgres that writes through to the disk.
pub(super) async fn durable_stack() -> anyhow::Result<DevStack> {
    let around = Surroundings::read();
    let search = Search { postgres_bin: around.postgres_bin, path: around.path };
    let dir = Path::new("/tmp").join(format!("rollcall-bench-{}", std::process::id()));
    let options = Options { postgres_durable: true, redis_persists: true, ..Options::passing(dir, search) };
    Ok(tokio::task::spawn_blocking(|| DevStack::start(options)).await??)
}

/// The settings of a node on these servers.
pub(super) fn config_on(config: &Config, stack: &DevStack, secret: SecretString) -> anyhow::Result<Config> {
    let mut config = config.clone();
    config.redis.url = Some(StoreUrl::redis(&stack.redis_url()).map_err(anyhow::Error::msg)?);
    config.database.url = Some(StoreUrl::postgres(&stack.database_url()).map_err(anyhow::Error::msg)?);
    config.auth.set_secret(secret);
    config.validate()?;
    Ok(config)
}

/// A line that names the machine, this program, and the servers if they are ours.
pub(super) fn described(stack: Option<&DevStack>) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let memory = field("/proc/meminfo", "MemTotal")
        .and_then(|text| text.trim_end_matches(" kB").parse::<u64>().ok())
        .map_or_else(String::new, |kib| format!(", {} GiB", kib / (1024 * 1024)));
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    let mut line =
        format!("{cores} x {processor}{memory}; rollcall {} ({build} build)", env!("CARGO_PKG_VERSION"));
    if let Some(stack) = stack {
        let logged = |file: &str, before: &str| version(&stack.data_dir().join(file), before);
        line += &format!(
            ", Redis {}, Postgres {} (durable), all on this machine",
            logged("redis.log", "version="),
            logged("postgres.log", "PostgreSQL ")
        );
    }
    line
}

/// The value of a line `name : value`.
fn field(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The version that a server has written into its log.
fn version(log: &Path, before: &str) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let after = text.split_once(before).map_or("?", |(_, after)| after);
    after.split([' ', ',', '\n']).next().unwrap_or("?").to_owned()
}

/// What the store of this process needs to run beside those who use it, as in a node: its batches, and what it hears of
/// people's standing.
pub(super) fn working(app: &App) -> [AbortOnDropHandle<()>; 2] {
    let (batches, feed) = (app.clone(), app.clone());
    [
        AbortOnDropHandle::new(tokio::spawn(async move { batches.store.work().await })),
        AbortOnDropHandle::new(tokio::spawn(async move { feed.store.follow(&|_| {}).await })),
    ]
}
