//! What is told of a run: a line for each fault while it goes on, a table at its end, and a page for the documentation.

use std::collections::BTreeMap;
use std::fmt::Write;

use clap::ValueEnum;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::crowd::Counts;
use crate::faults::{Event, Fault};
use crate::oracle::Verdict;
use crate::times::{BOUND, SLACK};

/// A fault and what came of it.
#[derive(Debug)]
pub(crate) struct Round {
    event: Event,
    pub(crate) verdict: Verdict,
    requests: u64,
    acknowledged: u64,
}

/// A whole run.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) seed: u64,
    pub(crate) clients: u32,
    pub(crate) rounds: Vec<Round>,
    pub(crate) counts: Counts,
    pub(crate) transitions: usize,
}

/// A fault as it is named on the command line.
fn name(fault: Fault) -> String {
    fault.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

impl Round {
    pub(crate) fn new(event: Event, verdict: Verdict, before: Counts, after: Counts) -> Self {
        Self {
            event,
            verdict,
            requests: after.requests - before.requests,
            acknowledged: after.acknowledged - before.acknowledged,
        }
    }

    fn word(&self) -> &'static str {
        if self.verdict.violations.is_empty() { "ok" } else { "VIOLATED" }
    }

    fn seconds(&self) -> f64 {
        let span = &self.event.span;
        std::time::Duration::from_millis((span.end - span.start).unsigned_abs()).as_secs_f64()
    }

    /// What is said of it while the run goes on.
    pub(crate) fn line(&self) -> String {
        let Self { event, verdict, requests, acknowledged } = self;
        format!(
            "{:<30} {:5.1} s, judged {:4.1} s later; {acknowledged} of {requests} requests done, {} transitions, {} ends, \
             worst delay {} ms ({} ms outside of outages): {}",
            name(event.fault),
            self.seconds(),
            verdict.quiet_after.as_secs_f64(),
            verdict.transitions,
            verdict.ended,
            verdict.worst,
            verdict.worst_unexcused,
            self.word()
        )
    }
}

impl Summary {
    pub(crate) fn is_clean(&self) -> bool {
        self.rounds.iter().all(|round| round.verdict.violations.is_empty())
    }

    fn by_fault(&self) -> BTreeMap<Fault, Vec<&Round>> {
        let mut found = BTreeMap::<Fault, Vec<&Round>>::new();
        self.rounds.iter().for_each(|round| found.entry(round.event.fault).or_default().push(round));
        found
    }

    fn totals(&self) -> String {
        let ended: usize = self.rounds.iter().map(|round| round.verdict.ended).sum();
        let Counts { requests, acknowledged, .. } = self.counts;
        format!(
            "{} faults of {} kinds; {requests} requests, {acknowledged} done; {} transitions, {ended} sessions that ended by themselves",
            self.rounds.len(),
            self.by_fault().len(),
            self.transitions
        )
    }

    /// A row per kind of fault.
    pub(crate) fn table(&self) -> String {
        let mut text = String::from(
            "| fault | times | transitions | ends | worst delay, ms | outside of outages, ms | verdict |\n|---|---|---|---|---|---|---|\n",
        );
        for (fault, rounds) in self.by_fault() {
            let sum =
                |of: fn(&Verdict) -> usize| rounds.iter().map(|round| of(&round.verdict)).sum::<usize>();
            let most =
                |of: fn(&Verdict) -> i64| rounds.iter().map(|round| of(&round.verdict)).max().unwrap_or(0);
            let broken = rounds.iter().filter(|round| !round.verdict.violations.is_empty()).count();
            let verdict = if broken == 0 { "ok".to_owned() } else { format!("violated {broken} times") };
            // A String takes everything.
            let _ = writeln!(
                text,
                "| `{}`: {} | {} | {} | {} | {} | {} | {verdict} |",
                name(fault),
                fault.what(),
                rounds.len(),
                sum(|verdict| verdict.transitions),
                sum(|verdict| verdict.ended),
                most(|verdict| verdict.worst),
                most(|verdict| verdict.worst_unexcused),
            );
        }
        let _ = writeln!(text, "\n{}", self.totals());
        text
    }

    /// The page of the documentation.
    pub(crate) fn page(&self) -> String {
        let date =
            OffsetDateTime::now_utc().format(format_description!("[year]-[month]-[day]")).unwrap_or_default();
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        format!(
            "{HEAD}\n## The run\n\n{date}, {} clients, three nodes, seed {}, {cores} cores for nodes, Redis, Postgres, crowd and oracle \
             together. `./run chaos <minutes> --seed {} --clients {} --report docs/reliability.md` wrote this page.\n\n{}\n\
             Delays are from the deadline to `detected_at`, by the clock of Redis; {BOUND} ms are promised while a shard has no \
             owner, {SLACK} ms more are allowed here because everything shares a few cores. Inside outages nobody can be \
             noticed; there the bound begins at the end of the outage and its grace.\n",
            self.clients,
            self.seed,
            self.seed,
            self.clients,
            self.table()
        )
    }
}

const HEAD: &str = "\
# Reliability: what was broken, and what came of it

`./run chaos` starts a Redis (append-only file, written each second), a Postgres (durable) and three nodes as processes,
puts a proxy between each node and each store, and sends a crowd over real HTTP: clients that beat at the told pace, fall
silent, come back before or after their deadline, say goodbye, log out, turn idle and active, set themselves busy, away
or invisible and take it back, and go to another node when theirs does not answer. One in three holds a socket instead: it
answers pings, comes back after a pause when it loses the connection or when a node that stops says, and every other one
watches fifteen others. Each remembers what it sent, when, and what was acknowledged. Then one thing after the other is
broken, in an order that follows from the seed.

After each fault, when it is quiet, these are checked, of every client and every row:

- Everybody is what they should be: by the API of every node, its counts, the last known state and the open interval.
- What those who watch over a socket saw last of each person is what that person is.
- Every acknowledged answer said what the history says of that moment, or of the second before (another node may have
  changed it): status and since when.
- Whoever set a status of their own was told it with every beat from then on.
- Nobody who kept trying to beat went offline, and nobody before a deadline that was granted.
- Whoever fell silent is offline, at the deadline that was granted, noticed in time.
- Nobody came online, or logged out, without having asked for it.
- `n` of every (shard, epoch) and `sequence` of every user have no gap; each status follows from the one before;
  intervals and last known states are what transitions say; nothing is in quarantine, skipped or stored twice; at the
  end every seal fits.

What is excused, and why:

- While nobody can be heard (Redis or all nodes away) nobody is noticed either; the bound begins when that is over, with
  the grace that follows a stall. Sessions live for 8 s here, a stall begins at 10 s; outages of a length between the two
  would rightly end sessions, and are not made.
- A request without an answer may still have its effect until the fault is over: it lay in a frozen process or on a
  stalled line, and is judged by the clock of Redis when it arrives. Whoever fell silent in that moment is online for as
  much longer.
- What Redis forgot (killed without its data, or with older data) cannot agree with what was answered meanwhile. Logins
  of accounts that have ended are told to it again within seconds, and so are statuses that had been copied by then; of
  tokens that a host issued nobody else knows, so those are good again until they die.
- After Redis was set back, a transition may be dated before the correction that Postgres made of it, and the first one
  of a user before what Redis has forgotten.

What is not simulated: a clock that jumps backwards (the model test moves time freely), disks that lie, a network that
reorders (TCP does not). A clock that jumps ahead is Redis and all nodes standing still. Tokens do not run
out: that clients renew them is tried with the client itself.
";
