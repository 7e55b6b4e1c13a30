//! One socket: how it begins, what keeps it, how it ends, and what becomes of the session.

use futures::SinkExt;
use reqwest::{Method, StatusCode};
use rollcall::presence::{LoginId, Org, Role, UserId};
use serde_json::json;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::support::service::Service;
use crate::support::socket::{Opening, Socket};

fn user(id: &str) -> UserId {
    id.parse().unwrap()
}

async fn status_of(service: &Service, id: &str) -> String {
    let (_, view) = service.get(&service.token("looker", "l"), &format!("/api/presence/users/{id}/")).await;
    view["status"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_token_comes_in_three_ways() {
    let service = Service::start().await;
    let token = service.token("ada", "a");
    // By the header of clients that are no pages.
    let headers = vec![("authorization", format!("Bearer {token}"))];
    let opening = Opening { base: &service.base, path: "/api/presence/live/", headers };
    let mut socket = opening.open().await.unwrap();
    socket.say(json!({"type": "hello", "session": "one"})).await;
    let welcome = socket.next().await;
    assert_eq!((&welcome["type"], &welcome["user"]), (&json!("welcome"), &json!("ada")));
    assert_eq!((&welcome["session"], &welcome["ttl_ms"]), (&json!("one"), &json!(60_000)));
    assert_eq!(status_of(&service, "ada").await, "online");
    // By a subprotocol.
    let (_socket, welcome) = Socket::hello(&service.base, &service.token("ben", "b"), json!({})).await;
    assert_eq!(welcome["user"], "ben");
    assert!(welcome["session"].as_str().unwrap().len() > 8, "a client without a name for its tab gets one");
    // By the first message.
    let opening = || Opening { base: &service.base, path: "/api/presence/live", headers: Vec::new() };
    let mut socket = opening().open().await.unwrap();
    socket.say(json!({"type": "hello", "token": service.token("cleo", "c")})).await;
    assert_eq!(socket.next().await["user"], "cleo");
    // Not at all.
    let mut socket = opening().open().await.unwrap();
    socket.say(json!({"type": "hello"})).await;
    let (goodbye, code) = socket.closed().await;
    assert_eq!((code, &goodbye["code"]), (4401, &json!("token_missing")));
    // A wrong one, in the header and elsewhere.
    let headers = vec![("authorization", "Bearer nonsense".to_owned())];
    match (Opening { base: &service.base, path: "/api/presence/live/", headers }).open().await.err() {
        Some(Error::Http(response)) => assert_eq!(response.status().as_u16(), 401),
        other => panic!("{other:?}"),
    }
    let (goodbye, code) = Socket::open(&service.base, "nonsense").await.closed().await;
    assert_eq!((code, &goodbye["code"]), (4401, &json!("token_invalid")));
    // The query string is not looked at unless that is switched on.
    let path = format!("/api/presence/live/?token={token}");
    let mut socket = Opening { path: &path, ..opening() }.open().await.unwrap();
    socket.say(json!({"type": "heartbeat"})).await;
    assert_eq!(socket.closed().await.1, 4401);
    let service = Service::with(&["--live-query-token"]).await;
    let path = format!("/api/presence/live/?token={}", service.token("dora", "d"));
    let opening = Opening { base: &service.base, path: &path, headers: Vec::new() };
    let mut socket = opening.open().await.unwrap();
    // Who has a token and says something else first need not say hello.
    socket.say(json!({"type": "heartbeat"})).await;
    assert_eq!(socket.next().await["user"], "dora");
}

#[tokio::test]
async fn pages_of_other_origins_open_no_socket() {
    let service = Service::with(&["--cors-origins", "https://app.example.com"]).await;
    let host = service.base.trim_start_matches("http://").to_owned();
    for (origin, is_welcome) in [
        (format!("http://{host}"), true),
        ("https://app.example.com".to_owned(), true),
        ("https://evil.example.com".to_owned(), false),
        ("https://app.example.com.evil.com".to_owned(), false),
        ("null".to_owned(), false),
    ] {
        let headers = vec![("origin", origin.clone())];
        let opened = Opening { base: &service.base, path: "/api/presence/live/", headers }.open().await;
        assert_eq!(opened.is_ok(), is_welcome, "{origin}");
        if let Err(Error::Http(response)) = opened {
            assert_eq!(response.status().as_u16(), 403);
        }
    }
}

#[tokio::test]
async fn frames_that_make_no_sense_are_answered_and_forgiven() {
    let service = Service::start().await;
    let (mut socket, _) = Socket::hello(&service.base, &service.token("ada", "a"), json!({})).await;
    for nonsense in ["", "[1]", "{", r#"{"type":"dance"}"#, r#"{"type":"status_change","status":5}"#] {
        socket.say_text(nonsense).await;
        let error = socket.next().await;
        assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!("invalid_value")), "{error}");
    }
    socket.0.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(socket.next().await["code"], "invalid_value");
    socket.say_text(&format!(r#"{{"type":"hello","token":"{}"}}"#, "x".repeat(70_000))).await;
    assert_eq!(socket.next().await["code"], "too_large");
    socket.say(json!({"type": "heartbeat"})).await;
    assert_eq!(socket.next().await["type"], "pong");
    assert_eq!(status_of(&service, "ada").await, "online");
    // Whoever goes on and on is sent away for a while; the session outlives it.
    for _ in 0..30 {
        socket.0.feed(Message::text("[1]")).await.unwrap();
    }
    socket.0.flush().await.unwrap();
    let (goodbye, code) = socket.closed().await;
    assert_eq!((code, &goodbye["code"]), (4429, &json!("rate_limited")));
    assert!(goodbye["reconnect_in_ms"].as_u64().unwrap() > 0);
    assert_eq!(status_of(&service, "ada").await, "online");
}

#[tokio::test]
async fn activity_and_status_are_told_by_frames() {
    let service = Service::start().await;
    let (mut socket, _) = Socket::hello(&service.base, &service.token("ada", "a"), json!({})).await;
    let mut pong = async |frame| {
        socket.say(frame).await;
        socket.next_of("pong").await["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(pong(json!({"type": "heartbeat"})).await, "online");
    assert_eq!(pong(json!({"type": "heartbeat", "activity": "idle", "idle_ms": 300_000})).await, "away");
    assert_eq!(pong(json!({"type": "heartbeat"})).await, "away");
    assert_eq!(pong(json!({"type": "heartbeat", "activity": "active"})).await, "online");
    let busy = json!({"type": "status_change", "status": "busy", "text": "at work", "expires_in_ms": 60_000});
    assert_eq!(pong(busy).await, "busy");
    assert_eq!(pong(json!({"type": "heartbeat", "activity": "active"})).await, "busy");
    assert_eq!(pong(json!({"type": "status_change", "status": "online"})).await, "online");
    assert_eq!(pong(json!({"type": "heartbeat", "activity": "idle", "idle_ms": 1_900_000})).await, "offline");
    assert_eq!(pong(json!({"type": "heartbeat"})).await, "offline", "a pong brings nobody back who has gone");
    assert_eq!(pong(json!({"type": "heartbeat", "activity": "active"})).await, "online");
    socket.say(json!({"type": "status_change", "text": "no status to say it of"})).await;
    assert_eq!(socket.next_of("error").await["code"], "conflict");
}

#[tokio::test]
async fn a_goodbye_lingers_and_a_lost_connection_does_not_show() {
    let service = Service::start().await;
    let token = service.token("ada", "a");
    let (socket, _) = Socket::hello(&service.base, &token, json!({"session": "one"})).await;
    drop(socket);
    let left = async || {
        let facts = service.app.store.facts(&user("ada")).await.unwrap();
        facts.sessions.iter().map(|session| session.deadline.0 - facts.now.0).max()
    };
    assert!(left().await.unwrap() > 30_000, "the lease of a lost connection runs on");
    let (socket, _) = Socket::hello(&service.base, &token, json!({"session": "one"})).await;
    socket.leave().await;
    let linger = left().await.unwrap();
    assert!((1..=5_000).contains(&linger), "{linger}");
    // A late goodbye of a connection that has a successor is nothing.
    let (old, _) = Socket::hello(&service.base, &token, json!({"session": "one"})).await;
    let (_new, _) = Socket::hello(&service.base, &token, json!({"session": "one"})).await;
    old.leave().await;
    assert!(left().await.unwrap() > 30_000);
}

/// Leases keep a mark of the connection alone, and marks are few.
#[tokio::test]
async fn connections_that_share_a_mark_are_told_apart() {
    let service = Service::start().await;
    let token = service.token("ada", "a");
    let mark = |name: &str| crc16::State::<crc16::XMODEM>::calculate(name.as_bytes()) % 400;
    let alike = (0..).map(|n| format!("other-{n}")).find(|name| mark(name) == mark("first")).unwrap();
    let hello = |name: &str| json!({"session": "one", "connection": name, "activity": "active"});
    let (_old, _) = Socket::hello(&service.base, &token, hello("first")).await;
    let (new, welcome) = Socket::hello(&service.base, &token, hello(&alike)).await;
    assert_eq!(welcome["session"], "one");
    new.leave().await;
    let facts = service.app.store.facts(&user("ada")).await.unwrap();
    let longest = facts.sessions.iter().map(|session| session.deadline).max().unwrap();
    assert!(longest.0 - facts.now.0 <= 5_000, "the goodbye of the newer connection counts");
}

#[tokio::test]
async fn tabs_close_in_every_order() {
    let service = Service::start().await;
    for (first, second) in [("one", "two"), ("two", "one")] {
        let login = format!("login-{first}");
        let who = format!("ada-{first}");
        let token = service.token(&who, &login);
        let (one, _) = Socket::hello(&service.base, &token, json!({"session": "one"})).await;
        let (two, _) = Socket::hello(&service.base, &token, json!({"session": "two"})).await;
        let mut tabs = std::collections::BTreeMap::from([("one", one), ("two", two)]);
        tabs.remove(first).unwrap().leave().await;
        tabs.get_mut(second).unwrap().say(json!({"type": "heartbeat", "activity": "active"})).await;
        assert_eq!(tabs.get_mut(second).unwrap().next_of("pong").await["status"], "online");
        tabs.remove(second).unwrap().leave().await;
        let facts = service.app.store.facts(&user(&who)).await.unwrap();
        let longest = facts.sessions.iter().map(|session| session.deadline).max().unwrap();
        assert!(longest.0 - facts.now.0 <= 5_000, "nobody is left, but for the linger");
    }
}

#[tokio::test]
async fn a_copied_tab_gets_a_session_of_its_own() {
    let service = Service::start().await;
    let token = service.token("ada", "a");
    let (mut first, welcome) = Socket::hello(&service.base, &token, json!({"session": "one"})).await;
    assert_eq!(welcome["session"], "one");
    let (mut copy, welcome) = Socket::hello(&service.base, &token, json!({"session": "one"})).await;
    assert_eq!(welcome["session"], "one", "the newer connection has the session");
    first.say(json!({"type": "heartbeat", "activity": "active"})).await;
    let renamed = first.next_of("welcome").await;
    assert_ne!(renamed["session"], "one", "the older one goes on as another");
    copy.say(json!({"type": "heartbeat", "activity": "active"})).await;
    assert_eq!(copy.next().await["type"], "pong", "and takes nothing back");
    copy.leave().await;
    first.say(json!({"type": "heartbeat"})).await;
    assert_eq!(first.next_of("pong").await["status"], "online");
}

#[tokio::test]
async fn who_is_logged_out_or_gated_is_closed_at_once() {
    let service = Service::start().await;
    let admin = service.person("boss", Role::Admin).await;
    let ada = service.person("ada", Role::User).await;
    let (mut socket, _) = Socket::hello(&service.base, &ada.token, json!({})).await;
    let (status, _) = service.post(&ada.token, "/api/auth/logout/", json!({})).await;
    assert_eq!(status, StatusCode::OK);
    let (goodbye, code) = socket.closed().await;
    assert_eq!((code, &goodbye["code"]), (4409, &json!("login_ended")));
    assert!(goodbye.get("reconnect_in_ms").is_none(), "there is nothing to return for");
    let ben = service.person("ben", Role::User).await;
    let (mut socket, _) = Socket::hello(&service.base, &ben.token, json!({})).await;
    let path = format!("/api/users/admin/users/{}/suspend/", ben.id);
    let (status, answer) = service.post(&admin.token, &path, json!({"reason": "a test"})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let (goodbye, code) = socket.closed().await;
    assert_eq!((code, &goodbye["code"]), (4403, &json!("account_suspended")));
    // And is not let in again.
    let (_, code) = Socket::open(&service.base, &ben.token).await.closed_after_hello().await;
    assert_eq!(code, 4403);
}

#[tokio::test]
async fn a_token_that_ends_is_replaced_or_ends_the_socket() {
    let service = Service::with(&["--auth-access-ttl", "60s"]).await;
    let short = |user: &str, seconds: i64| {
        let grant = rollcall::auth::Grant {
            user: UserId::parse(user).unwrap(),
            org: Org::default(),
            login: LoginId::parse("l").unwrap(),
            token_version: 0,
            role: Role::User,
        };
        let issued = time::OffsetDateTime::now_utc() - time::Duration::seconds(60 - seconds);
        service.app.tokens.issue(&grant, issued)
    };
    let (mut socket, _) = Socket::hello(&service.base, &short("ada", 3), json!({})).await;
    let (mut other, _) = Socket::hello(&service.base, &short("ben", 3), json!({})).await;
    other.say(json!({"type": "hello", "token": short("ben", 50)})).await;
    let (goodbye, code) = socket.closed().await;
    assert_eq!((code, &goodbye["code"]), (4401, &json!("token_expired")));
    other.say(json!({"type": "heartbeat", "activity": "active"})).await;
    assert_eq!(other.next().await["type"], "pong", "a new token goes on where the old one ended");
    // Somebody else's does not.
    other.say(json!({"type": "hello", "token": short("cleo", 50)})).await;
    assert_eq!(other.closed().await.1, 4401);
}

#[tokio::test]
async fn a_node_that_stops_sends_its_clients_elsewhere() {
    let service = Service::start().await;
    let (mut socket, _) = Socket::hello(&service.base, &service.token("ada", "a"), json!({})).await;
    let drained = tokio::spawn({
        let live = service.live.clone();
        async move { live.drain(std::time::Duration::from_secs(5)).await }
    });
    let (goodbye, code) = socket.closed().await;
    assert_eq!((code, &goodbye["code"]), (1012, &json!("restarting")));
    assert!(goodbye["reconnect_in_ms"].is_u64());
    drop(socket);
    assert!(drained.await.unwrap());
    assert_eq!(status_of(&service, "ada").await, "online", "a restart is nobody's news");
    let (status, _) = service.send(Method::GET, "/api/presence/live/", json!({})).await;
    assert!(status.is_client_error() || status == StatusCode::SERVICE_UNAVAILABLE, "{status}");
}
