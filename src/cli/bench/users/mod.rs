//! `rollcall bench users`: the directory of people with a hundred thousand accounts, half of them online.
//!
//! The node is a process of its own on private servers; what is measured is asked over HTTP by one administrator, one
//! question after the other, while the people who are online stay so. Questions differ, so that no answer is a repetition.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use futures::{TryStreamExt, stream};
use serde_json::Value;
use time::OffsetDateTime;
use tokio_util::task::AbortOnDropHandle;

use super::apart::{Yielding, apart};
use super::machine;
use super::node::Node;
use super::report::{Report, Target, quantile, tell};
use crate::accounts::import::{Newcomer, Secret};
use crate::accounts::{AccountStatus, Email, NewAccount, Origin, Profile, Username};
use crate::app::App;
use crate::audit;
use crate::auth::Grant;
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
/// Accounts of the list that is measured.
const LISTED: u32 = 1_000;
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
    copied(&app).await?;
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

/// Waits until the history has followed: half of all people coming at once is not what is measured.
async fn copied(app: &App) -> anyhow::Result<()> {
    let limit = Instant::now() + PATIENCE;
    loop {
        let (heads, positions) = (app.store.heads().await?, app.audit.positions().await?);
        let is_behind = |(shard, head): (u16, &Option<Opened>)| {
            head.is_some_and(|head| positions.get(&shard).is_none_or(|position| position.n < head.n))
        };
        if !(0..).zip(&heads).any(is_behind) {
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

/// An administrator with questions.
struct Asker {
    client: reqwest::Client,
    list: String,
    token: String,
}

impl Asker {
    fn new(config: &Config, node: &Node) -> anyhow::Result<Self> {
        // Nobody's account here, so the token's role is believed.
        let grant = Grant {
            user: UserId::parse("bench")?,
            org: Org::default(),
            login: LoginId::parse("bench-admin")?,
            token_version: 0,
            role: Role::Admin,
        };
        Ok(Self {
            client: reqwest::Client::new(),
            list: format!("http://{}/api/users/admin/users/", node.address),
            token: node.tokens(config)?.issue(&grant, OffsetDateTime::now_utc()),
        })
    }

    /// One answer, and how long it took, in ms.
    async fn ask(&self, query: &str) -> anyhow::Result<(Value, f64)> {
        let started = Instant::now();
        let url = format!("{}?{query}", self.list);
        let answer = self.client.get(url).bearer_auth(&self.token).send().await?.error_for_status()?;
        let bytes = answer.bytes().await?;
        let took = started.elapsed().as_secs_f64() * 1_000.0;
        Ok((serde_json::from_slice(&bytes)?, took))
    }

    /// Asks every question as often, in turns.
    async fn measure(&self, args: &Args) -> anyhow::Result<bool> {
        let mut report = Report::new();
        report.title("Questions of an administrator over HTTP, those online stay so")?;
        for question in Question::ALL {
            let mut took = Vec::new();
            let mut cursor = None;
            for turn in 0..args.times {
                let (answer, ms) = self.ask(&question.asked(turn, args.accounts, cursor.as_deref())).await?;
                question.check(&answer)?;
                cursor = answer["next_cursor"].as_str().map(str::to_owned);
                took.push(ms);
            }
            let name = question.name();
            report.row(&format!("{name}, p50"), quantile(&mut took, 0.5), "ms", Target::None)?;
            report.row(&format!("{name}, p99"), quantile(&mut took, 0.99), "ms", question.target())?;
        }
        Ok(report.is_met())
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
enum Question {
    Page,
    Cursor,
    Name,
    Address,
    Few,
    Online,
}

impl Question {
    const ALL: [Self; 6] = [Self::Page, Self::Cursor, Self::Name, Self::Address, Self::Few, Self::Online];

    const fn name(self) -> &'static str {
        match self {
            Self::Page => "a numbered page of 1000 accounts",
            Self::Cursor => "1000 accounts behind a cursor",
            Self::Name => "search: a full name",
            Self::Address => "search: part of an address",
            Self::Few => "search: three letters, any page",
            Self::Online => "20 of those online, by name",
        }
    }

    const fn target(self) -> Target {
        match self {
            Self::Page | Self::Cursor => Target::Most(30.0),
            Self::Name | Self::Address | Self::Few => Target::Most(50.0),
            Self::Online => Target::None,
        }
    }

    fn asked(self, turn: u32, accounts: u32, cursor: Option<&str>) -> String {
        // Far apart, so that turns differ.
        let number = turn.wrapping_mul(7_919) % accounts;
        let (first, last) = names(number);
        match self {
            Self::Page => format!("per_page={LISTED}&page={}", 1 + number % (accounts / LISTED)),
            Self::Cursor => match cursor {
                Some(cursor) => format!("per_page={LISTED}&cursor={cursor}"),
                None => format!("per_page={LISTED}"),
            },
            Self::Name => format!("search={first}%20{last}"),
            Self::Address => format!("search={first}-{number}@"),
            Self::Few => format!("search={}&page={}", &last[..3], 1 + turn % 50),
            Self::Online => format!("online_status=online&sort=username&page={}", 1 + turn % 50),
        }
    }

    /// That the answer is one.
    fn check(self, answer: &Value) -> anyhow::Result<()> {
        let results = answer["results"].as_array().map_or(0, Vec::len);
        match self {
            Self::Page | Self::Cursor => ensure!(results == LISTED as usize, "{results} were listed"),
            Self::Address => ensure!(results >= 1, "nobody was found"),
            Self::Name | Self::Few | Self::Online if results == 20 => {}
            Self::Name | Self::Few | Self::Online => bail!("{results} were found: {self:?}"),
        }
        Ok(())
    }
}
