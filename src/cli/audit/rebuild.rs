//! `rollcall audit rebuild`: intervals, last known states and figures, derived from the log again.

use std::io::Write;

use anyhow::Context;

use crate::audit::{Audit, FiguresRebuilt, Progress, Rebuilt};
use crate::config::Config;
use crate::database;

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
    let audit = Audit::new(database::connect_as_owner(&url.expose().into())?);
    let progress = |progress: Progress| {
        let Progress { subject, end, rows } = progress;
        // Without standard error there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "{subject} of {end} people, {rows} transitions and claims");
    };
    let rebuilt = audit.rebuild(*check, progress).await.with_context(|| {
        format!("at {url}, as which rollcall must own the schema (ROLLCALL_DATABASE_MIGRATE_URL)")
    })?;
    say(&rebuilt, *check)?;
    let figures = audit.rebuild_figures(*check).await.context("the figures")?;
    say_figures(&figures, *check)?;
    let different = rebuilt.different + figures.different_spells + figures.different_rollups;
    Ok(!check || different == 0)
}

fn say_figures(figures: &FiguresRebuilt, check: bool) -> std::io::Result<()> {
    let FiguresRebuilt { spells, different_spells, different_rollups } = figures;
    let done = if check { "differ" } else { "differed and are right now" };
    writeln!(
        std::io::stdout(),
        "{spells} spells: {different_spells} of them and {different_rollups} rollups {done}"
    )
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
