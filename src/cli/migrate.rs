//! `rollcall migrate`: the database's schema, brought up to date by its owner.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::audit::{self, AuditError};
use crate::config::{Config, Span};

/// Pause between two attempts to reach Postgres.
const PAUSE: Duration = Duration::from_millis(500);

/// Options of `migrate`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// For how long to try again while Postgres does not answer
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    wait: Span,
}

/// Migrates.
pub(super) async fn run(config: &Config, args: &Args) -> anyhow::Result<bool> {
    let url = config.database.migrate_url()?;
    let started = Instant::now();
    loop {
        match audit::migrate(&url.expose().into()).await {
            Ok(()) => break,
            Err(AuditError::Unavailable(_)) if started.elapsed() < args.wait.duration() => {
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error).with_context(|| format!("cannot migrate {url}")),
        }
    }
    writeln!(std::io::stdout(), "the schema of {url} is up to date ({} ms)", started.elapsed().as_millis())?;
    Ok(true)
}
