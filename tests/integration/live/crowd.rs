//! Many sockets that come at once and go at once, at a node that is a process of its own.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use rollcall::audit::Audit;
use rollcall::database::connect;
use rollcall::presence::{Reason, Status};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::sync::Mutex;

use crate::journeys::{eventually, everything, prove};
use crate::support;
use crate::support::program::{Program, token};
use crate::support::socket::Socket;

/// `rollcall bench ws` does the same with 10 000; here other tests want the processor, too.
const PEOPLE: u32 = 1_000;
/// Sockets that are being opened at a time.
const AT_ONCE: usize = 32;

/// Crowds come one after the other, or the tests beside them would wait for their turn too long.
pub static ONE_CROWD: Mutex<()> = Mutex::const_new(());

/// Sessions live long enough for a busy machine to open all of them meanwhile.
pub const SETTINGS: &[(&str, &str)] = &[
    ("ROLLCALL_REDIS_SHARDS", "4"),
    ("ROLLCALL_PRESENCE_SOCKET_PING", "5s"),
    ("ROLLCALL_PRESENCE_SOCKET_TTL", "20s"),
    ("ROLLCALL_PRESENCE_LINGER", "2s"),
    ("ROLLCALL_LIMITS_REQUESTS", "none"),
];

/// Lets this process have so many file descriptors.
pub fn allow_descriptors(needed: u64) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < needed) {
        let wanted = Rlimit { current: Some(needed), maximum };
        setrlimit(Resource::Nofile, wanted).expect("as many file descriptors as sockets (ulimit -Hn)");
    }
}

/// Waits until the audit has so many rows.
pub async fn until_recorded(audit: &Audit, rows: u32) {
    eventually("all changes are in the audit", Duration::from_secs(90), async || {
        (everything(audit).await.len() >= rows as usize).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_come_and_go_at_once_and_each_change_is_recorded_once() {
    let _alone = ONE_CROWD.lock().await;
    allow_descriptors(u64::from(PEOPLE) + 500);
    let (redis, database) = (support::stack().redis_url(), support::database_url().await);
    let prefix = support::prefix();
    let settings = [SETTINGS, &[("ROLLCALL_REDIS_PREFIX", prefix.as_str())]].concat();
    let node = Program::serve("alone", &redis, &database, &settings);
    let audit = Audit::new(connect(&database.as_str().into(), false, 2).unwrap());
    let began = Instant::now();
    let sockets: Vec<Socket> = stream::iter(0..PEOPLE)
        .map(|number| {
            let base = &node.base;
            async move { Socket::hello(base, &token(&format!("person~{number}")), json!({})).await.0 }
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    until_recorded(&audit, PEOPLE).await;
    let rows = everything(&audit).await;
    assert!(rows.iter().all(|row| row.to == Status::Online), "nobody goes while all are connected");
    assert_eq!(node.metric("rollcall_live_connections").await, f64::from(PEOPLE));
    let going: Vec<_> = (0..)
        .zip(sockets)
        .map(|(number, socket)| {
            // Every other one closes as pages do; the rest are gone without a word.
            tokio::spawn(async move { if number % 2 == 0 { socket.leave().await } else { drop(socket) } })
        })
        .collect();
    for gone in going {
        gone.await.unwrap();
    }
    until_recorded(&audit, 2 * PEOPLE).await;
    assert!(began.elapsed() < Duration::from_secs(120), "{:?}", began.elapsed());
    let mut stories = BTreeMap::<String, Vec<(Status, Reason)>>::new();
    for row in prove(&audit).await {
        stories.entry(row.user.unwrap().to_string()).or_default().push((row.to, row.reason));
    }
    assert_eq!(stories.len(), PEOPLE as usize);
    for number in 0..PEOPLE {
        let end = if number % 2 == 0 { Reason::Closed } else { Reason::Expired };
        let story = [(Status::Online, Reason::Connect), (Status::Offline, end)];
        assert_eq!(stories[&format!("person~{number}")], story, "person {number}");
    }
    assert_eq!(node.metric("rollcall_live_connections").await, 0.0, "nothing is left of them");
}
