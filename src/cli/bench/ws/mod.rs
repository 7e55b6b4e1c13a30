//! `rollcall bench ws`: what sockets cost, and what becomes of their clients when a node is lost.
//!
//! The nodes are processes of their own on private servers. All clients live in this one: they read what they are sent
//! as pages would, so part of every time from a change to its watchers is theirs.

mod across;
mod crowd;
mod fan_out;
mod heartbeats;
mod memory;
mod socket;
mod storm;
mod tally;

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use time::OffsetDateTime;

use super::machine;
use super::node::Node;
use super::report::{Report, tell};
use crate::app::App;
use crate::auth::{Grant, Tokens};
use crate::cli::descriptors;
use crate::config::Config;
use crate::presence::{LoginId, Org, Role, UserId};
use crowd::Crowd;

/// Descriptors of this process beside the clients' own.
const BESIDE: u64 = 200;
/// How long a condition is waited for, and how often it is looked at.
const PATIENCE: Duration = Duration::from_secs(120);
const STEP: Duration = Duration::from_millis(20);

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Memory of the node for each connection that does nothing
    Memory,
    /// Heartbeats over sockets
    Heartbeats,
    /// One change to a thousand watchers and to ten thousand
    FanOut,
    /// A change on one node to a watcher on another
    Across,
    /// A node is killed, and all its clients come back to another
    Storm,
}

/// Options of `bench ws`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Clients that are connected to one node; bounded by file descriptors (`ulimit -Hn`)
    #[arg(long, value_name = "COUNT", default_value = "15000", value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    connections: u32,
    /// Of these so many watch one person
    #[arg(long, value_name = "COUNT,..", value_delimiter = ',', default_value = "1000,10000")]
    watchers: Vec<u32>,
    /// Clients whose node is killed
    #[arg(long, value_name = "COUNT", default_value = "10000", value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    stormy: u32,
    /// How long each of the measurements of heartbeats takes
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Heartbeats a second of the schedule [default: half of the highest rate]
    #[arg(long, value_name = "RATE")]
    rate: Option<u32>,
    /// Only these parts
    #[arg(long, value_name = "PART,..", value_delimiter = ',')]
    only: Vec<Part>,
}

impl Args {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    fn check(&self) -> anyhow::Result<()> {
        let most = self.watchers.iter().max().copied().unwrap_or(0);
        if !self.watchers.iter().all(|count| (1..=self.connections).contains(count)) {
            bail!("--watchers ({most}) are some of --connections ({})", self.connections);
        }
        let (needed, limit) = (u64::from(self.connections.max(self.stormy)) + BESIDE, descriptors::raise());
        ensure!(
            needed <= limit,
            "{needed} file descriptors are needed, and this process may have {limit}: raise the limit (`ulimit -Hn`) or ask \
             for fewer --connections"
        );
        Ok(())
    }
}

/// Measures and prints; answers whether every target was met.
pub(super) async fn run(config: &Config, args: &Args) -> anyhow::Result<bool> {
    args.check()?;
    let most = (args.connections.max(args.stormy) + 1_000).to_string();
    let flags = ["--http-max-connections", &most];
    let node = Node::start(&flags).await?;
    tell(&format!("{}\n", machine::described(node.stack.as_ref())))?;
    let other = node.twin(&flags).await?;
    let app = App::build(machine::config_on(config, node.servers()?, node.secret.clone())?).await?;
    let mut bench = Bench { tokens: node.tokens(config)?, report: Report::new(), app, node, other };
    bench.until_open().await?;
    let with_crowd = [Part::Memory, Part::Heartbeats, Part::FanOut];
    if with_crowd.iter().any(|part| args.wants(*part)) {
        bench.crowded(args).await?;
    }
    if args.wants(Part::Across) {
        bench.across().await?;
    }
    if args.wants(Part::Storm) {
        bench.storm(args.stormy).await?;
    }
    let met = bench.report.is_met();
    bench.other.stop().await?;
    bench.node.stop().await?;
    Ok(met)
}

/// What all parts share.
struct Bench {
    node: Node,
    other: Node,
    /// Looks into the audit.
    app: App,
    tokens: Tokens,
    report: Report,
}

impl Bench {
    /// The parts that need many connections to one node, which are the same.
    async fn crowded(&mut self, args: &Args) -> anyhow::Result<()> {
        let before = self.node.process()?.memory()?;
        let began = Instant::now();
        let tokens = self.tokens_of("idle", args.connections)?;
        let mut crowd = Crowd::connect(&self.node.address, tokens).await?;
        let took = began.elapsed();
        tell(&format!("{} clients connected in {:.1} s\n", args.connections, took.as_secs_f64()))?;
        if args.wants(Part::Memory) {
            self.memory(args.connections, before).await?;
        }
        if args.wants(Part::Heartbeats) {
            self.heartbeats(&mut crowd, args).await?;
        }
        if args.wants(Part::FanOut) {
            for count in &args.watchers {
                self.fan_out(&mut crowd, *count).await?;
            }
        }
        ensure!(crowd.lost() == 0, "{} clients lost their connection", crowd.lost());
        Ok(())
    }

    /// Tokens of people of a kind, one for each; made here, because logging in would take longer than all the rest.
    fn tokens_of(&self, kind: &str, count: u32) -> anyhow::Result<Vec<String>> {
        (0..count).map(|number| self.token(&format!("{kind}~{number}"))).collect()
    }

    fn token(&self, user: &str) -> anyhow::Result<String> {
        let grant = Grant {
            user: UserId::parse(user)?,
            org: Org::default(),
            login: LoginId::parse("bench")?,
            token_version: 0,
            role: Role::User,
        };
        Ok(self.tokens.issue(&grant, OffsetDateTime::now_utc()))
    }

    /// A fresh node opens its shards first.
    async fn until_open(&self) -> anyhow::Result<()> {
        until("the shards are open", async || self.app.store.stats(None).await.is_ok_and(|_| true)).await
    }
}

/// Waits for a condition.
async fn until(what: &str, mut look: impl AsyncFnMut() -> bool) -> anyhow::Result<()> {
    let started = Instant::now();
    while !look().await {
        ensure!(started.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain until {what}");
        tokio::time::sleep(STEP).await;
    }
    Ok(())
}

/// A span as a figure, in ms.
fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1_000.0
}
