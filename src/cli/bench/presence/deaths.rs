//! Silent deaths, as the audit tells them: how late they were noticed, by the clock of Redis, and how late recorded.

use std::time::{Duration, Instant};

use crate::app::App;
use crate::audit::{Filter, MAX_LIMIT, Transition};
use crate::cli::bench::report::{Report, Target, quantile};
use crate::presence::{Millis, Reason};

/// The copy may be so far behind.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_secs(1);
/// Deaths that were due so much before or after count, too.
const MARGIN: Millis = Millis(1_000);

/// Reports the deaths that were due between two moments. `noticed`: in how many ms 99 of 100 must be noticed.
pub(super) async fn measure(
    app: &App,
    expected: u32,
    due: (Millis, Millis),
    noticed: Target,
    report: &mut Report,
) -> anyhow::Result<()> {
    let started = Instant::now();
    let mut rows = recorded(app, due).await?;
    while rows.len() < expected as usize && started.elapsed() < PATIENCE {
        tokio::time::sleep(PAUSE).await;
        rows = recorded(app, due).await?;
    }
    let mut detection: Vec<f64> = rows.iter().map(|row| span(row.detected_at - row.occurred_at)).collect();
    let mut lag: Vec<f64> = rows.iter().map(|row| span(row.recorded_at - row.detected_at)).collect();
    let recorded = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    report.row("recorded in Postgres", recorded.into(), "", Target::Equal(expected.into()))?;
    report.row("noticed after the deadline, p50", quantile(&mut detection, 0.5), "ms", Target::None)?;
    report.row("p99", quantile(&mut detection, 0.99), "ms", noticed)?;
    report.row("max", quantile(&mut detection, 1.0), "ms", Target::Most(1_000.0))?;
    report.row("recorded after it was noticed, p50", quantile(&mut lag, 0.5), "ms", Target::None)?;
    report.row("p99", quantile(&mut lag, 0.99), "ms", Target::None)?;
    report.row("max: the oldest entry that waited", quantile(&mut lag, 1.0), "ms", Target::None)?;
    Ok(())
}

async fn recorded(app: &App, due: (Millis, Millis)) -> anyhow::Result<Vec<Transition>> {
    let filter = Filter {
        reason: Some(Reason::Expired),
        // A last heartbeat that was on its way when its sender was silenced is due a moment later.
        since: Some(due.0 - MARGIN),
        until: Some(due.1 + MARGIN),
        ..Filter::default()
    };
    let (mut rows, mut cursor) = (Vec::new(), None);
    loop {
        let page = app.audit.transitions(&filter, cursor, MAX_LIMIT).await?;
        rows.extend(page.rows);
        match page.next_cursor {
            Some(next) => cursor = Some(next),
            None => return Ok(rows),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "spans are far below 2^52 ms")]
fn span(millis: Millis) -> f64 {
    millis.0 as f64
}
