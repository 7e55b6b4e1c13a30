//! A rolling restart: one node after the other ends in order and begins again, and nobody's presence shows it.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rand::RngExt;
use rollcall::audit::Audit;
use rollcall::database::connect;
use rollcall::presence::{Reason, Status};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::crowd::{ONE_CROWD, SETTINGS, allow_descriptors, until_recorded};
use crate::journeys::{eventually, prove};
use crate::support;
use crate::support::program::{Program, token};
use crate::support::socket::{Opening, Socket};

/// Clients of both nodes together. 2000 pass as well; other tests want the processor, too.
const CLIENTS: u32 = 600;
/// How long a node may take to end.
const END: Duration = Duration::from_secs(30);

/// What the clients share.
struct World {
    bases: [String; 2],
    /// How many are welcomed at this moment.
    present: AtomicU32,
    /// How often somebody was told when to come back.
    told: AtomicU32,
    leave: watch::Receiver<bool>,
}

/// A client that does what it is told: it comes back when the node says, to the other one.
async fn live(world: Arc<World>, number: u32) {
    let token = token(&format!("client~{number}"));
    let mut place = number as usize % 2;
    loop {
        let pause = match open(&world.bases[place], &token).await {
            Some(socket) => match stay(socket, &world).await {
                Some(pause) => pause,
                None => return,
            },
            None => Duration::from_millis(rand::rng().random_range(200..600)),
        };
        sleep(pause).await;
        place = 1 - place;
    }
}

async fn open(base: &str, token: &str) -> Option<Socket> {
    let headers = vec![("sec-websocket-protocol", format!("rollcall.v1, bearer.{token}"))];
    let mut socket = Opening { base, path: "/api/presence/live/", headers }.open().await.ok()?;
    socket.say(json!({"type": "hello", "session": "tab"})).await;
    while let Some(frame) = socket.try_next().await {
        if frame["type"] == "welcome" {
            return Some(socket);
        }
    }
    None
}

/// Stays; answers when to come back, or nothing when it was time to go.
async fn stay(mut socket: Socket, world: &World) -> Option<Duration> {
    let mut leave = world.leave.clone();
    world.present.fetch_add(1, Ordering::Relaxed);
    let mut pause = None;
    loop {
        tokio::select! {
            frame = socket.try_next() => match frame {
                Some(frame) if frame["type"] == "goodbye" => {
                    assert_eq!(frame["code"], "restarting");
                    pause = frame["reconnect_in_ms"].as_u64().map(Duration::from_millis);
                    world.told.fetch_add(1, Ordering::Relaxed);
                }
                Some(_) => {}
                None => {
                    world.present.fetch_sub(1, Ordering::Relaxed);
                    return Some(pause.expect("no connection ends without a word"));
                }
            },
            // What it answers is a lock, which must not be held.
            () = async { drop(leave.wait_for(|leave| *leave).await) } => break,
        }
    }
    socket.leave().await;
    None
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_in_turn_are_nobodys_news() {
    let _alone = ONE_CROWD.lock().await;
    allow_descriptors(u64::from(CLIENTS) + 500);
    let (redis, database) = (support::stack().redis_url(), support::database_url().await);
    let prefix = support::prefix();
    let addresses = [free_address(), free_address()];
    let serve = |number: usize| {
        let places =
            [("ROLLCALL_REDIS_PREFIX", prefix.as_str()), ("ROLLCALL_LISTEN", addresses[number].as_str())];
        Program::serve(["first", "second"][number], &redis, &database, &[SETTINGS, &places].concat())
    };
    let mut nodes = [serve(0), serve(1)];
    let audit = Audit::new(connect(&database.as_str().into(), false, 2).unwrap());
    let (go, leave) = watch::channel(false);
    let world = Arc::new(World {
        bases: [nodes[0].base.clone(), nodes[1].base.clone()],
        present: AtomicU32::new(0),
        told: AtomicU32::new(0),
        leave,
    });
    let mut lives = JoinSet::new();
    for number in 0..CLIENTS {
        lives.spawn(live(Arc::clone(&world), number));
    }
    let all_present = async || {
        let all = async || (world.present.load(Ordering::Relaxed) == CLIENTS).then_some(());
        eventually("all clients are welcomed", Duration::from_secs(60), all).await;
    };
    all_present().await;
    until_recorded(&audit, CLIENTS).await;
    for (number, node) in nodes.iter_mut().enumerate() {
        assert!(node.stop(END).await, "the end of node {number} was clean: {}", node.log());
        *node = serve(number);
        all_present().await;
    }
    // Half of them were with the first node, and all with the second when that went.
    assert_eq!(world.told.load(Ordering::Relaxed), CLIENTS / 2 + CLIENTS);
    go.send_replace(true);
    while let Some(ended) = lives.join_next().await {
        ended.unwrap();
    }
    until_recorded(&audit, 2 * CLIENTS).await;
    let mut stories = BTreeMap::<String, Vec<(Status, Reason)>>::new();
    for row in prove(&audit).await {
        stories.entry(row.user.unwrap().to_string()).or_default().push((row.to, row.reason));
    }
    assert_eq!(stories.len(), CLIENTS as usize);
    for (client, story) in stories {
        assert_eq!(story, [(Status::Online, Reason::Connect), (Status::Offline, Reason::Closed)], "{client}");
    }
}
