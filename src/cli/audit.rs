//! `rollcall audit`: work on the history as a whole.

use std::io::Write;

use anyhow::Context;

use crate::audit::{self, Audit, Rebuilt};
use crate::config::Config;

/// What to do with the history.
#[derive(Debug, clap::Subcommand)]
pub(super) enum AuditCommand {
    /// Make the tables that are derived from the log (intervals, last known states) what the log says. Works as the
    /// owner of the schema, beside running nodes
    Rebuild {
        /// Only compare; fail if anything differs
        #[arg(long)]
        check: bool,
    },
}

/// Does it.
pub(super) async fn run(config: &Config, command: &AuditCommand) -> anyhow::Result<bool> {
    let AuditCommand::Rebuild { check } = command;
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
