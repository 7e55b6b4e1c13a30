//! The judge. It knows what every client did and heard, and holds it against Redis and the API (what is), and against
//! Postgres (what was).

mod history;
mod present;
mod rows;
mod witness;

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context;

use crate::crowd::{Crowd, Request, look};
use crate::faults::Event;
use crate::stage::Stage;
use crate::times::{self, BOUND, SLACK, TTL};
use history::History;
use witness::{Case, Excuses};

/// Requests older than this are no longer needed to judge what is new (ms).
const REMEMBERED: i64 = 90_000;

/// How long after a fault everything may take to be quiet.
const QUIET: Duration = Duration::from_secs(60);

/// Clients whose log is printed, of those that something is wrong with.
const TOLD: usize = 3;

/// Judges round after round.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    history: History,
    excuses: Excuses,
    judged_until: i64,
}

/// What a round came to.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) violations: Vec<String>,
    /// Transitions of the round.
    pub(crate) transitions: usize,
    /// Ends of sessions among them.
    pub(crate) ended: usize,
    /// The longest time from a deadline to its transition (ms): of all, and of those that no outage excuses.
    pub(crate) worst: i64,
    pub(crate) worst_unexcused: i64,
    /// From the end of the fault until everything was quiet, the wait for silence to have its effect included.
    pub(crate) quiet_after: Duration,
}

impl Oracle {
    /// Waits until it is quiet, lets everybody keep its ways until silence has had its effect, and judges.
    pub(crate) async fn judge(
        &mut self,
        event: &Event,
        stage: &mut Stage,
        crowd: &Crowd,
    ) -> anyhow::Result<Verdict> {
        self.excuses.outages.extend(event.outage.clone().map(|outage| (outage, event.stall)));
        self.excuses.faults.push(event.span.clone());
        self.excuses.lost.extend(event.lost.clone());
        let mut verdict = Verdict { violations: event.complaints.clone(), ..Verdict::default() };
        crowd.hold(true);
        let settled = Duration::from_millis((TTL + BOUND + SLACK).unsigned_abs());
        tokio::time::sleep(settled).await;
        if let Err(error) = stage.quiet(QUIET).await {
            verdict.violations.push(format!("{error:#}"));
        }
        let quiet = times::now();
        verdict.quiet_after = Duration::from_millis((quiet - event.span.end).unsigned_abs());
        for node in &mut stage.nodes {
            if !node.is_running() {
                verdict.violations.push(format!("{} has ended by itself", node.name));
            }
        }
        self.compare(&mut verdict, stage, crowd).await?;
        crowd.hold(false);
        self.forget(crowd);
        Ok(verdict)
    }

    async fn compare(&mut self, verdict: &mut Verdict, stage: &Stage, crowd: &Crowd) -> anyhow::Result<()> {
        let bases: Vec<&str> = stage.nodes.iter().map(|node| node.base.as_str()).collect();
        // Someone who turned in the very moment is settled a moment later; what is wrong stays wrong.
        let mut differences = Vec::new();
        for _ in 0..5 {
            differences = present::differences(crowd, &bases, &stage.pool)
                .await
                .unwrap_or_else(|error| vec![format!("{error:#}")]);
            if differences.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        verdict.violations.extend(differences);
        stage.quiet(QUIET).await.context("quiet before the rows are read")?;
        let began = times::now();
        let fresh = self.history.read(&stage.pool).await?;
        verdict.violations.extend(rows::violations(&stage.pool).await?);
        self.measure(verdict, &fresh);
        self.hear(verdict, crowd, &fresh);
        self.judged_until = began;
        Ok(())
    }

    fn measure(&self, verdict: &mut Verdict, fresh: &HashMap<String, usize>) {
        for (user, first) in fresh {
            for row in &self.history.rows[user][*first..] {
                verdict.transitions += 1;
                if row.is_end() && row.to == "offline" {
                    let late = row.detected - row.occurred;
                    verdict.ended += 1;
                    verdict.worst = verdict.worst.max(late);
                    if self.excuses.noticed_by(row.occurred) == row.occurred + BOUND + SLACK {
                        verdict.worst_unexcused = verdict.worst_unexcused.max(late);
                    }
                }
            }
        }
    }

    /// Hears every client as a witness.
    fn hear(&self, verdict: &mut Verdict, crowd: &Crowd, fresh: &HashMap<String, usize>) {
        let mut told = 0;
        for client in &crowd.clients {
            let seen = look(client);
            let rows = self.history.rows.get(&seen.user).map(Vec::as_slice).unwrap_or_default();
            let case = Case {
                requests: &seen.log,
                rows,
                fresh: fresh.get(&seen.user).copied().unwrap_or(rows.len()),
                since: self.judged_until,
                excuses: &self.excuses,
                has_account: seen.account.is_some(),
            };
            let found = case.judge();
            if !found.is_empty() && told < TOLD {
                told += 1;
                verdict.violations.extend(found.iter().map(|line| format!("{}: {line}", seen.user)));
                verdict.violations.push(testimony(&seen.user, &seen.log, rows));
            } else {
                verdict.violations.extend(found.into_iter().map(|line| format!("{}: {line}", seen.user)));
            }
        }
    }

    fn forget(&self, crowd: &Crowd) {
        let before = self.judged_until - REMEMBERED;
        for client in &crowd.clients {
            look(client).log.retain(|request| request.sent >= before);
        }
    }

    /// The seals of everything that was ever copied.
    pub(crate) async fn broken_seals(&self, stage: &Stage) -> anyhow::Result<Vec<String>> {
        rows::broken_seals(&stage.pool).await
    }

    /// All transitions so far.
    pub(crate) fn transitions(&self) -> usize {
        self.history.total
    }
}

/// The end of a client's own log, beside the rows of its user.
fn testimony(user: &str, log: &[Request], rows: &[history::Row]) -> String {
    let log = log.iter().skip(log.len().saturating_sub(60)).map(|request| format!("      {request}"));
    let rows = rows.iter().skip(rows.len().saturating_sub(10)).map(|row| format!("      {row}"));
    let lines: Vec<String> = log.chain(std::iter::once("      rows:".to_owned())).chain(rows).collect();
    format!("    what {user} did and heard:\n{}", lines.join("\n"))
}
