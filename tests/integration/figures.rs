//! Figures beside a computation that knows no spells and no rollups: random small histories, with changes that come too late,
//! people who are erased and organisations that are left, in zones whose clocks change meanwhile; asked at every stage of
//! rolling up. And whatever was followed step by step is what is made anew of the intervals.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rollcall::audit::{Among, Audit, PeopleKind, Period, PersonCursor, Position, Span, Step, Wanted, Zone};
use rollcall::database::{connect, connect_as_owner};
use rollcall::presence::{Entry, EntryKind, Millis, Org, Outgoing, Reason, Status, UserId};
use serde_json::json;
use sqlx::types::time::OffsetDateTime;
use sqlx::{AssertSqlSafe, ConnectOptions, PgPool, Row};

use crate::support;

const SHARD: u16 = 5;
const PEOPLE: usize = 6;
const CASES: u32 = 2;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// 2025-10-18, a Saturday, 00:00 UTC; clocks change in Berlin on the 26th.
const BEGIN: i64 = 1_760_745_600_000;
/// Days that people live.
const DAYS: i64 = 20;
const STATUSES: [Status; 5] =
    [Status::Offline, Status::Online, Status::Away, Status::Busy, Status::Invisible];

/// What happens: to whom, which status, when after the change before (ms, or before it), in which organisation.
type Happening = (usize, usize, i64, bool);

fn user(person: usize) -> UserId {
    UserId::parse(&format!("f{person}")).unwrap()
}

fn org(is_other: bool) -> Org {
    Org::parse(if is_other { "other" } else { "main" }).unwrap()
}

fn entry(n: i64, person: usize, from: Status, to: Status, at: i64, is_other: bool) -> Entry {
    let at = Millis(at);
    Entry {
        n,
        kind: EntryKind::Transition,
        user: user(person),
        org: org(is_other),
        from,
        to,
        reason: Reason::Connect,
        occurred_at: at,
        detected_at: at,
        since: at,
        online_since: at,
        last_seen: at,
        shown_since: at,
        shown_online_since: at,
        shown_last_seen: at,
        shown_version: n,
        uncertainty_ms: 0,
        session: None,
        device: None,
        actor: None,
        claims: None,
        text: None,
        emoji: None,
    }
}

/// Entries of lives: mostly in the order of time, sometimes before what was there already.
fn lives(steps: &[Happening]) -> Vec<Entry> {
    let mut standing = [Status::Offline; PEOPLE];
    let mut now = BEGIN;
    let mut entries = Vec::new();
    for (number, &(person, to, after, is_other)) in steps.iter().enumerate() {
        let others: Vec<Status> = STATUSES.into_iter().filter(|to| *to != standing[person]).collect();
        let to = others[to % others.len()];
        let at = (now + after).clamp(BEGIN, BEGIN + DAYS * DAY);
        now = now.max(at);
        let n = i64::try_from(number).unwrap() + 1;
        entries.push(entry(n, person, standing[person], to, at, is_other));
        standing[person] = to;
    }
    entries
}

/// An interval, as the table has it.
struct Lived {
    subject: i64,
    sequence: i64,
    org: String,
    is_shown: bool,
    start: i64,
    end: i64,
}

/// Who was shown in which organisation between two moments at which something changed.
type Stretch = (i64, i64, BTreeMap<i64, String>);

/// What can be known by looking at every interval for every moment.
struct Oracle {
    /// All of time.
    stretches: Vec<Stretch>,
    now: i64,
}

impl Oracle {
    async fn of(pool: &PgPool) -> Self {
        let rows = sqlx::query("SELECT *, now() AS now FROM intervals").fetch_all(pool).await.unwrap();
        let ms = |at: OffsetDateTime| i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap();
        let lived = rows.iter().map(|row| Lived {
            subject: row.get("subject"),
            sequence: row.get("sequence"),
            org: row.get("org"),
            is_shown: row.get::<&str, _>("status") != "invisible",
            start: ms(row.get("started_at")),
            end: row.get::<Option<OffsetDateTime>, _>("ended_at").map_or(i64::MAX, ms),
        });
        let lived: Vec<Lived> = lived.collect();
        let changes = lived.iter().flat_map(|one| [one.start, one.end]);
        let moments: BTreeSet<i64> = changes.chain([i64::MIN, i64::MAX]).collect();
        let moments: Vec<i64> = moments.into_iter().collect();
        let stretches = moments.windows(2).map(|pair| (pair[0], pair[1], shown(&lived, pair[0])));
        let now = rows.first().map_or(0, |row| ms(row.get("now")));
        Self { stretches: stretches.collect(), now }
    }

    /// Stretches within a span between which nothing changes: who is online, in the organisation asked for.
    fn stretches(&self, span: &Span) -> Vec<(i64, i64, BTreeSet<i64>)> {
        let (from, to) = (span.from.0, span.to.0);
        let touched = self.stretches.iter().filter(|stretch| stretch.0 < to && from < stretch.1);
        let is_asked = |org: &str| span.org.as_ref().is_none_or(|asked| asked.as_str() == org);
        let clipped = touched.map(|(begin, end, shown)| {
            let who = shown.iter().filter(|(_, org)| is_asked(org)).map(|(subject, _)| *subject);
            ((*begin).max(from), (*end).min(to), who.collect())
        });
        clipped.collect()
    }

    /// Whole spells: subject, start, end.
    fn spells(&self, asked: Option<&Org>) -> Vec<(i64, i64, i64)> {
        let (mut found, mut open) = (Vec::new(), BTreeMap::<i64, (i64, String)>::new());
        let subjects: BTreeSet<i64> =
            self.stretches.iter().flat_map(|stretch| stretch.2.keys().copied()).collect();
        for (at, _, shown) in &self.stretches {
            for &subject in &subjects {
                if open.get(&subject).map(|(_, org)| org) == shown.get(&subject) {
                    continue;
                }
                if let Some((start, org)) = open.remove(&subject)
                    && asked.is_none_or(|asked| asked.as_str() == org)
                {
                    found.push((subject, start, *at));
                }
                open.extend(shown.get(&subject).map(|org| (subject, (*at, org.clone()))));
            }
        }
        let open = open.into_iter().filter(|(_, (_, org))| asked.is_none_or(|asked| asked.as_str() == org));
        found.extend(open.map(|(subject, (start, _))| (subject, start, i64::MAX)));
        found
    }
}

/// Who is shown at a moment, in which organisation: of intervals that hold it the newest is true.
fn shown(lived: &[Lived], at: i64) -> BTreeMap<i64, String> {
    let mut newest: BTreeMap<i64, &Lived> = BTreeMap::new();
    for one in lived.iter().filter(|one| one.start <= at && at < one.end) {
        let known = newest.entry(one.subject).or_insert(one);
        if one.sequence > known.sequence {
            *known = one;
        }
    }
    let shown = newest.into_values().filter(|one| one.is_shown);
    shown.map(|one| (one.subject, one.org.clone())).collect()
}

/// Midnights of a zone before, in and after the time that people live.
fn midnights(zone: &str) -> Vec<i64> {
    let day = |number: i64| {
        let utc = BEGIN + number * DAY;
        match zone {
            "UTC" => utc,
            "Asia/Kolkata" => utc - 5 * HOUR - HOUR / 2,
            // On the 26th, the day of number 8, at 3:00.
            "Europe/Berlin" if number <= 8 => utc - 2 * HOUR,
            _ => utc - HOUR,
        }
    };
    (-40..DAYS + 10).map(day).collect()
}

const ZONES: [&str; 3] = ["UTC", "Asia/Kolkata", "Europe/Berlin"];

fn bounded(cuts: impl IntoIterator<Item = i64>, from: i64, to: i64) -> Vec<i64> {
    let inner = cuts.into_iter().filter(|cut| from < *cut && *cut < to);
    std::iter::once(from).chain(inner).chain([to]).collect()
}

#[allow(clippy::cast_precision_loss, reason = "ms of days")]
async fn compare_concurrency(audit: &Audit, oracle: &Oracle, span: &Span, word: &str, zone: &str) {
    let step: Step = word.parse().unwrap();
    let told = audit.concurrency(span, step, &zone.parse().unwrap()).await.unwrap();
    let (from, to) = (span.from.0, span.to.0);
    let days = midnights(zone);
    let cuts = match word {
        "1d" => bounded(days, from, to),
        // Monday was day 2.
        "1w" => bounded(days.into_iter().skip(40 + 2 - 35).step_by(7), from, to),
        _ => {
            let length = usize::try_from(step.ms()).unwrap();
            bounded(days.windows(2).flat_map(|day| (day[0]..day[1]).step_by(length)), from, to)
        }
    };
    let stretches = oracle.stretches(span);
    let asked = format!("{span:?} by {word} in {zone}");
    assert_eq!(
        told.points.iter().map(|point| point.at.0).collect::<Vec<_>>(),
        cuts[..cuts.len() - 1],
        "{asked}"
    );
    let mut total = 0;
    for (cut, point) in cuts.windows(2).zip(&told.points) {
        let touched = stretches.iter().filter(|(from, to, _)| *from < cut[1] && cut[0] < *to);
        let parts: Vec<(i64, u64)> =
            touched.map(|(from, to, who)| (to.min(&cut[1]) - from.max(&cut[0]), who.len() as u64)).collect();
        let ms: i64 = parts.iter().map(|(ms, who)| ms * i64::try_from(*who).unwrap()).sum();
        total += ms;
        assert_eq!(point.users, parts[0].1, "{asked} at {}", point.at);
        assert_eq!(point.max, parts.iter().map(|(_, who)| *who).max().unwrap(), "{asked} at {}", point.at);
        assert_eq!(point.min, parts.iter().map(|(_, who)| *who).min().unwrap(), "{asked} at {}", point.at);
        assert!(
            (point.average - ms as f64 / (cut[1] - cut[0]) as f64).abs() < 1e-9,
            "{asked} at {}",
            point.at
        );
    }
    let most = stretches.iter().map(|(.., who)| who.len()).max().unwrap();
    let first = stretches.iter().find(|(.., who)| who.len() == most).unwrap();
    assert_eq!(told.peak, (most as u64, Millis(first.0)), "{asked}");
    assert!((told.average - total as f64 / (to - from) as f64).abs() < 1e-9, "{asked}");
}

async fn compare_people(audit: &Audit, oracle: &Oracle, span: &Span, zone: &str) {
    let days = midnights(zone);
    let (from, to) = (span.from.0, span.to.0);
    let zone: Zone = zone.parse().unwrap();
    let count = |from: i64, to: i64| {
        let span = Span { from: Millis(from), to: Millis(to), org: span.org.clone() };
        let people: BTreeSet<i64> = oracle.stretches(&span).into_iter().flat_map(|(.., who)| who).collect();
        (from, to, people.len() as u64)
    };
    let months = [40 - 17, 40 + 14].map(|number| days[number]);
    for (period, cuts) in [
        (Period::Day, bounded(days.clone(), from, to)),
        (Period::Week, bounded(days.iter().copied().skip(40 + 2 - 35).step_by(7), from, to)),
        (Period::Month, bounded(months, from, to)),
    ] {
        let told = audit.people(span, period, PeopleKind::Calendar, &zone).await.unwrap();
        let told: Vec<_> = told.iter().map(|one| (one.from.0, one.to.0, one.people)).collect();
        let expected: Vec<_> = cuts.windows(2).map(|cut| count(cut[0], cut[1])).collect();
        assert_eq!(told, expected, "{span:?} by {period:?} in {zone:?}");
    }
    for (period, length) in [(Period::Day, 1), (Period::Week, 7), (Period::Month, 30)] {
        let told = audit.people(span, period, PeopleKind::Rolling, &zone).await.unwrap();
        let told: Vec<_> = told.iter().map(|one| (one.from.0, one.to.0, one.people)).collect();
        let ends = bounded(days.clone(), from, to);
        // The end of the span is no midnight; in Berlin the same time of day may be an hour off.
        let whole = ends[1..ends.len() - 1].iter().map(|end| {
            let number = days.iter().position(|day| day == end).unwrap();
            count(days[number - length], *end)
        });
        let whole: Vec<_> = whole.collect();
        assert_eq!(told[..told.len() - 1], whole, "{span:?} by {period:?}, rolling, in {zone:?}");
        let last = told[told.len() - 1];
        assert_eq!(last, count(last.0, to), "{span:?} by {period:?}, rolling, in {zone:?}");
        let nearly = (to - last.0 - i64::try_from(length).unwrap() * DAY).abs();
        assert!(nearly == 0 || nearly == HOUR && zone.as_str() == "Europe/Berlin");
    }
}

#[allow(clippy::cast_precision_loss, reason = "ms of days")]
async fn compare_lengths(audit: &Audit, oracle: &Oracle, span: &Span) {
    let told = audit.session_lengths(span).await.unwrap();
    let spells = oracle.spells(span.org.as_ref());
    let ended = spells.iter().filter(|(.., end)| span.from.0 < *end && *end <= span.to.0);
    let mut lengths: Vec<u64> = ended.map(|(_, start, end)| (end - start).unsigned_abs()).collect();
    lengths.sort_unstable();
    assert_eq!(told.count, lengths.len() as u64, "{span:?}");
    assert_eq!(told.longest_ms, lengths.last().copied());
    let mean = lengths.iter().sum::<u64>() as f64 / lengths.len() as f64;
    assert_eq!(told.mean_ms, (!lengths.is_empty()).then_some(mean));
    for (percent, found) in [(50, told.median_ms), (90, told.p90_ms), (99, told.p99_ms)] {
        let rank = (lengths.len() * percent).div_ceil(100).max(1) - 1;
        match (lengths.get(rank), found) {
            (Some(exact), Some(found)) => {
                assert!(found.abs_diff(*exact) * 1_000 <= exact * 8, "{found} for {exact}")
            }
            (exact, found) => assert_eq!(exact.copied(), found),
        }
    }
    for bucket in told.buckets {
        let within = |ms: &&u64| bucket.from_ms <= **ms && bucket.to_ms.is_none_or(|to| **ms < to);
        assert_eq!(bucket.count, lengths.iter().filter(within).count() as u64, "{bucket:?}");
    }
}

async fn compare_totals(audit: &Audit, pool: &PgPool, oracle: &Oracle, span: &Span) {
    let (from, to) = (span.from.0, span.to.0);
    let mut expected: BTreeMap<i64, (u64, u64, i64, i64)> = BTreeMap::new();
    for (subject, start, end) in oracle.spells(span.org.as_ref()) {
        let (start, end) = (start.max(from), end.min(to));
        if start < end {
            let sum = expected.entry(subject).or_insert((0, 0, start, end));
            *sum = (sum.0 + (end - start).unsigned_abs(), sum.1 + 1, sum.2.min(start), sum.3.max(end));
        }
    }
    let names: Vec<(i64, String)> =
        sqlx::query_as("SELECT subject, user_id FROM subjects").fetch_all(pool).await.unwrap();
    let names: BTreeMap<i64, String> = names.into_iter().collect();
    let mut expected: Vec<_> = expected.into_iter().collect();
    expected.sort_by_key(|(subject, sum)| (std::cmp::Reverse(sum.0), *subject));
    let expected: Vec<_> =
        expected.into_iter().map(|(subject, sum)| (names.get(&subject).cloned(), sum)).collect();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = audit.person_totals(span, &Wanted { among: None, after, limit: 2 }).await.unwrap();
        found.extend(page.rows.into_iter().map(|row| {
            let user = row.user.map(|user| user.to_string());
            (user, (row.online_ms, row.spells, row.first_seen.0, row.last_seen.0))
        }));
        after = page.next.map(|next| next.to_string().parse::<PersonCursor>().unwrap());
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, expected, "{span:?}");
    let among = Some(Among { users: vec![user(1)], pattern: "%F2%".to_owned() });
    let some = audit.person_totals(span, &Wanted { among, after: None, limit: 9 }).await.unwrap();
    let wanted: Vec<_> = expected
        .iter()
        .filter_map(|(name, _)| name.clone())
        .filter(|name| ["f1", "f2"].contains(&name.as_str()))
        .collect();
    assert_eq!(
        some.rows.iter().map(|row| row.user.as_ref().unwrap().to_string()).collect::<Vec<_>>(),
        wanted
    );
}

/// Spans with crooked and with even ends, of all and of one organisation.
fn spans(seed: i64, now: i64) -> Vec<Span> {
    let whole = Span { from: Millis(BEGIN), to: Millis(BEGIN + DAYS * DAY), org: None };
    let crooked = Span {
        from: Millis(BEGIN + seed % (5 * DAY)),
        to: Millis(BEGIN + 9 * DAY + seed * 7 % (10 * DAY)),
        org: Some(org(seed % 2 == 0)),
    };
    let mid = BEGIN + seed % ((DAYS - 1) * DAY);
    let short = Span { from: Millis(mid), to: Millis(mid + HOUR + seed % DAY), org: None };
    assert!(now > whole.to.0);
    vec![whole, crooked, short]
}

async fn compare(audit: &Audit, pool: &PgPool, seed: i64) {
    let oracle = Oracle::of(pool).await;
    if oracle.stretches.len() < 2 {
        return;
    }
    for (number, span) in spans(seed, oracle.now).iter().enumerate() {
        let zone = ZONES[usize::try_from(seed).unwrap() % 3];
        for (step, zone) in [("15m", "UTC"), ("6h", zone), ("1d", zone), ("1w", zone)] {
            compare_concurrency(audit, &oracle, span, step, zone).await;
        }
        if number == 2 {
            compare_concurrency(audit, &oracle, span, "1m", zone).await;
            compare_concurrency(audit, &oracle, span, "5m", zone).await;
        }
        compare_people(audit, &oracle, span, zone).await;
        compare_lengths(audit, &oracle, span).await;
        compare_totals(audit, pool, &oracle, span).await;
    }
}

/// Follows until everything is spells, and rolls up so many days.
async fn follow(audit: &Audit, pool: &PgPool, days: i64) {
    while audit.positions().await.unwrap()[&SHARD].n > followed(pool).await {
        assert!(audit.figures_lag().await.unwrap() > Duration::ZERO);
        audit.follow_figures().await.unwrap();
    }
    assert_eq!(audit.figures_lag().await.unwrap(), Duration::ZERO);
    for _ in 0..days {
        if !audit.follow_figures().await.unwrap() {
            break;
        }
    }
}

async fn followed(pool: &PgPool) -> i64 {
    let n: Option<i64> =
        sqlx::query_scalar("SELECT max(n) FROM figure_positions").fetch_one(pool).await.unwrap();
    n.unwrap_or(-1)
}

async fn dump(pool: &PgPool) -> [Vec<String>; 2] {
    let mut tables = [Vec::new(), Vec::new()];
    for (table, rows) in ["spells", "rollups"].into_iter().zip(&mut tables) {
        let sql = format!("SELECT t::text FROM {table} t ORDER BY 1");
        *rows = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(pool).await.unwrap();
    }
    tables
}

/// Waits for an hour that is about to end: what is rolled up at its end would look like damage.
async fn away_from_the_end_of_an_hour() {
    const MARGIN: i64 = 60_000;
    let now = i64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let left = HOUR - now % HOUR;
    if left < MARGIN {
        tokio::time::sleep(Duration::from_millis(left.unsigned_abs() + 1_000)).await;
    }
}

/// What was followed step by step is what is made anew; and every kind of damage is found, and undone to the byte.
async fn compare_rebuilt(pool: &PgPool, audit: &Audit, owner: &Audit) {
    away_from_the_end_of_an_hour().await;
    while audit.follow_figures().await.unwrap() {}
    let kept = dump(pool).await;
    let clean = owner.rebuild_figures(true).await.unwrap();
    assert_eq!((clean.different_spells, clean.different_rollups), (0, 0));
    for damage in [
        "DELETE FROM spells WHERE subject % 2 = 0",
        "UPDATE spells SET started_at = started_at - interval '1 h'",
        "UPDATE spells SET ended_at = now() WHERE ended_at IS NULL",
        "DELETE FROM rollups WHERE kind = 'online'",
        "UPDATE rollups SET body = '\\x00' WHERE kind LIKE 'totals%'",
    ] {
        let changed = sqlx::query(AssertSqlSafe(damage)).execute(pool).await.unwrap().rows_affected();
        let found = owner.rebuild_figures(true).await.unwrap();
        assert_eq!(found.different_spells + found.different_rollups > 0, changed > 0, "{damage}: {found:?}");
        assert_eq!(owner.rebuild_figures(false).await.unwrap(), found, "{damage}");
        assert_eq!(dump(pool).await, kept, "{damage}");
    }
    audit.forget_figures().await.unwrap();
    while audit.follow_figures().await.unwrap() {}
    assert_eq!(dump(pool).await, kept, "begun anew");
}

/// What old months leave is forgotten with them, and answers begin later.
async fn drop_october(audit: &Audit, pool: &PgPool, owner: &Audit) {
    let november = BEGIN + 14 * DAY;
    let before = json!({ "before": "2025-11-01T00:00:00+00:00", "partitions": [] });
    audit.system_event("partitions_dropped", &before).await.unwrap();
    audit.forget_figures().await.unwrap();
    while audit.follow_figures().await.unwrap() {}
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM spells WHERE ended_at < '2025-11-01Z'")
        .fetch_one(pool)
        .await
        .unwrap();
    assert_eq!(left, 0);
    let span = Span { from: Millis(BEGIN), to: Millis(BEGIN + DAYS * DAY), org: None };
    let told = audit.concurrency(&span, "1d".parse().unwrap(), &Zone::default()).await.unwrap();
    assert_eq!((told.from, told.points.len()), (Millis(november), 6));
    let later = Span { from: Millis(november), ..span };
    compare_concurrency(audit, &Oracle::of(pool).await, &later, "1d", "UTC").await;
    let clean = owner.rebuild_figures(true).await.unwrap();
    assert_eq!(
        (clean.different_spells, clean.different_rollups),
        (0, 0),
        "what is dropped is held against nobody"
    );
}

async fn live(steps: Vec<Happening>, seed: i64) {
    let pool = support::database().await;
    let url = pool.connect_options().to_url_lossy().to_string();
    let audit = Audit::new(connect(&url.clone().into(), true, 4).unwrap());
    let owner = Audit::new(connect_as_owner(&url.into()).unwrap());
    audit.next_epoch(SHARD, "first").await.unwrap();
    let entries: Vec<Outgoing> = lives(&steps).into_iter().map(Outgoing::Entry).collect();
    for (number, batch) in entries.chunks(23).enumerate() {
        let position: Position = audit.position(SHARD).await.unwrap();
        audit.copy(SHARD, position, position.epoch, batch).await.unwrap();
        let number = i64::try_from(number).unwrap();
        follow(&audit, &pool, (seed + number * 5) % 13).await;
        if number % 2 == 0 {
            compare(&audit, &pool, seed + number).await;
        }
    }
    let position = audit.position(SHARD).await.unwrap();
    assert!(audit.unlink(&user(2), SHARD, (position.epoch, position.n)).await.unwrap());
    while audit.follow_figures().await.unwrap() {}
    compare(&audit, &pool, seed).await;
    compare_rebuilt(&pool, &audit, &owner).await;
    compare(&audit, &pool, seed + 1).await;
    drop_october(&audit, &pool, &owner).await;
}

#[test]
fn figures_are_what_every_interval_says() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config =
        Config { cases: CASES, failure_persistence: None, max_shrink_iters: 12, ..Config::default() };
    let after = prop_oneof![
        6 => 0..6 * HOUR,
        2 => Just(0),
        1 => (0..300_i64).prop_map(|quarters| quarters * HOUR / 4),
        1 => -9 * HOUR..0,
    ];
    let step = (0..PEOPLE, 0..4_usize, after, prop::bool::weighted(0.2));
    let lives = (prop::collection::vec(step, 90), 0..DAYS * DAY);
    let outcome = TestRunner::new(config).run(&lives, |(steps, seed)| {
        runtime.block_on(live(steps, seed));
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
