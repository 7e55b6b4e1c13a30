//! What watchers see is what happened: clients that come, watch, lose their connection and come back, held against the
//! audit.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use rollcall::audit::{Transition, Window};
use rollcall::presence::Status;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::time::{sleep, timeout};

use crate::journeys::{eventually, everything};
use crate::support::service::{Service, answer};
use crate::support::socket::Socket;

/// Those who change, and those who look on.
const STARS: u32 = 12;
const WATCHERS: u32 = 8;
/// How long they go on.
const TIME: Duration = Duration::from_secs(12);
/// A change may be left out for a newer one that came about within so many ms: it waited in the mailbox. Far more than
/// that takes on an idle machine.
const COALESCED: i64 = 2_000;
/// Sessions end soon after the last sign of life, so that silence shows while this goes on.
const BRIEF: &[&str] =
    &["--presence-socket-ping", "500ms", "--presence-socket-ttl", "2s", "--presence-linger", "300ms"];

fn star(number: u32) -> String {
    format!("star~{number}")
}

/// What was seen of somebody.
#[derive(Clone, Debug)]
struct Sight {
    version: i64,
    status: String,
}

/// What one connection saw, by user, from its snapshot to its end.
type Sights = BTreeMap<String, Vec<Sight>>;

/// What one connection saw, and when it ended.
type Watch = (Sights, i64);

/// In ms since 1970, by the clock that Redis has, too.
fn now() -> i64 {
    i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).unwrap()
}

/// Comes, turns idle and active, busy and not, and goes, in any order.
async fn shine(service: Arc<Service>, number: u32, mut rng: StdRng, until: Instant) {
    let token = service.token(&star(number), "s");
    while Instant::now() < until {
        let (mut socket, _) = Socket::hello(&service.base, &token, json!({"session": "one"})).await;
        for _ in 0..rng.random_range(1..6) {
            sleep(Duration::from_millis(rng.random_range(20..600))).await;
            match rng.random_range(0..4) {
                0 => socket.say(json!({"type": "heartbeat", "activity": "idle", "idle_ms": 400_000})).await,
                1 => socket.say(json!({"type": "heartbeat", "activity": "active"})).await,
                // Both are one or more changes, by a way of their own.
                2 => claim(&service, &token, "busy").await,
                _ => claim(&service, &token, "online").await,
            }
        }
        match rng.random_range(0..3) {
            0 => socket.leave().await,
            // Back before anybody notices, or not.
            1 => drop(socket),
            _ => {
                drop(socket);
                sleep(Duration::from_millis(rng.random_range(1_000..4_000))).await;
            }
        }
    }
}

async fn claim(service: &Service, token: &str, status: &str) {
    let request = service.request(Method::PUT, "/api/presence/status/").bearer_auth(token);
    let (code, answer) = answer(request.json(&json!({"status": status}))).await;
    assert!(code.is_success(), "{answer}");
}

/// Watches some of them by name, or all by their organisation; loses the connection, and comes back.
async fn look_on(
    service: Arc<Service>,
    number: u32,
    mut rng: StdRng,
    until: Instant,
    seen: Arc<Mutex<Vec<Watch>>>,
) {
    let token = service.token(&format!("watcher~{number}"), "w");
    while Instant::now() < until {
        let (mut socket, _) = Socket::hello(&service.base, &token, json!({"session": "one"})).await;
        let mut sights = Sights::new();
        if number.is_multiple_of(2) {
            socket.say(json!({"type": "watch", "orgs": ["main"]})).await;
        } else {
            let all: Vec<String> = (0..STARS).map(star).collect();
            let some: Vec<&String> = all.sample(&mut rng, STARS as usize / 2).collect();
            socket.say(json!({"type": "watch", "users": some})).await;
        }
        let stays = Duration::from_millis(rng.random_range(200..3_000));
        let watching = async {
            while let Some(frame) = socket.try_next().await {
                note(&frame, &mut sights);
            }
        };
        let _ = timeout(stays, watching).await;
        seen.lock().unwrap().push((sights, now()));
        drop(socket);
        sleep(Duration::from_millis(rng.random_range(0..300))).await;
    }
}

/// As clients are told to do: what is not newer than what is known is dropped.
fn note(frame: &Value, sights: &mut Sights) {
    let views = match frame["type"].as_str() {
        Some("snapshot") => frame["views"].as_array().unwrap().clone(),
        Some("presence") => vec![frame.clone()],
        _ => return,
    };
    for view in views {
        let user = view["user_id"].as_str().unwrap().to_owned();
        let status = view["status"].as_str().unwrap().to_owned();
        let Some(version) = view["version"].as_i64().filter(|_| user.starts_with("star~")) else { continue };
        let of_user = sights.entry(user).or_default();
        match of_user.last() {
            Some(last) if version < last.version => {}
            Some(last) if version == last.version => {
                assert_eq!(status, last.status, "one version, one status")
            }
            _ => of_user.push(Sight { version, status }),
        }
    }
}

/// Each sight is a row of the audit, in its order, and what lies between two is older by little.
fn judge(user: &str, sights: &[Sight], ended: i64, rows: &[&Transition]) -> Vec<String> {
    let mut found = Vec::new();
    let mut before: Option<usize> = None;
    for sight in sights {
        let Some(at) = rows.iter().position(|row| version(row) == sight.version) else {
            found.push(format!("{user}: the audit has no {sight:?}"));
            continue;
        };
        if sight.status != rows[at].to.as_str() {
            found.push(format!("{user}: {sight:?} is {:?} in the audit", rows[at]));
        }
        for skipped in before.map_or(at, |before| before + 1)..at {
            let late = rows[at].detected_at.0 - rows[skipped].detected_at.0;
            if late > COALESCED {
                found.push(format!("{user}: {:?} was left out, {late} ms before {sight:?}", rows[skipped]));
            }
        }
        before = Some(at);
    }
    // Nothing that came about well before the connection ended is missing at its end.
    if let (Some(before), Some(last)) = (before, sights.last()) {
        let missed = rows[before + 1..].iter().find(|row| row.detected_at.0 + COALESCED < ended);
        found.extend(
            missed.map(|row| format!("{user}: {row:?} was not seen by {ended}, {last:?} was the last")),
        );
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_seen_is_what_is_recorded() {
    let service = Arc::new(Service::node_alone(BRIEF).await);
    let seed = rand::rng().random();
    let mut rng = StdRng::seed_from_u64(seed);
    let (until, seen) = (Instant::now() + TIME, Arc::new(Mutex::new(Vec::new())));
    // One stays from the first moment to the last.
    let (mut steady, _) = Socket::hello(&service.base, &service.token("steady", "w"), json!({})).await;
    let all: Vec<String> = (0..STARS).map(star).collect();
    steady.say(json!({"type": "watch", "users": all})).await;
    let mut lives = tokio::task::JoinSet::new();
    for number in 0..STARS {
        let rng = StdRng::seed_from_u64(rng.random());
        lives.spawn(shine(Arc::clone(&service), number, rng, until));
    }
    for number in 0..WATCHERS {
        let (rng, seen) = (StdRng::seed_from_u64(rng.random()), Arc::clone(&seen));
        lives.spawn(look_on(Arc::clone(&service), number, rng, until, seen));
    }
    let mut last = Sights::new();
    let (mut living, mut quiet_since) = (true, Instant::now());
    // All sessions have ended a TTL after the last life; then every star is offline.
    while living || !last.values().all(|of| of.last().is_some_and(|sight| sight.status == "offline")) {
        tokio::select! {
            ended = lives.join_next(), if living => {
                ended.transpose().unwrap();
                living = !lives.is_empty();
                quiet_since = Instant::now();
            }
            frame = steady.next() => note(&frame, &mut last),
        }
        assert!(living || quiet_since.elapsed() < Duration::from_secs(20), "seed {seed}: {last:?}");
    }
    let rows = eventually("everybody's end is in the audit", Duration::from_secs(20), async || {
        let rows = everything(&service.app.audit).await;
        let gone = |user: &String| newest(&rows, user).is_some_and(|row| row.to == Status::Offline);
        last.keys().all(gone).then_some(rows)
    })
    .await;
    let verified = service.app.audit.verify(Window::default(), None, |_| ()).await.unwrap();
    assert!(verified.is_whole(), "{:?}", verified.problems());
    let mut watches = seen.lock().unwrap().clone();
    assert!(watches.len() > WATCHERS as usize, "they came more than once");
    watches.push((last.clone(), now()));
    let mut found = judge_all(&watches, &rows);
    for (user, of_user) in &last {
        let end = newest(&rows, user).map(version);
        if of_user.last().map(|sight| sight.version) != end {
            found.push(format!("{user}: last seen {:?}, the audit ends with {end:?}", of_user.last()));
        }
    }
    assert!(found.is_empty(), "seed {seed}:\n{}", found.join("\n"));
    let compared: usize = watches.iter().flat_map(|(sights, _)| sights.values()).map(Vec::len).sum();
    assert!(compared > 200, "{compared} sights are too few to say anything");
}

/// What does not fit of everything that was seen.
fn judge_all(watches: &[(Sights, i64)], rows: &[Transition]) -> Vec<String> {
    let mut found = Vec::new();
    for (sights, ended) in watches {
        for (user, of_user) in sights {
            let of = |row: &&Transition| row.user.as_ref().is_some_and(|of| of.as_str() == user);
            let mut rows: Vec<&Transition> = rows.iter().filter(of).collect();
            rows.sort_by_key(|row| row.sequence);
            found.extend(judge(user, of_user, *ended, &rows));
        }
    }
    found
}

/// The last row of a user; rows are in the order of their moments.
fn newest<'a>(rows: &'a [Transition], user: &str) -> Option<&'a Transition> {
    let of_user = rows.iter().filter(|row| row.user.as_ref().is_some_and(|of| of.as_str() == user));
    of_user.max_by_key(|row| row.sequence)
}

fn version(row: &Transition) -> i64 {
    row.epoch * (1 << 32) + row.n
}
