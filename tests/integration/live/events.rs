//! The stream of events: counts each second, and changes as they happen.

use futures::StreamExt;
use reqwest::{Method, StatusCode};
use rollcall::presence::Role;
use serde_json::{Value, json};

use crate::support::service::Service;

/// Reads a stream of events.
struct Stream {
    bytes: std::pin::Pin<Box<dyn futures::Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    text: String,
}

impl Stream {
    async fn open(service: &Service, token: &str, query: &str) -> Self {
        let request = service.request(Method::GET, &format!("/api/presence/events/{query}"));
        let response = request.bearer_auth(token).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { bytes: Box::pin(response.bytes_stream()), text: String::new() }
    }

    /// The next event: its name and its data; `None` when the stream has ended.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name));
                    line.map(|value| value.trim_start_matches(": ").to_owned())
                };
                let parsed = field("event").map(|name| (name, field("data").unwrap_or_default()));
                self.text = rest.to_owned();
                if let Some((name, data)) = parsed {
                    return Some((name, serde_json::from_str(&data).unwrap()));
                }
                continue;
            }
            let chunk = self.bytes.next().await?.ok()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn next_of(&mut self, name: &str) -> Value {
        let waiting = async {
            loop {
                let (event, data) = self.next().await.expect("an open stream");
                if event == name {
                    return data;
                }
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(10), waiting).await.expect("an event")
    }
}

#[tokio::test]
async fn moderators_read_counts_and_changes_as_they_happen() {
    let service = Service::start().await;
    let boss = service.person("boss", Role::Moderator).await;
    let mut all = Stream::open(&service, &boss.token, "").await;
    let mut away = Stream::open(&service, &boss.token, "?status=away&transitions_only=true").await;
    let before = all.next_of("counts").await["users"].as_u64().unwrap();
    service.beat(&service.token("ada", "a"), json!({})).await;
    let own = boss.id.to_string();
    let told = loop {
        // Opening the stream was a sign of life of the reader's own, and may be told of, too.
        let told = all.next_of("transition").await;
        if told["user_id"].as_str() != Some(own.as_str()) {
            break told;
        }
    };
    assert_eq!(
        (&told["user_id"], &told["from"], &told["to"]),
        (&json!("ada"), &json!("offline"), &json!("online"))
    );
    assert_eq!(told["reason"], "connect");
    while all.next_of("counts").await["users"] != before + 1 {}
    service.beat(&service.token("ada", "a"), json!({"activity": "idle", "idle_ms": 400_000})).await;
    assert_eq!(away.next_of("transition").await["to"], "away");
    // Who becomes invisible goes like anybody who closes the page.
    let claim = service.request(Method::PUT, "/api/presence/status/").bearer_auth(service.token("ada", "a"));
    assert_eq!(claim.json(&json!({"status": "invisible"})).send().await.unwrap().status(), StatusCode::OK);
    while all.next_of("transition").await["to"] != "offline" {}
    // When the node stops, streams end.
    let live = service.live.clone();
    let drained = tokio::spawn(async move { live.drain(std::time::Duration::from_secs(5)).await });
    while all.next().await.is_some() {}
    while away.next().await.is_some() {}
    assert!(drained.await.unwrap());
}

#[tokio::test]
async fn plain_users_read_no_stream_and_wrong_filters_are_named() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    assert_eq!(service.get(&ada.token, "/api/presence/events/").await.0, StatusCode::FORBIDDEN);
    let boss = service.person("boss", Role::Admin).await;
    for query in ["?status=invisible", "?status=asleep", "?who=ada"] {
        let (status, _) = service.get(&boss.token, &format!("/api/presence/events/{query}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
    }
}
