//! What the faults befall: a Redis and a Postgres of our own, three nodes, and a proxy between each of them.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rollcall::audit::migrate;
use rollcall::config::Surroundings;
use rollcall::devstack::{DevStack, Options, Search};
use sqlx::PgPool;

use crate::node::{Node, Place};
use crate::proxy::Proxy;
use crate::times;

/// Nodes of the service.
pub(crate) const NODES: usize = 3;

/// Everything that can break.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) stack: DevStack,
    pub(crate) dir: PathBuf,
    pub(crate) nodes: Vec<Node>,
    /// One before Redis and one before Postgres, for each node.
    pub(crate) to_redis: Vec<Proxy>,
    pub(crate) to_postgres: Vec<Proxy>,
    /// Straight to Postgres: the oracle is not behind a proxy.
    pub(crate) pool: PgPool,
}

impl Stage {
    /// Starts the servers, migrates, starts the nodes, and waits until they are ready.
    pub(crate) async fn build(dir: PathBuf) -> anyhow::Result<Self> {
        let around = Surroundings::read();
        let search = Search { postgres_bin: around.postgres_bin, path: around.path };
        // As in production: what is committed is on the disk, and Redis may lose its last second.
        let options = Options { postgres_durable: true, ..Options::lasting(dir.clone(), search) };
        let stack = tokio::task::spawn_blocking(move || DevStack::start(options)).await??;
        migrate(&stack.database_url().into()).await?;
        let pool = PgPool::connect(&stack.database_url()).await?;
        let redis = PathBuf::from(socket_of(&stack.redis_url()));
        let postgres = host_of(&stack.database_url())?.join(".s.PGSQL.5432");
        let (mut nodes, mut to_redis, mut to_postgres) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..NODES {
            let (before_redis, before_postgres) =
                (Proxy::before(redis.clone()).await?, Proxy::before(postgres.clone()).await?);
            nodes.push(Node::new(Place {
                name: format!("node-{number}"),
                redis: format!("redis://127.0.0.1:{}", before_redis.port()),
                database: format!(
                    "postgres://rollcall@127.0.0.1:{}/rollcall?sslmode=disable",
                    before_postgres.port()
                ),
                log: dir.join(format!("node-{number}.log")),
            })?);
            to_redis.push(before_redis);
            to_postgres.push(before_postgres);
        }
        let mut stage = Self { stack, dir, nodes, to_redis, to_postgres, pool };
        for node in &mut stage.nodes {
            node.start()?;
        }
        stage.ready(Duration::from_secs(30)).await?;
        Ok(stage)
    }

    /// Waits until every node is ready.
    pub(crate) async fn ready(&mut self, limit: Duration) -> anyhow::Result<()> {
        let started = Instant::now();
        for node in &mut self.nodes {
            while !node.is_ready().await {
                if node.has_crashed() {
                    bail!("{} ended by itself; see its log", node.name);
                }
                if started.elapsed() > limit {
                    bail!("{} was not ready within {limit:?}", node.name);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    /// Waits until every shard is open, nothing is held back by a grace, and Postgres has every entry that Redis has.
    pub(crate) async fn quiet(&self, limit: Duration) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let missing = self.unquiet().await;
            match missing {
                Ok(None) => return Ok(()),
                Ok(Some(why)) if started.elapsed() > limit => bail!("not quiet within {limit:?}: {why}"),
                Err(error) if started.elapsed() > limit => {
                    return Err(error.context(format!("not quiet within {limit:?}")));
                }
                _ => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }

    /// What is still going on.
    async fn unquiet(&self) -> anyhow::Result<Option<String>> {
        let positions: Vec<(i16, i64, i64)> =
            sqlx::query_as("SELECT shard, epoch, n FROM copy_position ORDER BY shard")
                .fetch_all(&self.pool)
                .await?;
        for shard in 0..times::SHARDS {
            let Some(meta) = self.shard(shard)? else {
                return Ok(Some(format!("shard {shard} is not open")));
            };
            if meta.grace_until > times::now() {
                return Ok(Some(format!("shard {shard} gives grace")));
            }
            let copied = positions.iter().find(|(of, ..)| i32::from(*of) == i32::from(shard));
            if copied.is_none_or(|(_, epoch, n)| (*epoch, *n) != (meta.epoch, meta.n)) {
                return Ok(Some(format!("shard {shard} is at {meta:?}, the copy at {copied:?}")));
            }
        }
        Ok(None)
    }

    /// How a shard stands in Redis; `None` if it has no data.
    pub(crate) fn shard(&self, shard: u16) -> anyhow::Result<Option<Meta>> {
        let reply = self.redis(&format!("HMGET rc:{{{shard:02}}}:meta epoch n grace_until tick"))?;
        // Values and lengths alternate; nothing is `$-1` alone.
        let mut values = Vec::new();
        let mut lines = reply.lines().skip(1);
        while let Some(length) = lines.next() {
            values.push(if length == "$-1" { 0 } else { lines.next().unwrap_or_default().parse()? });
        }
        let [epoch, n, grace_until, tick] = values[..] else { bail!("an odd reply: {reply}") };
        Ok((epoch > 0).then_some(Meta { epoch, n, grace_until, tick }))
    }

    /// Sends one command to Redis, past the proxies, and answers the reply as it came over the wire.
    pub(crate) fn redis(&self, command: &str) -> anyhow::Result<String> {
        let mut socket = UnixStream::connect(socket_of(&self.stack.redis_url())).context("reach redis")?;
        socket.set_read_timeout(Some(Duration::from_secs(2)))?;
        socket.write_all(format!("{command}\r\n").as_bytes())?;
        let mut reply = vec![0; 16 * 1024];
        let count = socket.read(&mut reply)?;
        let reply = String::from_utf8_lossy(&reply[..count]).into_owned();
        if reply.starts_with('-') {
            bail!("redis answered {command} with {reply}");
        }
        Ok(reply)
    }

    /// Where Redis keeps its data.
    pub(crate) fn redis_data(&self) -> PathBuf {
        self.dir.join("redis").join("appendonlydir")
    }
}

/// What Redis keeps of a shard.
#[derive(Clone, Copy, Debug)]
#[expect(dead_code, reason = "the tick is printed where a shard does not become quiet")]
pub(crate) struct Meta {
    pub(crate) epoch: i64,
    pub(crate) n: i64,
    pub(crate) grace_until: i64,
    tick: i64,
}

fn socket_of(url: &str) -> &str {
    url.strip_prefix("redis+unix://").unwrap_or(url)
}

fn host_of(url: &str) -> anyhow::Result<PathBuf> {
    let host = url.split_once("host=").context("the stack's database has a socket")?.1;
    Ok(Path::new(host).to_owned())
}
