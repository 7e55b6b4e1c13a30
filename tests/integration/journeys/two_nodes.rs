//! The real program: two nodes on one Redis, one of them killed; and each of the three paths to offline by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::Client;
use rollcall::audit::Audit;
use rollcall::database::connect;
use rollcall::devstack::DevStack;
use rollcall::presence::{Reason, Status};
use serde_json::{Value, json};

use super::{eventually, history, prove, story};
use crate::support;
use crate::support::program::{Program, token};

const SHARDS: f64 = 8.0;

const SETTINGS: &[(&str, &str)] =
    &[("ROLLCALL_REDIS_SHARDS", "8"), ("ROLLCALL_PRESENCE_HEARTBEAT", "1s"), ("ROLLCALL_PRESENCE_TTL", "4s")];

async fn audit_of(stack: &DevStack) -> Audit {
    Audit::new(connect(&stack.database_url().into(), false, 4).unwrap())
}

async fn beat(client: &Client, base: &str, token: &str) -> bool {
    let request = client.post(format!("{base}/api/users/heartbeat/")).bearer_auth(token).json(&json!({}));
    request.send().await.is_ok_and(|answer| answer.status() == 200)
}

/// Beats until it should stop, at whichever node answers.
async fn live(client: Client, bases: Vec<String>, token: String, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        for base in &bases {
            if beat(&client, base, &token).await {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(800)).await;
    }
}

async fn stats(client: &Client, base: &str) -> Value {
    let request = client.get(format!("{base}/api/presence/stats/")).bearer_auth(token("viewer"));
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_is_followed_and_nothing_is_lost_or_told_twice() {
    let stack = support::private_stack(|_| ());
    let database = support::migrated(&stack).await;
    let mut first = Program::serve("first", &stack.redis_url(), &database, SETTINGS);
    let second = Program::serve("second", &stack.redis_url(), &database, SETTINGS);
    for node in [&first, &second] {
        eventually("both own their half", Duration::from_secs(10), async || {
            (node.metric("rollcall_shards_owned").await == SHARDS / 2.0).then_some(())
        })
        .await;
    }
    let (steady, silent): (Vec<u32>, Vec<u32>) = ((100..200).collect(), (200..300).collect());
    let client = Client::new();
    let (stay, leave) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    for user in steady.iter().chain(&silent) {
        let mut bases = vec![first.base.clone(), second.base.clone()];
        bases.rotate_left((user % 2) as usize);
        let stop = if *user < 200 { &stay } else { &leave };
        tokio::spawn(live(client.clone(), bases, token(&user.to_string()), Arc::clone(stop)));
    }
    eventually("everybody is online", Duration::from_secs(10), async || {
        (stats(&client, &second.base).await["online"].as_u64()? >= 200).then_some(())
    })
    .await;

    leave.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(1)).await;
    first.kill();
    eventually("the other has taken all shards", Duration::from_secs(5), async || {
        (second.metric("rollcall_shards_owned").await == SHARDS).then_some(())
    })
    .await;

    let audit = audit_of(&stack).await;
    for user in &silent {
        let rows = eventually("the silent are offline", Duration::from_secs(15), async || {
            let rows = history(&audit, &user.to_string()).await;
            (rows.len() >= 2).then_some(rows)
        })
        .await;
        assert_eq!(story(&rows), [(Status::Online, Reason::Connect), (Status::Offline, Reason::Expired)]);
    }
    for user in &steady {
        let rows = history(&audit, &user.to_string()).await;
        assert_eq!(story(&rows), [(Status::Online, Reason::Connect)], "{user} never stopped");
    }
    stay.store(true, Ordering::Relaxed);
    prove(&audit).await;
}

/// Some people come, fall silent, and are waited for; answers how late they were noticed, in ms.
async fn come_and_go(node: &Program, audit: &Audit, users: std::ops::Range<u32>) -> Vec<i64> {
    let client = Client::new();
    for user in users.clone() {
        let token = token(&user.to_string());
        eventually("a heartbeat is taken", Duration::from_secs(5), async || {
            beat(&client, &node.base, &token).await.then_some(())
        })
        .await;
    }
    let mut late = Vec::new();
    for user in users {
        let rows = eventually("offline", Duration::from_secs(15), async || {
            let rows = history(audit, &user.to_string()).await;
            (rows.len() >= 2).then_some(rows)
        })
        .await;
        assert_eq!(story(&rows), [(Status::Online, Reason::Connect), (Status::Offline, Reason::Expired)]);
        late.push(rows[1].detected_at.0 - rows[1].occurred_at.0);
    }
    late
}

async fn expirations(node: &Program, path: &str) -> f64 {
    node.metric(&format!("rollcall_expirations_total{{path=\"{path}\"}}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn event_nudge_and_sweep_each_bring_people_offline() {
    let stack = support::private_stack(|_| ());
    let database = support::migrated(&stack).await;
    let settings: Vec<_> =
        SETTINGS.iter().copied().chain([("ROLLCALL_LOG", "error,rollcall=info")]).collect();
    let node = Program::serve("only", &stack.redis_url(), &database, &settings);
    let audit = audit_of(&stack).await;

    let late = come_and_go(&node, &audit, 100..110).await;
    assert!(expirations(&node, "event").await > 0.0, "redis said so");
    assert!(late.iter().all(|late| (0..1_000).contains(late)), "{late:?}");

    // Redis says nothing any more: the owner's own look must do.
    support::redis_command_to(&stack, "CONFIG SET notify-keyspace-events \"\"").await;
    let (events, nudges) = (expirations(&node, "event").await, expirations(&node, "nudge").await);
    let late = come_and_go(&node, &audit, 110..120).await;
    assert_eq!(expirations(&node, "event").await, events);
    assert!(expirations(&node, "nudge").await >= nudges + 10.0);
    assert!(late.iter().all(|late| (75..1_000).contains(late)), "{late:?}");

    // Nobody owns the shards: everybody's sweep must do. The copy waits for an owner, too.
    for shard in 0..8 {
        support::redis_command_to(&stack, &format!("SET rc:{{{shard:02}}}:owner ghost PX 9000")).await;
    }
    eventually("ownership is lost", Duration::from_secs(5), async || {
        (node.metric("rollcall_shards_owned").await == 0.0).then_some(())
    })
    .await;
    let sweeps = expirations(&node, "sweep").await;
    let late = come_and_go(&node, &audit, 120..130).await;
    assert!(expirations(&node, "sweep").await >= sweeps + 10.0);
    assert!(late.iter().all(|late| (1_000..2_000).contains(late)), "{late:?}");
    prove(&audit).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_node_changed_is_told_with_the_next_heartbeats() {
    let stack = support::private_stack(|_| ());
    let database = support::migrated(&stack).await;
    let [first, second] =
        ["first", "second"].map(|name| Program::serve(name, &stack.redis_url(), &database, SETTINGS));
    let (client, token) = (Client::new(), token("77"));
    let told = async |node: &Program| {
        let request = client.post(format!("{}/api/users/heartbeat/", node.base)).bearer_auth(&token);
        request.send().await.ok()?.json::<Value>().await.ok()?["online_status"].as_str().map(str::to_owned)
    };
    for node in [&first, &second] {
        eventually("both let the person in", Duration::from_secs(10), async || {
            told(node).await.filter(|status| status == "online")
        })
        .await;
    }
    for (status, changed_at, asked) in
        [("busy", &first, &second), ("away", &second, &first), ("busy", &second, &first)]
    {
        let url = format!("{}/api/presence/status/", changed_at.base);
        let request = client.put(url).bearer_auth(&token).json(&json!({"status": status}));
        request.send().await.unwrap().error_for_status().unwrap();
        assert_eq!(told(changed_at).await.unwrap(), status, "who changed it knows at once");
        let began = Instant::now();
        eventually("the other has heard", Duration::from_secs(5), async || {
            told(asked).await.filter(|told| told == status)
        })
        .await;
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }
}
