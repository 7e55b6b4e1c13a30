//! `rollcall bench copy`: how many changes of status a second the copy brings into Postgres.
//!
//! The outbox is filled by real logins and logouts first; then the tasks of a node are started, and how far they are is
//! read from its own metrics.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures::{StreamExt, TryStreamExt, stream};

use super::machine;
use crate::app::App;
use crate::audit;
use crate::cli::dev::kept;
use crate::cli::exposition;
use crate::config::Config;
use crate::live::Live;
use crate::metrics::names;
use crate::presence::{LoginId, Org, Pace, Reason, Tab, UserId};
use crate::store::{Bearer, Beat};
use crate::tasks::Tasks;

/// Calls to Redis at a time, to fill the outbox.
const AT_ONCE: usize = 256;
/// How often progress is read.
const STEP: Duration = Duration::from_millis(50);
/// How long the copy may take.
const MOST: Duration = Duration::from_secs(300);
/// The first and the last entries are left out: the start of the tasks is no part of a sustained rate.
const FROM: f64 = 0.1;
const TO: f64 = 0.9;

/// Options of `bench copy`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Changes of status to copy
    #[arg(long, value_name = "COUNT", default_value = "200000", value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    entries: u32,
    /// Users whose changes they are
    #[arg(long, value_name = "COUNT", default_value = "10000", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    users: u32,
}

/// Measures and prints.
pub(super) async fn run(config: &Config, args: &Args) -> anyhow::Result<()> {
    let stack = machine::durable_stack().await?;
    writeln!(std::io::stdout(), "{}", machine::described(Some(&stack)))?;
    let config = machine::config_on(config, &stack, kept::secret().into())?;
    let app = App::build(config).await?;
    audit::migrate(&stack.database_url().into()).await?;
    let started = Instant::now();
    let entries = fill(&app, args).await?;
    let filled = started.elapsed();
    let mut out = std::io::stdout();
    writeln!(
        out,
        "filled: {entries} changes of {} users on {} shards in {:.1} s ({:.0}/s)",
        args.users,
        app.store.keys().shards(),
        filled.as_secs_f64(),
        f64::from(entries) / filled.as_secs_f64()
    )?;
    let tasks = Tasks::spawn(&app, &Live::new(&app));
    let copied = follow(&app, f64::from(entries)).await;
    tasks.stop(Duration::from_secs(10)).await;
    let (sustained, all) = copied?;
    writeln!(
        out,
        "copied: {sustained:.0}/s sustained (from a tenth to nine tenths of them); all within {:.1} s",
        all.as_secs_f64()
    )?;
    drop(app);
    tokio::task::spawn_blocking(move || drop(stack)).await?;
    Ok(())
}

/// Fills the outbox; answers how many entries it has.
async fn fill(app: &App, args: &Args) -> anyhow::Result<u32> {
    for shard in 0..app.store.keys().shards() {
        let epoch = app.audit.next_epoch(shard, "bench").await?.epoch;
        app.store.open_empty(shard, epoch).await?;
    }
    let rounds = (args.entries / 2).div_ceil(args.users);
    let visits = (0..rounds).flat_map(|round| (0..args.users).map(move |user| (round, user)));
    let visits = stream::iter(visits.take(args.entries as usize / 2))
        .map(|(round, user)| visit(app, round, user))
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>();
    tokio::select! {
        () = app.store.work() => bail!("the batcher ended"),
        done = visits => done?,
    }
    Ok(args.entries / 2 * 2)
}

/// A login and its logout: two changes.
async fn visit(app: &App, round: u32, user: u32) -> anyhow::Result<()> {
    let bearer = Bearer {
        user: UserId::parse(&(u64::from(user) + 1).to_string())?,
        org: Org::default(),
        login: LoginId::parse(&format!("round-{round}"))?,
        token_version: 0,
    };
    let beat = Beat {
        bearer: bearer.clone(),
        tab: Tab::default(),
        activity: None,
        idle_ms: None,
        pace: Pace::Visible,
        device: None,
        connection: None,
        reason: Reason::Login,
        takes: true,
    };
    app.store.beat(&beat).await?;
    app.store.end_login(&bearer.user, &bearer.org, &bearer.login).await?;
    Ok(())
}

/// Waits until all entries are in Postgres; answers the sustained rate per second, and how long all of them took.
async fn follow(app: &App, entries: f64) -> anyhow::Result<(f64, Duration)> {
    let started = Instant::now();
    let mut first = None;
    let mut last = None;
    while started.elapsed() < MOST {
        let copied = exposition::sum(&app.metrics.render(), names::AUDIT_ROWS.name, "result=\"stored\"");
        let now = started.elapsed();
        if copied >= entries * FROM && first.is_none() {
            first = Some((now, copied));
        }
        if copied <= entries * TO || last.is_none() {
            last = Some((now, copied));
        }
        if copied >= entries {
            let ((from, begun), (to, done)) = first.zip(last).context("everything was copied at once")?;
            let seconds = to.saturating_sub(from).max(STEP).as_secs_f64();
            return Ok(((done - begun) / seconds, now));
        }
        tokio::time::sleep(STEP).await;
    }
    bail!("the copy did not end within {MOST:?}")
}
