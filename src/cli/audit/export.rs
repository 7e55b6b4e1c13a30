//! `rollcall audit export`: a log as a file on standard output, as the API sends it.

use std::io::{Write, stdout};

use anyhow::Context;
use futures::TryStreamExt;
use time::OffsetDateTime;

use super::moment;
use crate::accounts::{Accounts, ActionFilter, Origin};
use crate::audit::{Audit, Filter};
use crate::config::Config;
use crate::database;
use crate::http::file::{Form, Pages, file};
use crate::http::{ActionPages, TransitionPages, exported_actions, exported_transitions};
use crate::presence::Millis;

/// How the export is signed.
const ACTOR: &str = "cli";
/// A page is read at a time.
const CONNECTIONS: u32 = 1;

/// Options of `audit export`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Which log
    #[arg(id = "exported", value_name = "LOG", value_enum)]
    log: Log,
    /// csv, ndjson or json
    #[arg(long, default_value = "ndjson")]
    format: Form,
    /// From this day (2026-11-20) or moment on (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Millis>,
    /// Before this day or moment
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Millis>,
}

/// A log that can be exported.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Log {
    /// Every change of status
    Transitions,
    /// What administrators did, and what concerned the security of accounts
    Actions,
}

/// Exports, newest first.
pub(super) async fn run(config: &Config, args: &Args) -> anyhow::Result<bool> {
    let url = config.database.url()?;
    let pool = database::connect(&url.expose().into(), true, CONNECTIONS)?;
    let (audit, accounts) = (Audit::new(pool.clone()), Accounts::new(pool));
    let now = audit.reach().await.with_context(|| format!("cannot read the history at {url}"))?.now;
    let until = args.to.unwrap_or(now).min(now);
    let origin = Origin { actor: Some(ACTOR.to_owned()), ..Origin::default() };
    match args.log {
        Log::Transitions => {
            let filter = Filter { since: args.from, until: Some(until), ..Filter::default() };
            accounts.record(&exported_transitions(&filter, args.format, &origin)).await?;
            write(TransitionPages { audit, filter }, args.format).await?;
        }
        Log::Actions => {
            let since = args.from.map(point).transpose()?;
            let filter = ActionFilter { since, until: Some(point(until)?), ..ActionFilter::default() };
            accounts.record(&exported_actions(&filter, args.format, &origin)).await?;
            write(ActionPages { accounts, filter }, args.format).await?;
        }
    }
    Ok(true)
}

fn point(at: Millis) -> anyhow::Result<OffsetDateTime> {
    Ok(OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000)?)
}

/// A page at a time: whoever reads slowly is waited for.
async fn write(pages: impl Pages, form: Form) -> anyhow::Result<()> {
    let mut out = stdout().lock();
    let mut pieces = std::pin::pin!(file(pages, form));
    while let Some(piece) = pieces.try_next().await? {
        out.write_all(&piece)?;
    }
    Ok(out.flush()?)
}
