//! `rollcall bench users`: the directory of people with a hundred thousand accounts, half of them online.
//!
//! The node is a process of its own on private servers; what is measured is asked over HTTP by one administrator, one
//! question after the other, while the people who are online stay so. Questions differ, so that no answer is a repetition.

mod asking;

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures::{TryStreamExt, stream};
use tokio_util::task::AbortOnDropHandle;

use self::asking::Asker;
use super::apart::{Yielding, apart};
use super::machine;
use super::node::Node;
use super::report::tell;
use crate::accounts::import::{Newcomer, Secret};
use crate::accounts::{AccountStatus, Email, NewAccount, Origin, Profile, Username};
use crate::app::App;
use crate::audit;
use crate::config::Config;
use crate::presence::{LoginId, Org, Pace, Reason, Role, Tab, UserId};
use crate::store::{Bearer, Beat, Opened};

/// Accounts of a transaction, and calls to Redis at a time.
const BATCH: u32 = 5_000;
const AT_ONCE: usize = 256;
/// Who is online sends a sign of life that often, one after the other: people do not beat together.
const BETWEEN: Duration = Duration::from_secs(30);
/// So often in that time a part of them does.
const PARTS: u32 = 3_000;
/// How long the history may take to follow, and how often that is looked at.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(200);
/// Names of people, combined.
const FIRST: [&str; 20] = [
    "Ada", "Alan", "Barbara", "Claude", "Dorothy", "Edsger", "Frances", "Grace", "Hedy", "Ivan", "Jean",
    "Ken", "Lynn", "Margaret", "Niklaus", "Olga", "Peter", "Radia", "Sophie", "Tim",
];
const LAST: [&str; 20] = [
    "Berg", "Castro", "Dubois", "Eriksen", "Fischer", "Garcia", "Haddad", "Ivanova", "Jansen", "Kovacs",
    "Larsen", "Moreau", "Nowak", "Okafor", "Petrov", "Quist", "Rossi", "Silva", "Tanaka", "Ueda",
];

/// Options of `bench users`.
#[derive(Clone, Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Accounts; every other one is online
    #[arg(long, value_name = "COUNT", default_value = "100000", value_parser = clap::value_parser!(u32).range(20_000..=1_000_000))]
    accounts: u32,
    /// How often each question is asked
    #[arg(long, value_name = "COUNT", default_value = "300", value_parser = clap::value_parser!(u32).range(10..=10_000))]
    times: u32,
}

/// Measures and prints; answers whether every target was met.
pub(super) async fn run(config: &Config, args: &Args) -> anyhow::Result<bool> {
    let node = Node::start(&[]).await?;
    let stack = node.stack.as_ref().context("the node has no servers of its own")?;
    tell(&format!("{}\n", machine::described(Some(stack))))?;
    let app = App::build(machine::config_on(config, stack, node.secret.clone())?).await?;
    let _working = machine::working(&app);
    let started = Instant::now();
    make(&app, args.accounts).await?;
    let online = begin(&app, (1..=args.accounts).step_by(2)).await?;
    tell(&format!(
        "{} accounts, {online} of them online, made in {:.0} s\n",
        args.accounts,
        started.elapsed().as_secs_f64()
    ))?;
    let staying = app.clone();
    followed(&app).await?;
    // Postgres does so by itself within a minute of such an import; here that would fall into the middle of a question.
    audit::tidy(&stack.database_url().into()).await?;
    let accounts = args.accounts;
    let load = Yielding::new()?;
    let _staying = AbortOnDropHandle::new(load.handle().spawn(async move {
        let mut due = tokio::time::interval(BETWEEN / PARTS);
        for part in (0..PARTS).cycle() {
            due.tick().await;
            let online = (1..=accounts).step_by(2).skip(part as usize).step_by(PARTS as usize);
            if let Err(error) = begin(&staying, online).await {
                tracing::warn!(%error, "some of those online may go offline");
            }
        }
    }));
    let (asker, args) = (Asker::new(config, &node)?, args.clone());
    let met = apart(async move { asker.measure(&args).await }).await?;
    node.stop().await?;
    Ok(met)
}

/// Makes the accounts. Nobody logs in to them: their passwords match nothing.
async fn make(app: &App, count: u32) -> anyhow::Result<()> {
    let origin = Origin { actor: Some("bench".to_owned()), ..Origin::default() };
    for first in (0..count).step_by(BATCH as usize) {
        let people: Vec<Newcomer> =
            (first..count.min(first + BATCH)).map(newcomer).collect::<anyhow::Result<_>>()?;
        app.accounts.import(&people, &origin).await?;
    }
    Ok(())
}

fn newcomer(number: u32) -> anyhow::Result<Newcomer> {
    let (first, last) = names(number);
    let account = NewAccount {
        username: Username::parse(&format!("{first}.{last}.{number}").to_lowercase())?,
        email: Email::parse(&format!("{first}-{number}@example.com").to_lowercase())?,
        password_hash: "-".to_owned(),
        role: Role::User,
        status: AccountStatus::Active,
        org: Org::default(),
        first_name: first.to_owned(),
        last_name: last.to_owned(),
    };
    Ok(Newcomer { line: 0, account, profile: Profile::default(), secret: Secret::None })
}

fn names(number: u32) -> (&'static str, &'static str) {
    let number = number as usize;
    (FIRST[number % FIRST.len()], LAST[number / FIRST.len() % LAST.len()])
}

/// A sign of life of each of these accounts; answers how many.
async fn begin(app: &App, online: impl Iterator<Item = u32> + Clone) -> anyhow::Result<u32> {
    stream::iter(online.clone().map(Ok))
        .try_for_each_concurrent(AT_ONCE, |number| async move {
            app.store.beat(&beat(number)?).await?;
            anyhow::Ok(())
        })
        .await?;
    Ok(u32::try_from(online.count())?)
}

/// Waits until the history and its figures have followed: half of all people coming at once is not what is measured.
async fn followed(app: &App) -> anyhow::Result<()> {
    let limit = Instant::now() + PATIENCE;
    loop {
        let (heads, positions) = (app.store.heads().await?, app.audit.positions().await?);
        let is_behind = |(shard, head): (u16, &Option<Opened>)| {
            head.is_some_and(|head| positions.get(&shard).is_none_or(|position| position.n < head.n))
        };
        if !(0..).zip(&heads).any(is_behind) && app.audit.figures_lag().await?.is_zero() {
            return Ok(());
        }
        ensure!(Instant::now() < limit, "the history does not follow");
        tokio::time::sleep(PAUSE).await;
    }
}

fn beat(number: u32) -> anyhow::Result<Beat> {
    let bearer = Bearer {
        user: UserId::parse(&number.to_string())?,
        org: Org::default(),
        login: LoginId::parse("bench")?,
        token_version: 1,
    };
    Ok(Beat {
        bearer,
        tab: Tab::default(),
        activity: None,
        idle_ms: None,
        pace: Pace::Visible,
        device: None,
        connection: None,
        reason: Reason::Connect,
        takes: true,
    })
}
