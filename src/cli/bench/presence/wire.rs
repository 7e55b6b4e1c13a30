//! Asks the measured Redis about itself: what `INFO` says and what a part of the data takes. The private server is
//! reached by its socket; a product has no use for such questions.

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use crate::devstack::DevStack;

/// A connection to Redis.
pub(super) struct Wire(BufReader<UnixStream>);

impl Wire {
    pub(super) async fn open(stack: &DevStack) -> anyhow::Result<Self> {
        let url = stack.redis_url();
        let path = url.strip_prefix("redis+unix://").context("the private Redis has no socket")?;
        Ok(Self(BufReader::new(UnixStream::connect(path).await?)))
    }

    /// Sends a command whose answer is one text or number.
    pub(super) async fn ask(&mut self, words: &[&str]) -> anyhow::Result<String> {
        let mut command = format!("*{}\r\n", words.len());
        for word in words {
            command += &format!("${}\r\n{word}\r\n", word.len());
        }
        self.0.write_all(command.as_bytes()).await?;
        let mut line = String::new();
        self.0.read_line(&mut line).await?;
        let (kind, rest) = line.trim_end().split_at_checked(1).context("Redis closed the connection")?;
        match kind {
            "+" | ":" => Ok(rest.to_owned()),
            "$" => {
                let mut text = vec![0; rest.parse::<usize>()? + 2];
                self.0.read_exact(&mut text).await?;
                Ok(String::from_utf8(text)?.trim_end().to_owned())
            }
            _ => bail!("Redis answered {} with {line}", words.join(" ")),
        }
    }

    /// A figure of `INFO`.
    async fn figure(&mut self, section: &str, name: &str) -> anyhow::Result<f64> {
        let info = self.ask(&["INFO", section]).await?;
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.with_context(|| format!("INFO does not say {name}"))?.trim().parse().context("no number")
    }

    /// As a server with this much data should be set: else its append-only file is rewritten, by a copy of the whole
    /// process, again and again while the people come. And what is removed is gone at once, so that it can be weighed.
    pub(super) async fn prepare(&mut self) -> anyhow::Result<()> {
        self.ask(&["CONFIG", "SET", "auto-aof-rewrite-min-size", "4gb"]).await?;
        self.ask(&["CONFIG", "SET", "lazyfree-lazy-user-del", "no"]).await.map(drop)
    }

    /// Bytes in use, less buffers of clients and the append-only file, which are no data.
    pub(super) async fn used(&mut self) -> anyhow::Result<f64> {
        let used = self.figure("memory", "used_memory").await?;
        let clients = self.figure("memory", "mem_clients_normal").await?;
        Ok(used - clients - self.figure("memory", "mem_aof_buffer").await?)
    }

    /// Bytes of data by Redis' own estimate, which leaves the tables of keys out.
    pub(super) async fn dataset(&mut self) -> anyhow::Result<f64> {
        self.figure("memory", "used_memory_dataset").await
    }

    /// Resident bytes for each byte in use.
    pub(super) async fn fragmentation(&mut self) -> anyhow::Result<f64> {
        self.figure("memory", "mem_fragmentation_ratio").await
    }

    /// Calls of scripts, and microseconds spent in them and by the main thread in all, since the start.
    pub(super) async fn spent(&mut self) -> anyhow::Result<Spent> {
        let stats = self.ask(&["INFO", "commandstats"]).await?;
        let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:"));
        let told = |name| line.and_then(|line| line.split(',').find_map(|part| part.strip_prefix(name)));
        let usec = told("usec=").context("no script was called")?.parse()?;
        let calls = told("calls=").context("no script was called")?.parse()?;
        let user = self.figure("cpu", "used_cpu_user_main_thread").await?;
        let system = self.figure("cpu", "used_cpu_sys_main_thread").await?;
        Ok(Spent { calls, scripts: usec, processor: (user + system) * 1e6 })
    }

    /// Removes keys; answers how many bytes that freed.
    pub(super) async fn weigh(&mut self, keys: &[String]) -> anyhow::Result<f64> {
        let before = self.used().await?;
        for key in keys {
            self.ask(&["DEL", key]).await?;
        }
        Ok(before - self.used().await?)
    }
}

/// Calls of scripts, and time of Redis in microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spent {
    pub(super) calls: f64,
    pub(super) scripts: f64,
    pub(super) processor: f64,
}

impl Spent {
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            calls: self.calls - earlier.calls,
            scripts: self.scripts - earlier.scripts,
            processor: self.processor - earlier.processor,
        }
    }
}
