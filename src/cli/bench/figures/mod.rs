//! `rollcall bench figures`: a year of a large history, and how long its figures take.
//!
//! Questions go through the same calls as those of an administrator over HTTP, with the rights and limits of the service.
//! Spans, zones and organisations differ each time, so that no answer is a repetition.

mod year;

use std::time::Instant;

use anyhow::ensure;

use super::machine;
use super::report::{Report, Target, quantile, tell};
use crate::audit::{self, Audit, PeopleKind, Period, Span, Step, Wanted, Zone};
use crate::config::Config;
use crate::database;
use crate::presence::{Millis, Org, UserId};
use year::{DAY, Year};

/// Days of the history.
const DAYS: i64 = 365;
/// ms that 99 of a hundred answers may take.
const MOST: f64 = 200.0;
/// Intervals of a statement.
const BATCH: usize = 10_000;
const ZONES: [&str; 6] =
    ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Adelaide", "Pacific/Auckland"];
const ORGS: [Option<&str>; 4] = [None, Some("main"), None, Some("lab")];

/// Options of `bench figures`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Intervals of the year, about
    #[arg(long, value_name = "COUNT", default_value = "10000000", value_parser = clap::value_parser!(u64).range(100_000..=100_000_000))]
    intervals: u64,
    /// People whose intervals they are
    #[arg(long, value_name = "COUNT", default_value = "20000", value_parser = clap::value_parser!(u32).range(1_000..=1_000_000))]
    people: u32,
    /// How often each question is asked
    #[arg(long, value_name = "COUNT", default_value = "300", value_parser = clap::value_parser!(u32).range(10..=10_000))]
    times: u32,
}

/// Measures and prints; answers whether every target was met.
pub(super) async fn run(_: &Config, args: &Args) -> anyhow::Result<bool> {
    let stack = machine::durable_stack().await?;
    tell(&format!("{}\n", machine::described(Some(&stack))))?;
    let url = stack.database_url().into();
    audit::migrate(&url).await?;
    let audit = Audit::new(database::connect(&url, true, 4)?);
    let end = audit.reach().await?.now.0 / DAY * DAY;
    fill(&audit, args, end).await?;
    roll(&audit).await?;
    let met = Asker { audit, end, times: args.times }.measure().await?;
    tokio::task::spawn_blocking(move || drop(stack)).await?;
    Ok(met)
}

/// Fills the history, up to the day before `end`.
async fn fill(audit: &Audit, args: &Args, end: i64) -> anyhow::Result<()> {
    let started = Instant::now();
    let names: Result<Vec<UserId>, _> = (1..=args.people).map(|n| UserId::parse(&n.to_string())).collect();
    let subjects = audit.sample_people(&names?).await?;
    let mut year = Year::of(&subjects, args.intervals / DAYS.unsigned_abs())?;
    let mut count = 0;
    for number in 0..DAYS {
        let day = year.day(end - (DAYS - number) * DAY);
        count += day.len();
        for some in day.chunks(BATCH) {
            audit.sample_intervals(some).await?;
        }
        if number % 50 == 49 {
            tell(&format!("  day {}: {count} intervals\n", number + 1))?;
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    tell(&format!("{count} intervals of {} people in a year, written in {seconds:.0} s\n", args.people))
        .map_err(Into::into)
}

/// Makes the figures, as a service does whose history is older than they are.
async fn roll(audit: &Audit) -> anyhow::Result<()> {
    audit.forget_figures().await?;
    let started = Instant::now();
    ensure!(audit.follow_figures().await?, "nothing was made of the intervals");
    let spells = started.elapsed().as_secs_f64();
    while audit.follow_figures().await? {}
    let all = started.elapsed().as_secs_f64();
    let (intervals, kept, rollups) = audit.figure_sizes().await?;
    let mib = |bytes: i64| bytes / (1 << 20);
    tell(&format!(
        "spells made in {spells:.0} s, rolled up in {:.0} s\n\
        on disk with indexes: intervals {} MiB, spells {} MiB, rollups {} MiB\n",
        all - spells,
        mib(intervals),
        mib(kept),
        mib(rollups)
    ))?;
    Ok(())
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
enum Question {
    /// A chart of a whole year, and of a part of it, of so many points.
    Year(&'static str),
    Part(&'static str, i64),
    People(Period, PeopleKind),
    Sessions,
    Totals,
}

impl Question {
    const ALL: [(Self, &'static str); 12] = [
        (Self::Year("1d"), "online: a year by day"),
        (Self::Year("6h"), "online: a year by 6 hours"),
        (Self::Part("1h", 60 * DAY), "online: 60 days by hour"),
        (Self::Part("5m", 6 * DAY), "online: 6 days by 5 minutes"),
        (Self::Part("1m", DAY), "online: a day by minute"),
        (Self::People(Period::Day, PeopleKind::Calendar), "different people: a year by day"),
        (Self::People(Period::Week, PeopleKind::Calendar), "different people: a year by week"),
        (Self::People(Period::Month, PeopleKind::Calendar), "different people: a year by month"),
        (Self::People(Period::Week, PeopleKind::Rolling), "different people: a year of 7 days each"),
        (Self::People(Period::Month, PeopleKind::Rolling), "different people: a year of 30 days each"),
        (Self::Sessions, "lengths: up to a year"),
        (Self::Totals, "totals: up to a year, 100 people"),
    ];
}

/// Somebody with questions.
struct Asker {
    audit: Audit,
    end: i64,
    times: u32,
}

impl Asker {
    async fn measure(&self) -> anyhow::Result<bool> {
        let mut report = Report::new();
        report.title("Questions with crooked spans, zones and organisations, one after the other")?;
        for (question, name) in Question::ALL {
            let mut took = Vec::new();
            for turn in 0..self.times {
                let started = Instant::now();
                self.ask(question, i64::from(turn)).await?;
                took.push(started.elapsed().as_secs_f64() * 1_000.0);
            }
            report.row(&format!("{name}, p50"), quantile(&mut took, 0.5), "ms", Target::None)?;
            report.row(&format!("{name}, p99"), quantile(&mut took, 0.99), "ms", Target::Most(MOST))?;
            report.row(&format!("{name}, most"), quantile(&mut took, 1.0), "ms", Target::None)?;
        }
        Ok(report.is_met())
    }

    async fn ask(&self, question: Question, turn: i64) -> anyhow::Result<()> {
        // Far apart, so that turns differ, and never on a whole hour.
        let crooked = turn * 7_919_013 % (20 * DAY / 10) + 61_007;
        let place = usize::try_from(turn)?;
        let zone: Zone = ZONES[place % ZONES.len()].parse().map_err(anyhow::Error::msg)?;
        let org = ORGS[place % ORGS.len()].map(Org::parse).transpose()?;
        let span =
            |length: i64, to: i64| Span { from: Millis(to - length), to: Millis(to), org: org.clone() };
        let year = span(DAYS * DAY - crooked, self.end - crooked / 7);
        let part = |length| span(length, self.end - turn * 86_399_111 % (DAYS * DAY - length));
        let told = match question {
            Question::Year(step) => self.chart(&year, step, &zone).await?,
            Question::Part(step, length) => self.chart(&part(length), step, &zone).await?,
            Question::People(period, kind) => self.audit.people(&year, period, kind, &zone).await?.len(),
            Question::Sessions => self.audit.session_lengths(&year).await?.buckets.len(),
            Question::Totals => {
                let wanted = Wanted { among: None, after: None, limit: 100 };
                self.audit.person_totals(&year, &wanted).await?.rows.len()
            }
        };
        ensure!(told > 10, "{question:?} was answered by {told} figures");
        Ok(())
    }

    async fn chart(&self, span: &Span, step: &str, zone: &Zone) -> anyhow::Result<usize> {
        let step: Step = step.parse().map_err(anyhow::Error::msg)?;
        let told = self.audit.concurrency(span, step, zone).await?;
        ensure!(told.peak.0 > 0, "nobody was online");
        Ok(told.points.len())
    }
}
