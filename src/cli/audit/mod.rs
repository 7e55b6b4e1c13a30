//! `rollcall audit`: work on the history as a whole.

mod export;
mod rebuild;
mod verify;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::config::Config;
use crate::presence::Millis;

/// What to do with the history.
#[derive(Debug, clap::Subcommand)]
pub(super) enum AuditCommand {
    /// Look whether the history is as it was written: no row and no seal changed, removed or slipped in, no number missing
    /// without a reason. Exit code 1 if it is not
    Verify(verify::Args),
    /// Write a log to standard output, newest first; recorded as DATA_EXPORTED
    Export(export::Args),
    /// Make the tables that are derived from the log (intervals, last known states, figures) what the log says. Works as the
    /// owner of the schema, beside running nodes
    Rebuild(rebuild::Args),
}

/// Does it.
pub(super) async fn run(config: &Config, command: &AuditCommand) -> anyhow::Result<bool> {
    match command {
        AuditCommand::Verify(args) => verify::run(config, args).await,
        AuditCommand::Export(args) => export::run(config, args).await,
        AuditCommand::Rebuild(args) => rebuild::run(config, args).await,
    }
}

/// A moment on the command line: RFC 3339, or a day, which begins at midnight UTC.
fn moment(text: &str) -> Result<Millis, String> {
    let whole = if text.len() == "2026-11-20".len() { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let at = OffsetDateTime::parse(&whole, &Rfc3339)
        .map_err(|error| format!("expected 2026-11-20 or 2026-11-20T12:00:00Z: {error}"))?;
    Ok(Millis(at.unix_timestamp() * 1_000 + i64::from(at.millisecond())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_day_or_rfc_3339() {
        assert_eq!(moment("1970-01-02"), Ok(Millis(86_400_000)));
        assert_eq!(moment("1970-01-01T01:00:00.25+01:00"), Ok(Millis(250)));
        for text in ["", "1970-13-01", "tomorrow", "12345678é"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
