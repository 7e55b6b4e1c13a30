//! The node under measurement: another process, either one that runs already or a child on servers of its own.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use secrecy::{ExposeSecret, SecretString};
use tokio::process::{Child, Command};

use super::machine;
use super::process::Process;
use crate::audit;
use crate::auth::{AuthSettings, Tokens};
use crate::cli::dev::kept;
use crate::config::{Config, Surroundings};
use crate::devstack::DevStack;

/// How long a child may take to be ready.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(100);
/// Longer than any measurement.
const TOKEN_LIFE: Duration = Duration::from_secs(24 * 3600);

/// A node and what is needed to talk to it.
pub(super) struct Node {
    /// `host:port` of the public listener.
    pub(super) address: String,
    /// `host:port` of its pages about itself; unknown of a node that runs already.
    internal: Option<String>,
    /// Signs the tokens it accepts.
    pub(super) secret: SecretString,
    /// Signs them in place of the secret.
    signing_key: Option<SecretString>,
    child: Option<Child>,
    pub(super) stack: Option<DevStack>,
}

impl Node {
    /// A node that runs already, with the secret of the settings.
    pub(super) fn running(url: &str, config: &Config) -> anyhow::Result<Self> {
        let Some(address) = url.strip_prefix("http://") else { bail!("--url must be http://host:port") };
        Ok(Self {
            address: address.trim_end_matches('/').to_owned(),
            internal: None,
            secret: config.auth.secret()?.clone(),
            signing_key: config.auth.signing_key().cloned(),
            child: None,
            stack: None,
        })
    }

    /// Starts servers and a node on them, with these flags.
    pub(super) async fn start(flags: &[&str]) -> anyhow::Result<Self> {
        let stack = machine::durable_stack().await?;
        audit::migrate(&stack.database_url().into()).await?;
        let mut node = Self::launch(&stack, kept::secret().into(), None, flags).await?;
        node.stack = Some(stack);
        Ok(node)
    }

    /// Starts another node on the servers of this one, whose tokens are signed by this key.
    pub(super) async fn beside(&self, signing_key: SecretString) -> anyhow::Result<Self> {
        Self::launch(self.servers()?, kept::secret().into(), Some(signing_key), &[]).await
    }

    /// Starts another node like this one on the same servers, with these flags.
    pub(super) async fn twin(&self, flags: &[&str]) -> anyhow::Result<Self> {
        Self::launch(self.servers()?, self.secret.clone(), self.signing_key.clone(), flags).await
    }

    /// The servers that were started for it.
    pub(super) fn servers(&self) -> anyhow::Result<&DevStack> {
        self.stack.as_ref().context("the servers of this node are not ours")
    }

    /// Its process.
    pub(super) fn process(&self) -> anyhow::Result<Process> {
        let id = self.child.as_ref().and_then(Child::id).context("this node is no child of ours")?;
        Ok(Process(id))
    }

    /// What it says of itself: the text of `/metrics`.
    pub(super) async fn metrics(&self) -> anyhow::Result<String> {
        let address = self.internal.as_ref().context("nobody knows where this node shows its metrics")?;
        Ok(reqwest::get(format!("http://{address}/metrics")).await?.text().await?)
    }

    /// Ends it as a lost machine would: without a word.
    pub(super) async fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    async fn launch(
        stack: &DevStack,
        secret: SecretString,
        signing_key: Option<SecretString>,
        flags: &[&str],
    ) -> anyhow::Result<Self> {
        let (address, internal) = (free_address()?, free_address()?);
        let program =
            Surroundings::read().program.context("this system does not tell where the program is")?;
        let mut command = Command::new(program);
        if let Some(key) = &signing_key {
            command.env("ROLLCALL_AUTH_SIGNING_KEY", key.expose_secret());
        }
        let child = command
            .args(["serve", "--bench-route", "--stop-with-stdin"])
            .args(["--listen", &address, "--internal-listen", &internal])
            .args(["--redis-url", &stack.redis_url(), "--database-url", &stack.database_url()])
            .args(["--limits-requests", "none", "--log", "warn"])
            .args(flags)
            .env("ROLLCALL_AUTH_SECRET", secret.expose_secret())
            // The child stops when this pipe closes, however we end.
            .stdin(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start a node")?;
        let ready = format!("http://{internal}/readyz");
        let node =
            Self { address, internal: Some(internal), secret, signing_key, child: Some(child), stack: None };
        tokio::time::timeout(PATIENCE, until_ready(&ready))
            .await
            .with_context(|| format!("the node did not become ready at {ready}"))?;
        Ok(node)
    }

    /// Makes tokens that it accepts.
    pub(super) fn tokens(&self, config: &Config) -> anyhow::Result<Tokens> {
        Ok(Tokens::new(&AuthSettings {
            secret: Some(self.secret.clone()),
            signing_key: self.signing_key.clone(),
            issuer: config.auth.issuer.clone(),
            audience: config.auth.audience.clone(),
            access_ttl: TOKEN_LIFE,
            ..AuthSettings::default()
        })?)
    }

    /// Ends what was started.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.child.take() {
            drop(child.stdin.take());
            child.wait().await?;
        }
        if let Some(stack) = self.stack.take() {
            tokio::task::spawn_blocking(move || drop(stack)).await?;
        }
        Ok(())
    }
}

async fn until_ready(url: &str) {
    loop {
        if reqwest::get(url).await.is_ok_and(|response| response.status().is_success()) {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn free_address() -> anyhow::Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot find a free port")?;
    Ok(listener.local_addr()?.to_string())
}
