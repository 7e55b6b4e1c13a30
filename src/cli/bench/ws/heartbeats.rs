//! Heartbeats over sockets: how many a node answers, and how fast at a rate that does not wait for answers.
//!
//! A heartbeat that comes within a second of the same client's last one is answered without being recorded; both count,
//! and how many were recorded is told by the node itself.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::crowd::{Crowd, Word};
use super::{Args, Bench};
use crate::cli::bench::http::row;
use crate::cli::bench::load::Outcome;
use crate::cli::bench::report::tell;
use crate::cli::exposition;
use crate::metrics::names;

/// Heartbeats under way at a time, where each answer lets the next one go.
const UNDER_WAY: usize = 64;
/// Timers of the runtime are that coarse; so much lateness is ours and not counted.
const TIMER: Duration = Duration::from_millis(1);
/// How long the last answers are waited for.
const LAST: Duration = Duration::from_secs(10);

impl Bench {
    pub(super) async fn heartbeats(&mut self, crowd: &mut Crowd, args: &Args) -> anyhow::Result<()> {
        let time = Duration::from_secs(args.seconds);
        self.report.title(&format!("Heartbeats over {} sockets in turn", crowd.len()))?;
        tell(&format!(
            "{:<10} {:>10} {:>10} {:>10} {:>9} {:>9} {:>9} {:>7}\n",
            "", "median/s", "least/s", "most/s", "p50 ms", "p99 ms", "p99.9 ms", "failed"
        ))?;
        let before = self.recorded().await?;
        let highest = fastest(crowd, time).await;
        let recorded = self.recorded().await? - before;
        let shown = |outcome: &Outcome, name| tell(&row(name, std::slice::from_ref(outcome)));
        shown(&highest, "highest")?;
        let per_second = recorded / highest.elapsed.as_secs_f64();
        tell(&format!("  of these recorded, pongs to the node's pings included: {per_second:.0}/s\n"))?;
        let rate = args.rate.map_or(highest.rate() / 2.0, f64::from);
        let scheduled = on_schedule(crowd, rate, time).await;
        shown(&scheduled, "scheduled")?;
        Ok(())
    }

    /// Heartbeats over sockets that the node has recorded so far.
    async fn recorded(&self) -> anyhow::Result<f64> {
        let text = self.node.metrics().await?;
        Ok(exposition::sum(&text, names::HEARTBEATS.name, "transport=\"socket\""))
    }
}

/// Each answer lets the next one go.
async fn fastest(crowd: &Crowd, time: Duration) -> Outcome {
    let started = Instant::now();
    crowd.seen.pongs.begin(u64::MAX);
    crowd.seen.answered.forget_permits(usize::MAX);
    crowd.seen.answered.add_permits(UNDER_WAY);
    let mut sent = 0;
    while started.elapsed() < time {
        // It is never closed.
        let Ok(permit) = crowd.seen.answered.acquire().await else { break };
        permit.forget();
        crowd.tell(sent, Word::Beat(Instant::now()));
        sent += 1;
    }
    outcome(crowd, sent, started).await
}

/// So many a second, whatever the answers do; times count from when a heartbeat was due.
async fn on_schedule(crowd: &Crowd, rate: f64, time: Duration) -> Outcome {
    let started = Instant::now();
    crowd.seen.pongs.begin(u64::MAX);
    let mut sent = 0;
    loop {
        let due = started + each(rate) * sent;
        if due >= started + time {
            break;
        }
        if due > Instant::now() {
            sleep_until(due).await;
        }
        crowd.tell(sent as usize, Word::Beat(Instant::now().min(due + TIMER)));
        sent += 1;
    }
    outcome(crowd, sent as usize, started).await
}

fn each(rate: f64) -> Duration {
    Duration::from_secs_f64(1.0 / rate)
}

/// What came of it, once the last answers are there.
async fn outcome(crowd: &Crowd, sent: usize, started: Instant) -> Outcome {
    let (sent, elapsed) = (sent as u64, started.elapsed());
    let waiting = Instant::now();
    while crowd.seen.pongs.count() < sent && waiting.elapsed() < LAST {
        tokio::time::sleep(TIMER).await;
    }
    let latencies = crowd.seen.pongs.complete(Duration::ZERO).await;
    Outcome { failed: sent.saturating_sub(latencies.len()), latencies, elapsed }
}
