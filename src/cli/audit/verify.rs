//! `rollcall audit verify`: the history held against its seals. Needs no more than the rights of the service.

use std::fs::File;
use std::io::{Write, stderr, stdout};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Value, json};

use super::moment;
use crate::audit::{Audit, Head, Verified, VerifiedJournal, Window};
use crate::config::Config;
use crate::database;
use crate::presence::Millis;

/// One page after the other needs one connection, and another for what is looked up beside it.
const CONNECTIONS: u32 = 2;
/// Between two words on how far it has come.
const PROGRESS: Duration = Duration::from_secs(2);

/// Options of `audit verify`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Only from this day (2026-11-20) or moment on (RFC 3339); what was before is taken as it is
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Millis>,
    /// Only up to this day or moment
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Millis>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Print where the chains end, as JSON; the result goes to standard error. Keep it where nobody who can write to the
    /// database can write
    #[arg(long, conflicts_with_all = ["to", "json"])]
    print_head: bool,
    /// Fail unless the chains contain these ends, which --print-head printed earlier
    #[arg(long, value_name = "FILE")]
    expect_head: Option<PathBuf>,
}

/// Verifies; answers whether the history is whole.
pub(super) async fn run(config: &Config, args: &Args) -> anyhow::Result<bool> {
    let expected = args.expect_head.as_deref().map(read).transpose()?;
    let url = config.database.url()?;
    let audit = Audit::new(database::connect(&url.expose().into(), true, CONNECTIONS)?);
    let window = Window { since: args.from, until: args.to };
    let mut told = Instant::now();
    let progress = |verified: &Verified| {
        if told.elapsed() > PROGRESS {
            told = Instant::now();
            // Without standard error there is nobody to tell.
            let _ = writeln!(stderr(), "{} rows ...", verified.read);
        }
    };
    let verified = audit.verify(window, expected.as_ref(), progress).await;
    let verified = verified.with_context(|| format!("cannot verify the history at {url}"))?;
    if args.print_head {
        say(&verified, &mut stderr())?;
        writeln!(stdout(), "{}", serde_json::to_string(&verified.head)?)?;
    } else if args.json {
        writeln!(stdout(), "{:#}", as_json(&verified))?;
    } else {
        say(&verified, &mut stdout())?;
    }
    Ok(verified.is_whole())
}

fn read(path: &Path) -> anyhow::Result<Head> {
    let what = || format!("cannot read a head from {}", path.display());
    let file = File::open(path).with_context(what)?;
    serde_json::from_reader(file).with_context(what)
}

fn say(verified: &Verified, out: &mut impl Write) -> std::io::Result<()> {
    for problem in verified.problems() {
        writeln!(out, "{problem}")?;
    }
    if verified.more() > 0 {
        writeln!(out, "and {} more", verified.more())?;
    }
    let Verified { shards, batches, entries, .. } = verified;
    writeln!(out, "transitions_log: {entries} entries in {batches} batches of {shards} shards")?;
    for VerifiedJournal { journal, seals, rows, unsealed } in &verified.journals {
        writeln!(out, "{}: {rows} rows in {seals} seals, {unsealed} not sealed yet", journal.as_str())?;
    }
    let verdict =
        if verified.is_whole() { "everything is as it was written" } else { "NOT as it was written" };
    writeln!(out, "{verdict}")
}

fn as_json(verified: &Verified) -> Value {
    let journals = verified.journals.iter().map(|found| {
        let VerifiedJournal { journal, seals, rows, unsealed } = found;
        (journal.as_str().to_owned(), json!({"seals": seals, "rows": rows, "unsealed": unsealed}))
    });
    let mut logs: serde_json::Map<String, Value> = journals.collect();
    let Verified { shards, batches, entries, kept_since, head, .. } = verified;
    logs.insert("transitions_log".to_owned(), json!({"shards": shards, "batches": batches, "rows": entries}));
    json!({
        "ok": verified.is_whole(), "problems": verified.problems(), "more_problems": verified.more(), "logs": logs,
        "kept_since_ms": kept_since, "head": head,
    })
}
