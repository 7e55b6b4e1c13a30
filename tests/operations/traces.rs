//! What a collector of traces is sent by the program that is built to send them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::program::{Program, token};
use crate::support::{eventually, migrated, private_stack};

type Batches = Arc<Mutex<Vec<Bytes>>>;

const STOP: Duration = Duration::from_secs(25);
const PATIENCE: Duration = Duration::from_secs(20);
const HEARTBEATS: usize = 20;

/// A collector; answers where it listens, and what it has been sent.
async fn collector() -> (String, Batches) {
    let batches = Batches::default();
    let keep = |State(batches): State<Batches>, body: Bytes| async move {
        batches.lock().unwrap().push(body);
    };
    let router = Router::new().route("/v1/traces", post(keep)).with_state(Arc::clone(&batches));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}/v1/traces"), batches)
}

/// How many spans of this name were sent: in the binary form a name is field 5, as text with its length.
fn spans(batches: &Batches, name: &str) -> usize {
    let wanted = [&[0x2a, u8::try_from(name.len()).unwrap()], name.as_bytes()].concat();
    let batches = batches.lock().unwrap();
    batches.iter().map(|batch| batch.windows(wanted.len()).filter(|at| *at == wanted).count()).sum()
}

/// Whether this text is anywhere in what was sent.
fn says(batches: &Batches, text: &str) -> bool {
    let batches = batches.lock().unwrap();
    batches.iter().any(|batch| batch.windows(text.len()).any(|at| at == text.as_bytes()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_requests_rounds_and_a_share_of_heartbeats() {
    let stack = private_stack(|_| {});
    let database = migrated(&stack).await;
    for (share, heartbeats) in [("0", 0), ("1", HEARTBEATS)] {
        let (endpoint, batches) = collector().await;
        let settings = [("ROLLCALL_TRACES_ENDPOINT", &*endpoint), ("ROLLCALL_TRACES_HEARTBEATS", share)];
        let mut node = Program::serve("traced", &stack.redis_url(), &database, &settings);
        let (client, token) = (reqwest::Client::new(), token("7"));
        // A node that has just started opens its shards first.
        let stats = || client.get(format!("{}/api/presence/stats/", node.base)).bearer_auth(&token);
        let asked =
            async || stats().header("x-request-id", "asked-once").send().await.unwrap().status().is_success();
        eventually("the shards are open", PATIENCE, async || asked().await.then_some(())).await;
        for _ in 0..HEARTBEATS {
            let beat = client.post(format!("{}/api/users/heartbeat/", node.base)).bearer_auth(&token);
            assert_eq!(beat.json(&json!({})).send().await.unwrap().status(), StatusCode::OK);
        }
        // What waits to be sent is sent before the end.
        let copied =
            async || (node.metric("rollcall_audit_rows_total{result=\"stored\"}").await > 0.0).then_some(());
        if heartbeats == 0 {
            eventually("the first heartbeat is a change, and copied", PATIENCE, copied).await;
        }
        assert!(node.stop(STOP).await, "{}", node.log());
        assert_eq!(spans(&batches, "heartbeat"), heartbeats, "of a share of {share}");
        assert!(spans(&batches, "request") >= 1 && spans(&batches, "housekeeping") >= 1);
        assert_eq!(spans(&batches, "copy") > 0, heartbeats == 0, "the second time nobody comes online");
        assert!(spans(&batches, "task") == 0, "a task has no end to be told");
        for text in ["asked-once", "/api/presence/stats/", "service.instance.id", "traced"] {
            assert!(says(&batches, text), "{text}");
        }
    }
}
