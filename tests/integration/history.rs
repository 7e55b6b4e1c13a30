//! The past as it is answered, beside an oracle that keeps every entry in memory: lives of a few people through the
//! real scripts, copied as the service copies, then asked at random moments; and what is derived, derived again.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rollcall::audit::{Audit, Cursor, Sight, Stretch};
use rollcall::database::connect_as_owner;
use rollcall::presence::{
    Activity, Claim, Entry, EntryKind, Gate, GateKind, LoginId, Millis, Org, Outgoing, Pace, Reason, Status,
    Tab, UserId, Whose,
};
use rollcall::store::{Bearer, Beat, Store};
use sqlx::{AssertSqlSafe, ConnectOptions, PgPool};

use crate::store::{a_day_ahead, store};
use crate::support;

const PEOPLE: usize = 5;
const STEPS: usize = 120;
const CASES: u32 = 8;

/// What happens, to whom, and how long after the step before (ms).
type Step = (u8, usize, i64);

fn user(person: usize) -> UserId {
    UserId::parse(&format!("p{person}")).unwrap()
}

/// Does one step at the store.
async fn act(store: &Store, number: usize, (what, person, _): Step) {
    let (user, org) = (user(person), Org::default());
    let bearer = Bearer {
        user: user.clone(),
        org: org.clone(),
        login: LoginId::parse("l").unwrap(),
        token_version: 1,
    };
    let beat = |activity, idle_ms| Beat {
        bearer: bearer.clone(),
        tab: Tab::default(),
        activity: Some(activity),
        idle_ms,
        pace: Pace::Visible,
        device: None,
        connection: None,
        reason: Reason::Connect,
        takes: true,
    };
    let claim = |status| Claim {
        id: format!("c{number}"),
        status,
        text: format!("words {number}"),
        emoji: String::new(),
        until: None,
    };
    let gate = |kind| Gate { kind, version: i64::try_from(number).unwrap() + 1, until: None };
    match what {
        0..=3 => drop(store.beat(&beat(Activity::Active, None)).await.unwrap()),
        4 => drop(store.beat(&beat(Activity::Idle, Some(400_000))).await.unwrap()),
        5 => drop(store.close(&bearer, &Tab::default(), None).await.unwrap()),
        6 => drop(store.claim(&user, &org, Whose::Manual, Some(&claim(Status::Busy)), None).await.unwrap()),
        7 => {
            let claim = claim(Status::Invisible);
            let _ = store.claim(&user, &org, Whose::Manual, Some(&claim), None).await.unwrap();
        }
        8 => drop(store.claim(&user, &org, Whose::Manual, None, None).await.unwrap()),
        9 => store.gate(&user, &org, &gate(Some(GateKind::Suspended)), None).await.unwrap(),
        _ => store.gate(&user, &org, &gate(None), None).await.unwrap(),
    }
}

/// What was recorded, in the order in which it came about.
async fn live(store: &Store, audit: &Audit, steps: &[Step]) -> Vec<Entry> {
    let users: Vec<UserId> = (0..PEOPLE).map(user).collect();
    let (mut now, mut told) = (a_day_ahead(), Vec::new());
    for (number, step) in steps.iter().enumerate() {
        now = now + Millis(step.2);
        store.clock().set(now);
        store.own(0, false).await.unwrap();
        store.expire(0, &users).await.unwrap();
        act(store, number, *step).await;
        if number % 17 == 0 || number + 1 == steps.len() {
            let position = audit.position(0).await.unwrap();
            let entries = store.entries(0, position.n, 1_000).await.unwrap();
            audit.copy(0, position, position.epoch, &entries).await.unwrap();
            told.extend(entries.iter().filter_map(Outgoing::entry).cloned());
        }
    }
    told
}

/// The status of everybody who was present at a moment.
fn present(told: &[Entry], at: Millis) -> BTreeMap<String, Status> {
    let mut present = BTreeMap::new();
    for entry in told.iter().filter(|entry| entry.kind == EntryKind::Transition && entry.occurred_at <= at) {
        present.insert(entry.user.to_string(), entry.to);
    }
    present.retain(|_, status| *status != Status::Offline);
    present
}

/// The stretches of one person that overlap a span, oldest first.
fn stretches(told: &[Entry], who: &UserId, since: Millis, until: Millis) -> Vec<Stretch> {
    let changes: Vec<&Entry> =
        told.iter().filter(|entry| entry.user == *who && entry.kind == EntryKind::Transition).collect();
    let mut found = Vec::new();
    for (place, change) in changes.iter().enumerate() {
        let end = changes.get(place + 1).map(|next| (next.occurred_at, next.reason));
        let leads_in =
            change.occurred_at < since && changes.get(place + 1).is_none_or(|next| next.occurred_at >= since);
        if change.to != Status::Offline
            && (leads_in || (since <= change.occurred_at && change.occurred_at < until))
        {
            found.push(Stretch { status: change.to, from: change.occurred_at, end });
        }
    }
    found
}

/// Moments at and around every change.
fn moments(told: &[Entry]) -> Vec<Millis> {
    told.iter().step_by(3).flat_map(|entry| [-1, 0, 1].map(|by| entry.occurred_at + Millis(by))).collect()
}

async fn compare_at(audit: &Audit, told: &[Entry]) {
    for at in moments(told) {
        let (mut found, mut after, mut count) = (BTreeMap::new(), 0, 0);
        loop {
            let page = audit.present_at(at, None, None, after, 2, Sight::Truth).await.unwrap();
            count = page.count.max(count);
            found.extend(page.rows.iter().map(|row| (row.user.as_ref().unwrap().to_string(), row.status)));
            match page.next {
                Some(next) => after = next,
                None => break,
            }
        }
        let expected = present(told, at);
        assert_eq!(found, expected, "at {at}");
        assert_eq!(usize::try_from(count).unwrap(), expected.len(), "count at {at}");
        let busy = audit.present_at(at, None, Some(Status::Busy), 0, 1_000, Sight::Truth).await.unwrap();
        let expected = expected.values().filter(|status| **status == Status::Busy).count();
        assert_eq!(busy.rows.len(), expected, "busy at {at}");
    }
}

async fn compare_timelines(audit: &Audit, told: &[Entry]) {
    let moments = moments(told);
    for person in 0..PEOPLE {
        let who = user(person);
        let (since, until) = (moments[moments.len() / 4 + person], moments[moments.len() * 3 / 4 + person]);
        let (mut entries, mut spans, mut cursor) = (Vec::new(), Vec::new(), None::<Cursor>);
        loop {
            let Some(page) = audit.timeline(&who, since, until, cursor, 3, Sight::Truth).await.unwrap()
            else {
                assert!(told.iter().all(|entry| entry.user != who));
                break;
            };
            entries.extend(page.entries.iter().map(|entry| entry.place.n));
            spans.extend(page.stretches);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        entries.reverse();
        spans.reverse();
        let within = |entry: &&Entry| entry.user == who && (since..until).contains(&entry.occurred_at);
        assert_eq!(entries, told.iter().filter(within).map(|entry| entry.n).collect::<Vec<_>>());
        assert_eq!(spans, stretches(told, &who, since, until), "{who} from {since} to {until}");
    }
}

/// All rows of a table, in an order of their own.
async fn dump(pool: &PgPool, table: &str) -> Vec<String> {
    let sql = format!("SELECT t::text FROM {table} t ORDER BY 1");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(pool).await.unwrap()
}

/// Every kind of damage is found, and undone to the byte.
async fn compare_rebuilt(pool: &PgPool, owner: &Audit) {
    let clean = owner.rebuild(true, |_| ()).await.unwrap();
    assert_eq!((clean.different, clean.told), (0, Vec::new()), "what the copy wrote is what the log says");
    let tables = ["intervals", "presence_last"];
    let kept = [dump(pool, tables[0]).await, dump(pool, tables[1]).await];
    for damage in [
        "DELETE FROM intervals",
        "DELETE FROM presence_last",
        "DELETE FROM intervals WHERE sequence % 2 = 0",
        "UPDATE intervals SET status = 'busy', started_at = started_at - interval '1 s' WHERE sequence = 1",
        "UPDATE intervals SET ended_at = ended_at + interval '1 h' WHERE ended_at IS NOT NULL",
        "INSERT INTO intervals SELECT * FROM intervals WHERE ended_at IS NOT NULL",
        "INSERT INTO intervals SELECT subject, 900, org, status, started_at, started_at, 'login' FROM intervals",
        "UPDATE presence_last SET shown_since = shown_since + interval '1 s', online_since = now()",
        "UPDATE presence_last SET sequence = sequence + 1, shown_version = 1",
    ] {
        let changed = sqlx::query(AssertSqlSafe(damage)).execute(pool).await.unwrap().rows_affected();
        let found = owner.rebuild(true, |_| ()).await.unwrap();
        assert_eq!(found.different > 0, changed > 0, "{damage}: {found:?}");
        let mut last = None;
        let mended = owner.rebuild(false, |progress| last = Some(progress)).await.unwrap();
        assert_eq!(mended.different, found.different, "{damage}");
        assert_eq!(last.map(|last| last.subject), last.map(|last| last.end));
        assert_eq!(dump(pool, tables[0]).await, kept[0], "{damage}");
        assert_eq!(dump(pool, tables[1]).await, kept[1], "{damage}");
    }
    // What dropped months said is beyond proof: it stays, and is held against nobody.
    let half = "DELETE FROM transitions_log WHERE n <= (SELECT max(n) / 2 FROM transitions_log)";
    sqlx::query(half).execute(pool).await.unwrap();
    let left = owner.rebuild(false, |_| ()).await.unwrap();
    assert_eq!((left.different, left.told), (0, Vec::new()), "half of the log is left");
    let opened = "UPDATE intervals i SET ended_at = NULL, end_reason = NULL WHERE ended_at = (SELECT max(ended_at) \
        FROM intervals) AND NOT EXISTS (SELECT FROM intervals o WHERE o.subject = i.subject AND o.ended_at IS NULL) \
        AND EXISTS (SELECT FROM transitions_log l WHERE l.subject = i.subject AND l.sequence = i.sequence + 1)";
    sqlx::query(opened).execute(pool).await.unwrap();
    owner.rebuild(false, |_| ()).await.unwrap();
    assert_eq!(dump(pool, tables[0]).await, kept[0], "an end follows from the transition after");
}

#[test]
fn the_past_is_answered_as_it_was() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config =
        Config { cases: CASES, failure_persistence: None, max_shrink_iters: 30, ..Config::default() };
    let step = (0..11_u8, 0..PEOPLE, prop_oneof![Just(0), 1..40_000_i64, 100_000..200_000_i64]);
    let lives = prop::collection::vec(step, STEPS);
    let outcome = TestRunner::new(config).run(&lives, |steps| {
        runtime.block_on(async {
            let pool = support::database().await;
            let url = pool.connect_options().to_url_lossy().to_string();
            let (audit, store) = (Audit::new(pool.clone()), store(1).await);
            let epoch = audit.next_epoch(0, "test").await.unwrap().epoch;
            store.open_empty(0, epoch).await.unwrap();
            let told = live(&store, &audit, &steps).await;
            assert!(told.len() > 30, "only {} entries", told.len());
            compare_at(&audit, &told).await;
            compare_timelines(&audit, &told).await;
            let owner = Audit::new(connect_as_owner(&url.into()).unwrap());
            compare_rebuilt(&pool, &owner).await;
        });
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
