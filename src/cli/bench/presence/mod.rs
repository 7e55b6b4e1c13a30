//! `rollcall bench presence`: the promises about presence, kept by a real node with a million sessions.
//!
//! The node is a process of its own on private servers. The people live in this process and use the store's own calls,
//! because a million connections would measure the load generator. Deaths are counted in Postgres, by the audit alone.

mod asking;
mod crowd;
mod deaths;
mod loss;
mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio_util::task::AbortOnDropHandle;

use super::apart::{Yielding, apart};
use super::machine;
use super::node::Node;
use super::report::{Report, Target, tell};
use crate::accounts::{AccountStatus, Email, NewAccount, Origin, Username};
use crate::app::App;
use crate::config::Config;
use crate::presence::{Millis, Org, Role, UserId};
use crate::store::Stats;
use crowd::Crowd;
use wire::Wire;

/// Accounts that can be listed, with their presence.
const ACCOUNTS: u32 = 1_000;
/// The first deaths are counted before the second begin.
const BETWEEN: Duration = Duration::from_secs(10);
/// Everybody has sent a heartbeat since.
const AFTERMATH: Duration = Duration::from_secs(40);
/// For so long is measured what Redis does besides heartbeats.
const QUIET: Duration = Duration::from_secs(5);
/// How long a condition is waited for, and how often it is looked at.
const PATIENCE: Duration = Duration::from_secs(300);
const STEP: Duration = Duration::from_millis(100);

/// Options of `bench presence`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Sessions alive, each of a user of its own
    #[arg(long, value_name = "COUNT", default_value = "1000000", value_parser = clap::value_parser!(u32).range(2_000..=2_000_000))]
    sessions: u32,
    /// Of these so many fall silent within 10 s while the others go on [default: a hundredth]
    #[arg(long, value_name = "COUNT")]
    due: Option<u32>,
    /// And later so many within 10 s, to be copied into Postgres [default: a tenth]
    #[arg(long, value_name = "COUNT")]
    deaths: Option<u32>,
    /// Without the last part, in which Redis comes back empty
    #[arg(long)]
    keep_redis: bool,
}

/// Measures and prints; answers whether every target was met.
pub(super) async fn run(config: &Config, args: &Args) -> anyhow::Result<bool> {
    let due = args.due.unwrap_or(args.sessions / 100);
    let deaths = args.deaths.unwrap_or(args.sessions / 10);
    if due == 0 || deaths == 0 || due.saturating_add(deaths) > args.sessions / 4 {
        bail!("--due and --deaths must be a quarter of --sessions at most");
    }
    let node = Node::start(&[]).await?;
    let stack = node.stack.as_ref().context("the node has no servers of its own")?;
    tell(&format!("{}\n", machine::described(Some(stack))))?;
    let settings = machine::config_on(config, stack, node.secret.clone())?;
    let (load, app) = (Yielding::new()?, App::build(settings.clone()).await?);
    let accounts = accounts(&app).await?;
    let (sessions, of_load) = (args.sessions, settings.clone());
    let crowd = load.handle().spawn(async move {
        let app = App::build(of_load).await?;
        let (crowd, working) =
            (Arc::new(Crowd::new(app.clone(), sessions, accounts)), machine::working(&app));
        anyhow::Ok((crowd, working))
    });
    let (crowd, _working) = crowd.await??;
    let living = Arc::clone(&crowd);
    let _living = AbortOnDropHandle::new(load.handle().spawn(async move { living.live().await }));
    let measured = Measurement {
        wire: Wire::open(stack).await?,
        report: Report::new(),
        settings,
        app,
        crowd,
        node: &node,
        empty: 0.0,
    };
    let met = measured.run(config, args, due, deaths).await?;
    node.stop().await?;
    Ok(met)
}

/// Accounts of the newest people, the first of them an administrator. Nobody logs in to them: their passwords match
/// nothing.
async fn accounts(app: &App) -> anyhow::Result<Vec<UserId>> {
    let origin = Origin { actor: Some("bench".to_owned()), ..Origin::default() };
    let mut users = Vec::new();
    for number in 0..ACCOUNTS {
        let new = NewAccount {
            username: Username::parse(&format!("bench-{number}"))?,
            email: Email::parse(&format!("bench-{number}@example.com"))?,
            password_hash: "-".to_owned(),
            role: if number == 0 { Role::Admin } else { Role::User },
            status: AccountStatus::Active,
            org: Org::default(),
            first_name: String::new(),
            last_name: String::new(),
        };
        users.push(app.accounts.create(&new, &origin).await?.id.user());
    }
    Ok(users)
}

/// What all parts of the measurement share.
struct Measurement<'a> {
    settings: Config,
    app: App,
    crowd: Arc<Crowd>,
    node: &'a Node,
    wire: Wire,
    report: Report,
    /// Bytes that Redis used before anybody came.
    empty: f64,
}

impl Measurement<'_> {
    async fn run(mut self, config: &Config, args: &Args, due: u32, deaths: u32) -> anyhow::Result<bool> {
        let sessions = args.sessions;
        self.wire.prepare().await?;
        self.empty = self.wire.used().await?;
        let filled = self.crowd.begin().await?;
        self.memory(sessions).await?;
        self.heartbeats().await?;
        let first = self.crowd.silence(due).await?;
        tokio::time::sleep(BETWEEN).await;
        let second = self.crowd.silence(deaths).await?;
        let admin = self.node.tokens(config)?;
        asking::measure(&self.node.address, &admin, self.crowd.asker(), &mut self.report).await?;
        self.deaths(due, first, sessions - due, Target::Most(250.0)).await?;
        let left = sessions - due - deaths;
        self.deaths(deaths, second, left, Target::None).await?;
        self.crowd.call_back();
        self.until("everybody is back", |stats| stats.online >= u64::from(sessions)).await?;
        self.parts(sessions).await?;
        let (sent, failed) = self.crowd.counts();
        if !args.keep_redis {
            self.loss(sessions).await?;
        }
        tell(&format!("\n{sent} heartbeats, {failed} failed; begun in {:.0} s\n", filled.as_secs_f64()))?;
        Ok(self.report.is_met())
    }

    /// What a person who is present costs, once the outbox holds nothing that is not needed.
    async fn memory(&mut self, sessions: u32) -> anyhow::Result<()> {
        let stats = self.until_trimmed().await?;
        let used = self.wire.used().await? - self.empty;
        let users = f64::from(sessions);
        self.report.title("Memory of Redis, one organisation, ids of 16 characters")?;
        self.report.row("users present", count(stats.online), "", Target::Equal(users))?;
        self.report.row("everything, for each", used / users, "B", Target::Most(500.0))?;
        let (dataset, fragmentation) = (self.wire.dataset().await?, self.wire.fragmentation().await?);
        self.report.row("used_memory_dataset, for each", dataset / users, "B", Target::None)?;
        self.report.row("mem_fragmentation_ratio", fragmentation, "x", Target::None)?;
        self.report.row("entries left in the outbox", count(stats.entries), "", Target::None)?;
        Ok(())
    }

    /// Redis' time for heartbeats alone: what it spends meanwhile on watching is measured first, and taken off.
    async fn heartbeats(&mut self) -> anyhow::Result<()> {
        self.crowd.rest().await;
        let (before, started) = (self.wire.spent().await?, Instant::now());
        tokio::time::sleep(QUIET).await;
        let (idle, span) = (self.wire.spent().await?.since(before), started.elapsed().as_secs_f64());
        // The first time a node learns how everybody stands, as after its start.
        let (crowd, settings) = (Arc::clone(&self.crowd), self.settings.clone());
        let (mut wire, people) = (Wire::open(self.node.servers()?).await?, count(self.crowd.people()));
        let (spent, took) = apart(async move {
            let app = App::build(settings).await?;
            let _working = machine::working(&app);
            crowd.in_full_calls(&app).await?;
            let (before, started) = (wire.spent().await?, Instant::now());
            crowd.in_full_calls(&app).await?;
            Ok((wire.spent().await?.since(before), started.elapsed().as_secs_f64()))
        })
        .await?;
        let started = Instant::now();
        self.crowd.all_at_once().await?;
        let rate = people / started.elapsed().as_secs_f64();
        self.crowd.go_on();
        let each = |busy: f64, idle: f64| (busy - idle * took / span) / people;
        let calls = spent.calls - idle.calls * took / span;
        let rows = [
            ("Redis in the script, for each", each(spent.scripts, idle.scripts), "us", Target::Most(6.0)),
            ("Redis in all, for each", each(spent.processor, idle.processor), "us", Target::None),
            ("heartbeats in a call", people / calls, "x", Target::None),
            ("a second, from one process, calls side by side", rate, "", Target::None),
            ("Redis while nobody beats", idle.processor / span / 10_000.0, "%", Target::None),
        ];
        self.report.title("Heartbeats, everybody once, one full call after the other")?;
        for (what, figure, unit, target) in rows {
            self.report.row(what, figure, unit, target)?;
        }
        Ok(())
    }

    /// Waits until a moment is over and the audit has the deaths that were due until then.
    async fn deaths(
        &mut self,
        expected: u32,
        due: (Millis, Millis),
        left: u32,
        noticed: Target,
    ) -> anyhow::Result<()> {
        let wanted = u64::from(left);
        let over = |stats: &Stats| stats.online <= wanted && stats.now > due.1;
        let stats = self.until("everybody who is due is offline", over).await?;
        self.report.title(&format!("{expected} due within 10 s while the others go on"))?;
        self.report.row("users still present", count(stats.online), "", Target::Equal(count(wanted)))?;
        deaths::measure(&self.app, expected, due, noticed, &mut self.report).await
    }

    /// What each part of the data takes: removed at the end, part by part.
    async fn parts(&mut self, left: u32) -> anyhow::Result<()> {
        self.until_trimmed().await?;
        self.crowd.rest().await;
        let keys = self.app.store.keys().clone();
        let all = || 0..keys.shards();
        let total = self.wire.used().await? - self.empty;
        let due: Vec<String> = all().map(|shard| keys.due(shard)).collect();
        let sets: Vec<String> = all().flat_map(|shard| keys.sets(shard, None)).flatten().collect();
        let records: Vec<String> = all().flat_map(|shard| keys.records(shard)).collect();
        let (due, sets) = (self.wire.weigh(&due).await?, self.wire.weigh(&sets).await?);
        let leases = total - due - sets - self.wire.weigh(&records).await?;
        let users = f64::from(left);
        self.report.title("Memory of its parts, removed one after the other")?;
        self.report.row("lease and due, for each", (leases + due) / users, "B", Target::Most(260.0))?;
        self.report.row("lease alone", leases / users, "B", Target::None)?;
        self.report.row("set of those present", sets / users, "B", Target::None)?;
        Ok(())
    }

    /// Redis loses everything; then heartbeats go on for longer than anybody pauses between two.
    async fn loss(&mut self, left: u32) -> anyhow::Result<()> {
        let stack = self.node.stack.as_ref().context("the node has no servers of its own")?;
        let lost_at = loss::lose(&self.app, stack, left, &mut self.report).await?;
        self.crowd.go_on();
        tokio::time::sleep(AFTERMATH).await;
        loss::aftermath(&self.app, lost_at, left, AFTERMATH, &mut self.report).await
    }

    /// Waits until every change is copied, and a minute later trimmed.
    async fn until_trimmed(&self) -> anyhow::Result<Stats> {
        tell("\n  waiting until every change is copied and trimmed\n")?;
        let shards = u64::from(self.app.store.keys().shards());
        self.until("the outbox is trimmed", |stats| stats.entries <= shards).await
    }

    async fn until(&self, what: &str, done: impl Fn(&Stats) -> bool) -> anyhow::Result<Stats> {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            // A busy machine may not answer in time; it is asked again.
            if let Ok(stats) = self.app.store.stats(None).await
                && done(&stats)
            {
                return Ok(stats);
            }
            tokio::time::sleep(STEP).await;
        }
        let (sent, failed) = self.crowd.counts();
        let stats = self.app.store.stats(None).await?;
        bail!("waited {PATIENCE:?} in vain until {what}: {stats:?}, {sent} heartbeats sent, {failed} failed")
    }
}

/// A count as a figure.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn count(number: u64) -> f64 {
    number as f64
}
