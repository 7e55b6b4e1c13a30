//! `rollcall doctor`: is this service well, and if not, what does that mean for people and what is to be done. It looks by
//! the settings of a node, while nodes run or none does, and changes nothing. What cannot be reached is said; the rest is
//! looked at all the same.
//!
//! Reading order: `report` (what a check says), `redis`, `nodes`, `shards` (owners and outboxes), `postgres`, `people` (what
//! the two stores have of everybody who is present).

mod nodes;
mod people;
mod postgres;
mod redis;
mod report;
mod shards;

use std::collections::HashMap;
use std::io::{IsTerminal, Write, stderr, stdout};

use crate::app::{look_at_store, own_tokens};
use crate::audit::{Audit, Position};
use crate::config::Config;
use crate::database;
use crate::store::Store;
use report::{Check, Report};

/// One for questions, one for a reading of everybody beside them.
const CONNECTIONS: u32 = 2;

/// Options of `doctor`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON instead of lines
    #[arg(long)]
    json: bool,
    /// Compare at most so many of the people who are present, spread over all shards [default: all, for a minute at most]
    #[arg(long, value_name = "COUNT")]
    users: Option<usize>,
}

/// What checks look at.
struct Patient {
    config: Config,
    /// None if Redis cannot be reached.
    store: Option<Store>,
    audit: Audit,
    /// How far the copy has come; none if Postgres does not say.
    positions: Option<HashMap<u16, Position>>,
}

/// Looks at everything; answers whether nothing failed.
pub(super) async fn run(config: &Config, args: &Args) -> anyhow::Result<bool> {
    config.redis.url()?;
    let mut checks = vec![settings(config), production(config)];
    let database = config.database.url()?.expose().into();
    let audit = Audit::new(database::connect(&database, true, CONNECTIONS)?);
    tell("looking at Redis");
    let store = match look_at_store(config).await {
        Ok(store) => Some(store),
        Err(error) => {
            checks.push(redis::unreachable(&error));
            None
        }
    };
    let positions = audit.positions().await.ok();
    let patient = Patient { config: config.clone(), store, audit, positions };
    let mut live = 0;
    if let Some(store) = &patient.store {
        checks.extend(redis::check(store, &config.redis).await);
        let (found, nodes) = nodes::check(store).await;
        live = nodes.len();
        checks.extend(found);
        tell("looking at shards and outboxes");
        checks.extend(shards::check(&patient, store, &nodes).await);
    }
    tell("looking at Postgres");
    checks.extend(postgres::check(&patient, live).await);
    if let Some(store) = &patient.store {
        tell("comparing who is present");
        checks.push(people::check(&patient, store, args.users).await);
    }
    let report = Report::of(checks);
    let mut out = stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        write!(out, "{report}")?;
    }
    config.check_serving()?;
    Ok(report.is_healthy())
}

/// Says on a terminal what takes long.
fn tell(what: &str) {
    if stderr().is_terminal() {
        // Without standard error there is nobody to tell.
        let _ = writeln!(stderr(), "{what} ...");
    }
}

/// Whether a node would start with these settings.
fn settings(config: &Config) -> Check {
    let problem = match config.check_serving() {
        Ok(()) => own_tokens(config).err().map(|error| format!("{error:#}")),
        Err(error) => Some(error.to_string()),
    };
    match problem {
        None => Check::ok("settings", "good to serve"),
        Some(problem) => Check::failure(
            "settings",
            problem,
            "a node with these settings does not start",
            "Set what is named; `rollcall config print` shows what is in force",
        ),
    }
}

/// What is unwise where strangers come.
fn production(config: &Config) -> Check {
    let unwise = config.unwise();
    if unwise.is_empty() {
        return Check::ok("settings.production", "nothing unwise");
    }
    let line = |unwise: &crate::config::Unwise| {
        format!("{} is {}: {}. Better: {}", unwise.setting, unwise.value, unwise.means, unwise.advice)
    };
    Check::warning(
        "settings.production",
        format!("{} settings are unwise in production", unwise.len()),
        "see each of them",
        "Change them, or know why they are as they are",
    )
    .of(unwise.iter().map(line).collect())
}
