//! One node: the built `rollcall serve` as a process of its own, that can be killed, asked to end, frozen and started
//! again under the same address.

use std::fs::File;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::times;

/// A node of the service.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    /// Where clients send their requests.
    pub(crate) base: String,
    internal: String,
    environment: Vec<(&'static str, String)>,
    log: PathBuf,
    child: Option<Child>,
    client: reqwest::Client,
}

/// What a node needs to know.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) redis: String,
    pub(crate) database: String,
    pub(crate) log: PathBuf,
}

impl Node {
    /// A node that is not running yet.
    pub(crate) fn new(place: Place) -> anyhow::Result<Self> {
        let (public, internal) = (free_address()?, free_address()?);
        let mut environment = vec![
            ("ROLLCALL_NODE", place.name.clone()),
            ("ROLLCALL_REDIS_URL", place.redis),
            ("ROLLCALL_DATABASE_URL", place.database),
            ("ROLLCALL_AUTH_SECRET", crate::crowd::SECRET.to_owned()),
            ("ROLLCALL_LISTEN", public.clone()),
            ("ROLLCALL_INTERNAL_LISTEN", internal.clone()),
            // People whose visits last for seconds log in more often than anybody else.
            ("ROLLCALL_LIMITS_LOGIN_ACCOUNT", "none".to_owned()),
            // Longer than any run: the crowd does not renew tokens.
            ("ROLLCALL_AUTH_ACCESS_TTL", format!("{}s", crate::crowd::TOKEN_LIFE.as_secs())),
        ];
        environment.extend(times::SETTINGS.iter().map(|(name, value)| (*name, (*value).to_owned())));
        Ok(Self {
            base: format!("http://{public}"),
            internal: format!("http://{internal}"),
            name: place.name,
            environment,
            log: place.log,
            child: None,
            client: reqwest::Client::builder().timeout(Duration::from_secs(2)).build()?,
        })
    }

    /// Starts the process. It ends with this program, because its standard input does.
    pub(crate) fn start(&mut self) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let child = Command::new(env!("CARGO_BIN_EXE_rollcall"))
            .args(["serve", "--stop-with-stdin"])
            .envs(self.environment.iter().map(|(name, value)| (*name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("start a node")?;
        self.child = Some(child);
        Ok(())
    }

    /// As a lost machine would end.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) -> anyhow::Result<()> {
        if let Some(child) = &self.child {
            let pid = child.id().to_string();
            Command::new("/bin/sh").args(["-c", "kill -s \"$@\"", "kill", name, &pid]).status()?;
        }
        Ok(())
    }

    /// Asks the process to end, and waits; answers whether it said that the end was clean.
    pub(crate) async fn stop(&mut self, limit: Duration) -> anyhow::Result<bool> {
        self.signal("TERM")?;
        let Some(mut child) = self.child.take() else { return Ok(true) };
        let started = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status.success());
            }
            if started.elapsed() > limit {
                child.kill()?;
                child.wait()?;
                bail!("{} did not end within {limit:?}", self.name);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Whether a process that should run has ended by itself.
    pub(crate) fn has_crashed(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| !matches!(child.try_wait(), Ok(None)))
    }

    /// Whether its process runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.is_some() && !self.has_crashed()
    }

    /// Whether the node says that it is ready, with both stores.
    pub(crate) async fn is_ready(&self) -> bool {
        let Ok(answer) = self.client.get(format!("{}/readyz", self.internal)).send().await else {
            return false;
        };
        let status = answer.status();
        let body: serde_json::Value = answer.json().await.unwrap_or_default();
        status.is_success() && body["status"] == "ok"
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // The end of a program that ends has nobody to complain to.
        let _ = self.signal("CONT");
        let _ = self.kill();
    }
}

fn free_address() -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").context("a port for a node")?;
    Ok(listener.local_addr()?.to_string())
}
