//! Watching people and organisations: a snapshot, then every change, each viewer by what they may see.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use rollcall::accounts::AccountStatus;
use rollcall::presence::Role;
use serde_json::{Value, json};

use super::shown;
use crate::support::eventually;
use crate::support::service::{Service, answer};
use crate::support::socket::Socket;

async fn put(service: &Service, token: &str, path: &str, body: Value) {
    let (status, answer) = answer(service.request(Method::PUT, path).bearer_auth(token).json(&body)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}

#[tokio::test]
async fn people_are_watched_by_name() {
    let service = Service::start().await;
    service.beat(&service.token("ben", "b"), json!({})).await;
    let (mut ada, _) = Socket::hello(&service.base, &service.token("ada", "a"), json!({})).await;
    let snapshot = ada.watch(json!({"users": ["ben", "cleo", "nobody"]})).await;
    let expected = [("ben", "online"), ("cleo", "offline"), ("nobody", "offline")];
    assert_eq!(shown(&snapshot), expected.map(|(user, status)| (user.to_owned(), status.to_owned())));
    assert_eq!(snapshot["complete"], true);
    let before = snapshot["views"][0]["version"].as_i64().unwrap();
    // Whatever way a change comes about.
    service.beat(&service.token("cleo", "c"), json!({})).await;
    let seen = ada.sees("cleo", "online").await;
    assert!(seen["since"].is_string() && seen["last_seen"].is_string(), "{seen}");
    service.beat(&service.token("ben", "b"), json!({"activity": "idle", "idle_ms": 400_000})).await;
    assert!(ada.sees("ben", "away").await["version"].as_i64().unwrap() > before);
    let busy = json!({"status": "busy", "text": "at work", "emoji": "\u{1f33f}"});
    put(&service, &service.token("ben", "b"), "/api/presence/status/", busy).await;
    let seen = ada.sees("ben", "busy").await;
    assert_eq!((&seen["text"], &seen["emoji"]), (&json!("at work"), &json!("\u{1f33f}")));
    put(&service, &service.token("ben", "b"), "/api/presence/status/", json!({"text": "at lunch"})).await;
    assert_eq!(ada.sees("ben", "busy").await["text"], "at lunch");
    ada.say(json!({"type": "unwatch", "users": ["ben"]})).await;
    ada.say(json!({"type": "heartbeat", "activity": "active"})).await;
    ada.next_of("pong").await;
    service.post(&service.token("ben", "b"), "/api/presence/query/", json!({"users": []})).await;
    put(&service, &service.token("ben", "b"), "/api/presence/status/", json!({"status": "away"})).await;
    service.beat(&service.token("cleo", "c"), json!({"activity": "idle", "idle_ms": 400_000})).await;
    loop {
        let frame = ada.next_of("presence").await;
        assert_ne!(frame["user_id"], "ben", "{frame}");
        if frame["user_id"] == "cleo" {
            break;
        }
    }
}

#[tokio::test]
async fn an_organisation_is_watched_with_its_counts() {
    let service = Service::node_alone(&["--live-audience", "3"]).await;
    let (mut ada, _) = Socket::hello(&service.base, &service.token("ada", "a"), json!({})).await;
    let snapshot = ada.watch(json!({"orgs": ["main"]})).await;
    assert_eq!(shown(&snapshot), [("ada".to_owned(), "online".to_owned())]);
    assert_eq!(snapshot["counts"]["main"]["users"], 1);
    service.beat(&service.token("ben", "b"), json!({})).await;
    ada.sees("ben", "online").await;
    while ada.next_of("counts").await["users"] != 2 {}
    // More people than the audience: counts alone.
    for user in ["c", "d", "e"] {
        service.beat(&service.token(user, user), json!({})).await;
    }
    while ada.next_of("counts").await["users"] != 5 {}
    service.beat(&service.token("f", "f"), json!({})).await;
    loop {
        let frame = ada.next().await;
        assert!(frame["type"] != "presence" || frame["user_id"] != "f", "{frame}");
        if frame["type"] == "counts" && frame["users"] == 6 {
            break;
        }
    }
    // When it has shrunk again, everybody is shown anew.
    for user in ["c", "d", "e", "f"] {
        service.post(&service.token(user, user), "/api/auth/logout/", json!({})).await;
    }
    let snapshot = ada.next_of("snapshot").await;
    assert_eq!(shown(&snapshot).len(), 2, "{snapshot}");
    service.beat(&service.token("g", "g"), json!({})).await;
    ada.sees("g", "online").await;
}

#[tokio::test]
async fn nobody_sees_more_than_they_may() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    let other = service.person_of("other", Role::User, "elsewhere", AccountStatus::Active).await;
    let boss = service.person("boss", Role::Moderator).await;
    let (mut of_ada, _) = Socket::hello(&service.base, &ada.token, json!({})).await;
    let (mut of_other, _) = Socket::hello(&service.base, &other.token, json!({})).await;
    let (mut of_boss, _) = Socket::hello(&service.base, &boss.token, json!({})).await;
    let ben = service.person("ben", Role::User).await;
    let ben_id = ben.id.to_string();
    put(&service, &ben.token, "/api/auth/privacy/", json!({"last_seen_visibility": "nobody"})).await;
    // Any request makes him online, and nobody waits for it: from here on he is.
    let counts = async || (service.beat(&ben.token, json!({})).await.0 == StatusCode::OK).then_some(());
    eventually("a heartbeat that counts", Duration::from_secs(10), counts).await;
    let mut firsts = Vec::new();
    for socket in [&mut of_ada, &mut of_other, &mut of_boss] {
        let snapshot = socket.watch(json!({"users": [ben_id]})).await;
        firsts.push((snapshot["views"][0]["status"].clone(), snapshot["views"][0]["last_seen"].is_string()));
    }
    assert_eq!(firsts, [(json!("online"), false), (json!("offline"), false), (json!("online"), true)]);
    of_other.say(json!({"type": "watch", "orgs": ["main"]})).await;
    assert_eq!(of_other.next_of("error").await["code"], "forbidden");
    put(&service, &ben.token, "/api/presence/status/", json!({"status": "busy"})).await;
    let seen = of_ada.sees(&ben_id, "busy").await;
    assert!(seen["last_seen"].is_null() && seen["since"].is_string(), "{seen}");
    assert!(of_boss.sees(&ben_id, "busy").await["last_seen"].is_string());
    // Invisible is offline to others, and of one who hides it like of one who was never there.
    put(&service, &ben.token, "/api/presence/status/", json!({"status": "invisible"})).await;
    let seen = of_ada.sees(&ben_id, "offline").await;
    assert_eq!(
        seen,
        json!({"type": "presence", "user_id": ben_id, "status": "offline", "since": null, "last_seen": null, "version": null})
    );
    assert!(of_boss.sees(&ben_id, "offline").await["since"].is_string());
    let (mut of_ben, _) = Socket::hello(&service.base, &ben.token, json!({})).await;
    let own = of_ben.watch(json!({"users": [ben_id]})).await;
    assert_eq!(own["views"][0]["status"], "invisible", "one sees one's own truth");
    service.post(&ben.token, "/api/auth/logout/", json!({})).await;
    for socket in [&mut of_ada, &mut of_boss, &mut of_other] {
        socket.nothing_of("presence").await;
    }
}

#[tokio::test]
async fn too_much_is_refused_and_costs_nothing() {
    let service = Service::start().await;
    let (mut ada, _) = Socket::hello(&service.base, &service.token("ada", "a"), json!({})).await;
    let users: Vec<String> = (0..1_001).map(|n| format!("u{n}")).collect();
    ada.say(json!({"type": "watch", "users": users})).await;
    assert_eq!(ada.next_of("error").await["code"], "invalid_value");
    ada.say(json!({"type": "watch", "users": ["a b"]})).await;
    assert_eq!(ada.next_of("error").await["code"], "invalid_value");
    let snapshot = ada.watch(json!({"users": users[..1_000]})).await;
    assert_eq!((shown(&snapshot).len(), &snapshot["complete"]), (250, &json!(false)));
    for _ in 0..3 {
        assert_eq!(shown(&ada.next_of("snapshot").await).len(), 250);
    }
    // To be shown those again who are watched already is not more; one more is too many.
    let again = ada.watch(json!({"users": users[..250]})).await;
    assert_eq!(shown(&again).len(), 250);
    ada.say(json!({"type": "watch", "users": users[1_000..]})).await;
    assert_eq!(ada.next_of("error").await["code"], "invalid_value");
}
