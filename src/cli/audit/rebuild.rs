//! `rollcall audit rebuild`: intervals and last known states, derived from the log again.

use std::io::Write;

use anyhow::Context;

use crate::audit::{self, Audit, Rebuilt};
use crate::config::Config;

/// Options of `audit rebuild`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Only compare; fail if anything differs
    #[arg(long)]
    check: bool,
}

/// Does it.
pub(super) async fn run(config: &Config, Args { check }: &Args) -> anyhow::Result<bool> {
    let url = config.database.migrate_url()?;
    let audit = Audit::new(audit::connect_as_owner(&url.expose().into())?);
    let progress = |progress: audit::Progress| {
        let audit::Progress { subject, end, rows } = progress;
        // Without standard error there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "{subject} of {end} people, {rows} transitions and claims");
    };
    let rebuilt = audit.rebuild(*check, progress).await.with_context(|| {
        format!("at {url}, as which rollcall must own the schema (ROLLCALL_DATABASE_MIGRATE_URL)")
    })?;
    say(&rebuilt, *check)?;
    Ok(!check || rebuilt.different == 0)
}

fn say(rebuilt: &Rebuilt, check: bool) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for difference in &rebuilt.told {
        let who = difference.user.as_ref().map_or("erased", |user| user.as_str());
        writeln!(out, "{who} (subject {}): {}", difference.subject, difference.what)?;
    }
    let Rebuilt { people, rows, different, .. } = rebuilt;
    let done = if check { "differ from the log" } else { "differed and are as the log says now" };
    writeln!(out, "{people} people, {rows} entries of the log: {different} derived rows {done}")
}
