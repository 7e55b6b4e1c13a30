//! `rollcall bench login`: what a login costs beside its hash, and what a flood of bad ones does to heartbeats.
//!
//! The node has its default limits and believes this machine as a proxy, so that logins come from as many addresses as
//! the measurement needs. People who log in have accounts with real hashes; the hash alone is measured in turns with
//! logins, on the same machine at the same cost.

mod flood;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use reqwest::Client;
use serde_json::json;
use tokio_util::task::AbortOnDropHandle;

use super::http::{self, HEARTBEAT};
use super::load::{People, Plan, run as load};
use super::machine;
use super::node::Node;
use super::report::{Report, Target, quantile, tell};
use crate::accounts::{AccountStatus, Email, NewAccount, Origin, Username};
use crate::app::App;
use crate::auth::Password;
use crate::config::Config;
use crate::presence::{Org, Role};
use flood::{Answers, Flood};

/// Accounts that log in.
const ACCOUNTS: usize = 50;
const PASSWORD: &str = "a password of the bench";
/// What a login may take beside its hash, in ms.
const LOGIN_MARGIN: f64 = 10.0;
/// What heartbeats may take under a flood, p99 in ms.
const HEARTBEAT_P99: f64 = 25.0;
/// Connections that carry heartbeats.
const CONNECTIONS: usize = 64;
/// An honest login while the flood goes on, so often.
const HONEST: Duration = Duration::from_millis(1_500);

/// Options of `bench login`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Logins, one after the other
    #[arg(long, value_name = "COUNT", default_value = "100", value_parser = clap::value_parser!(u16).range(1..=400))]
    logins: u16,
    /// Clients that send heartbeats
    #[arg(long, value_name = "COUNT", default_value = "2000", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    clients: u32,
    /// Heartbeats a second of all clients together: ten times of what 2000 visible pages send
    #[arg(long, value_name = "RATE", default_value = "670")]
    rate: u32,
    /// Connections of the flood
    #[arg(long, value_name = "COUNT", default_value = "64", value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// Addresses that the flood comes from
    #[arg(long, value_name = "COUNT", default_value = "64", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    addresses: u32,
    /// How long heartbeats are measured, without the flood and under it
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
}

/// Measures and prints; answers whether every target was met.
pub(super) async fn run(config: &Config, args: &Args) -> anyhow::Result<bool> {
    let node = Node::start(&["--trusted-proxies", "127.0.0.0/8"]).await?;
    let stack = node.stack.as_ref().context("the node has no servers of its own")?;
    tell(&format!("{}\n", machine::described(Some(stack))))?;
    let app = App::build(machine::config_on(config, stack, node.secret.clone())?).await?;
    accounts(&app).await?;
    let people = Arc::new(http::people(config, &node, args.clients)?);
    http::begin(&people, CONNECTIONS).await?;
    let mut report = Report::new();
    logins(&app, &node, args, &mut report).await?;
    heartbeats(&node, &people, args, &mut report).await?;
    node.stop().await?;
    Ok(report.is_met())
}

/// People with passwords that are good.
async fn accounts(app: &App) -> anyhow::Result<()> {
    let origin = Origin { actor: Some("bench".to_owned()), ..Origin::default() };
    for number in 0..ACCOUNTS {
        let password = Password::parse(PASSWORD.into()).map_err(anyhow::Error::msg)?;
        let new = NewAccount {
            username: Username::parse(&format!("bench-{number}"))?,
            email: Email::parse(&format!("bench-{number}@example.com"))?,
            password_hash: app.passwords.hash(password).await?,
            role: Role::User,
            status: AccountStatus::Active,
            org: Org::default(),
            first_name: String::new(),
            last_name: String::new(),
        };
        app.accounts.create(&new, &origin).await?;
    }
    Ok(())
}

/// Logins in turns with the hash alone, each account from an address of its own.
async fn logins(app: &App, node: &Node, args: &Args, report: &mut Report) -> anyhow::Result<()> {
    let client = Client::new();
    let known = app.accounts.credentials("bench-0").await?.context("the account is there")?;
    let (mut hashes, mut logins) = (Vec::new(), Vec::new());
    for turn in 0..usize::from(args.logins) {
        let began = Instant::now();
        app.passwords.verify(PASSWORD.into(), Some(&known.password_hash)).await?;
        hashes.push(millis(began.elapsed()));
        let began = Instant::now();
        if !log_in(&client, node, turn % ACCOUNTS).await? {
            bail!("a login was refused");
        }
        logins.push(millis(began.elapsed()));
    }
    let hash = quantile(&mut hashes, 0.5);
    report.title(&format!("{} logins, one after the other, in turns with the hash alone", args.logins))?;
    report.row("the hash alone, median", hash, "ms", Target::None)?;
    report.row("a login, median", quantile(&mut logins, 0.5), "ms", Target::Most(hash + LOGIN_MARGIN))?;
    report.row("the hash alone, p90", quantile(&mut hashes, 0.9), "ms", Target::None)?;
    report.row("a login, p90", quantile(&mut logins, 0.9), "ms", Target::None)?;
    Ok(())
}

/// Whether a login succeeds, of this account from its own address.
async fn log_in(client: &Client, node: &Node, number: usize) -> anyhow::Result<bool> {
    let request = client
        .post(format!("http://{}/api/auth/login/", node.address))
        .header("x-forwarded-for", format!("203.0.113.{number}"))
        .json(&json!({"username": format!("bench-{number}"), "password": PASSWORD}));
    let response = request.send().await?;
    let good = response.status().is_success();
    response.bytes().await?;
    Ok(good)
}

/// Heartbeats without the flood, and then under it.
async fn heartbeats(
    node: &Node,
    people: &Arc<People>,
    args: &Args,
    report: &mut Report,
) -> anyhow::Result<()> {
    let time = Duration::from_secs(args.seconds);
    let plan = Plan::Scheduled(args.rate.into(), time);
    let (clients, rate) = (args.clients, args.rate);
    let calm = load(people, HEARTBEAT, CONNECTIONS, plan).await?;
    report.title(&format!("heartbeats of {clients} clients on a schedule of {rate}/s"))?;
    report.row("p50", calm.millis(0.5), "ms", Target::None)?;
    report.row("p99", calm.millis(0.99), "ms", Target::Most(HEARTBEAT_P99))?;
    report.row("refused", count(calm.failed), "", Target::Equal(0.0))?;
    let flood = Flood { connections: args.connections.into(), addresses: args.addresses, time };
    let flooding = AbortOnDropHandle::new(tokio::spawn(flood.run(node.address.clone())));
    let (under, honest) = tokio::try_join!(load(people, HEARTBEAT, CONNECTIONS, plan), honest(node, time))?;
    let answers = flooding.await??;
    report.title(&format!(
        "the same under a flood of bad logins: {} connections, {} addresses, as fast as answers come",
        args.connections, args.addresses
    ))?;
    report.row("p50", under.millis(0.5), "ms", Target::None)?;
    report.row("p99", under.millis(0.99), "ms", Target::Most(HEARTBEAT_P99))?;
    report.row("p99.9", under.millis(0.999), "ms", Target::None)?;
    report.row("refused", count(under.failed), "", Target::Equal(0.0))?;
    told(report, &answers, honest)
}

/// Logs honest people in while the flood goes on: how long each took, in ms, and how many were refused.
async fn honest(node: &Node, time: Duration) -> anyhow::Result<(Vec<f64>, u64)> {
    let (client, end) = (Client::new(), Instant::now() + time);
    let (mut took, mut refused) = (Vec::new(), 0);
    for number in (0..ACCOUNTS).cycle() {
        if Instant::now() + HONEST > end {
            break;
        }
        tokio::time::sleep(HONEST).await;
        let began = Instant::now();
        if log_in(&client, node, number).await? {
            took.push(millis(began.elapsed()));
        } else {
            refused += 1;
        }
    }
    Ok((took, refused))
}

fn told(report: &mut Report, answers: &Answers, honest: (Vec<f64>, u64)) -> anyhow::Result<()> {
    for (status, number) in answers {
        let what = match status {
            401 => "bad logins that were hashed (401)",
            403 => "... refused because the address is blocked (403)",
            429 => "... refused because they come too often (429)",
            503 => "... refused because too many wait (503)",
            _ => "... answered otherwise",
        };
        report.row(what, count(*number), "", Target::None)?;
    }
    let (mut took, refused) = honest;
    report.row("honest logins meanwhile", count(took.len() as u64), "", Target::None)?;
    report.row("... refused because too many wait", count(refused), "", Target::None)?;
    report.row("... median of the others", quantile(&mut took, 0.5), "ms", Target::None)?;
    Ok(())
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn count(number: u64) -> f64 {
    number as f64
}
