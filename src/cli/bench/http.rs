//! `rollcall bench http`: what a heartbeat costs, and how many a node bears.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use hyper::header::HeaderValue;
use time::OffsetDateTime;

use super::load::{Outcome, People, Plan, run as load};
use super::node::Node;
use super::{keys, machine};
use crate::auth::Grant;
use crate::config::Config;
use crate::presence::{LoginId, Org, Role, UserId};

/// Verifies the token, answers.
const TOKEN: &str = "/bench/token/";
pub(super) const HEARTBEAT: &str = "/api/users/heartbeat/";
/// Ids of these users begin here, far from those of accounts.
const FIRST_USER: usize = 9_000_000_000;

/// How often sessions are begun, at most, and the pause between two attempts.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(500);

/// Options of `bench http`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// A node that runs already, started with `--bench-route` and limits off, whose secret is in the settings
    /// [default: one of its own, on servers of its own]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Users, each with a token and a session
    #[arg(long, value_name = "COUNT", default_value = "10000", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) users: u32,
    /// Keep-alive connections
    #[arg(long, value_name = "COUNT", default_value = "64", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) connections: u16,
    /// How often both are measured, in turns
    #[arg(long, value_name = "COUNT", default_value = "5", value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(super) rounds: u16,
    /// How long each turn takes
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(super) seconds: u64,
    /// Requests a second of the schedule [default: half of the highest rate of heartbeats]
    #[arg(long, value_name = "RATE")]
    rate: Option<u32>,
    /// Compare heartbeats by tokens that a secret signs with those that an Ed25519 key signs, on two nodes of their own
    #[arg(long, conflicts_with_all = ["url", "rate"])]
    compare_keys: bool,
}

/// Measures and prints.
pub(super) async fn run(config: &Config, args: &Args) -> anyhow::Result<()> {
    if args.compare_keys {
        return keys::run(config, args).await;
    }
    let node = match &args.url {
        Some(url) => Node::running(url, config)?,
        None => Node::start(&[]).await?,
    };
    let people = Arc::new(people(config, &node, args.users)?);
    let connections = usize::from(args.connections);
    let (time, rounds) = (Duration::from_secs(args.seconds), args.rounds);
    tell(&format!("{}\n", machine::described(node.stack.as_ref())))?;
    let first = begin(&people, connections).await?;
    tell(&format!(
        "{} users began a session each over {connections} connections: {first:.0}/s\n",
        args.users
    ))?;
    let fastest = Turns::measure(&people, connections, rounds, Plan::AsFastAsPossible(time)).await?;
    fastest.print("as fast as answers come")?;
    tell(&format!("heartbeats / token only: {:.2} (median of {rounds} rounds)\n", fastest.ratio()))?;
    let rate = args.rate.map_or_else(|| median(&fastest.heartbeat, Outcome::rate) / 2.0, f64::from);
    let scheduled = Turns::measure(&people, connections, rounds, Plan::Scheduled(rate, time)).await?;
    scheduled.print(&format!("on a schedule of {rate:.0}/s"))?;
    node.stop().await
}

/// Lets every user begin a session; answers how many did in a second. A fresh node opens its shards first, so this
/// is tried again until nobody is refused.
pub(super) async fn begin(people: &Arc<People>, connections: usize) -> anyhow::Result<f64> {
    for _ in 0..ATTEMPTS {
        let outcome = load(people, HEARTBEAT, connections, Plan::OnceEach).await?;
        if outcome.failed == 0 {
            return Ok(outcome.rate());
        }
        tokio::time::sleep(PAUSE).await;
    }
    bail!("heartbeats are refused: is the secret that of the node, and is the node ready?")
}

/// Tokens of many users; made here, because logging in would take longer than all the rest.
pub(super) fn people(config: &Config, node: &Node, users: u32) -> anyhow::Result<People> {
    let tokens = node.tokens(config)?;
    let now = OffsetDateTime::now_utc();
    let header = |number: usize| -> anyhow::Result<HeaderValue> {
        let grant = Grant {
            user: UserId::parse(&(FIRST_USER + number).to_string())?,
            org: Org::default(),
            login: LoginId::parse(&format!("bench-{number}"))?,
            token_version: 0,
            role: Role::User,
        };
        Ok(HeaderValue::from_str(&format!("Bearer {}", tokens.issue(&grant, now)))?)
    };
    Ok(People {
        address: node.address.clone(),
        tokens: (0..users as usize).map(header).collect::<anyhow::Result<_>>()?,
    })
}

/// Both kinds of requests, in turns, so that what the machine does besides meets both.
struct Turns {
    token: Vec<Outcome>,
    heartbeat: Vec<Outcome>,
}

impl Turns {
    async fn measure(
        people: &Arc<People>,
        connections: usize,
        rounds: u16,
        plan: Plan,
    ) -> anyhow::Result<Self> {
        let mut turns = Self { token: Vec::new(), heartbeat: Vec::new() };
        for _ in 0..rounds {
            turns.token.push(load(people, TOKEN, connections, plan).await?);
            turns.heartbeat.push(load(people, HEARTBEAT, connections, plan).await?);
        }
        Ok(turns)
    }

    /// How many heartbeats there are for each request that only verifies its token.
    fn ratio(&self) -> f64 {
        let rounds = self.heartbeat.iter().zip(&self.token);
        middle(rounds.map(|(heartbeat, token)| heartbeat.rate() / token.rate()).collect())
    }

    fn print(&self, title: &str) -> std::io::Result<()> {
        tell(&format!(
            "\n{title}\n{:<10} {:>10} {:>10} {:>10} {:>9} {:>9} {:>9} {:>7}\n{}{}",
            "",
            "median/s",
            "least/s",
            "most/s",
            "p50 ms",
            "p99 ms",
            "p99.9 ms",
            "failed",
            row("token only", &self.token),
            row("heartbeat", &self.heartbeat)
        ))
    }
}

pub(super) fn row(name: &str, outcomes: &[Outcome]) -> String {
    let rates = || outcomes.iter().map(Outcome::rate);
    format!(
        "{name:<10} {:>10.0} {:>10.0} {:>10.0} {:>9.2} {:>9.2} {:>9.2} {:>7}\n",
        median(outcomes, Outcome::rate),
        rates().fold(f64::INFINITY, f64::min),
        rates().fold(0.0, f64::max),
        median(outcomes, |outcome| outcome.millis(0.5)),
        median(outcomes, |outcome| outcome.millis(0.99)),
        median(outcomes, |outcome| outcome.millis(0.999)),
        outcomes.iter().map(|outcome| outcome.failed).sum::<u64>()
    )
}

pub(super) fn median(outcomes: &[Outcome], figure: impl Fn(&Outcome) -> f64) -> f64 {
    middle(outcomes.iter().map(figure).collect())
}

/// The median; 0 of nothing.
pub(super) fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(0.0)
}

pub(super) fn tell(text: &str) -> std::io::Result<()> {
    write!(std::io::stdout(), "{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_that_of_the_sorted() {
        assert!((middle(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!(middle(Vec::new()).abs() < f64::EPSILON);
    }
}
