//! One person and one node: coming, staying, going, and each way of being gone.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use rollcall::audit::Window;
use rollcall::presence::{Reason, Role, Status, UserId};
use rollcall::store::Ownership;
use serde_json::json;

use super::{brief_node, eventually, history_of, prove, ready, status_of, story};
use crate::support::service::{PASSWORD, Service};
use crate::support::{self, redis_command};

/// A deadline may be noticed this late: the nudge's period, a round trip, and what a busy test machine adds.
const NOTICED: i64 = 1_000;

async fn record_status(service: &Service, user: &str) -> Option<Status> {
    let users = [UserId::parse(user).unwrap()];
    service.app.store.views(&users).await.unwrap()[0].as_ref().map(|view| view.status)
}

async fn offline(service: &Service, user: &str) {
    eventually("offline", Duration::from_secs(8), async || {
        (status_of(service, user).await == "offline").then_some(())
    })
    .await;
    assert_eq!(record_status(service, user).await, Some(Status::Offline));
}

#[tokio::test]
async fn whoever_logs_in_and_falls_silent_goes_offline_and_stands_in_the_audit() {
    let node = brief_node().await;
    ready(&node).await;
    let person = node.person("ada", Role::User).await;
    let user = person.id.to_string();
    let login = node.log_in("ada").await;
    let token = login["tokens"]["access"].as_str().unwrap();
    let (status, answer) = node.beat(token, json!({})).await;
    assert_eq!((status, &answer["online_status"]), (StatusCode::OK, &json!("online")));
    assert_eq!(record_status(&node, &user).await, Some(Status::Online));
    assert_eq!(status_of(&node, &user).await, "online");

    offline(&node, &user).await;
    let rows = history_of(&node, &user, 2).await;
    assert_eq!(story(&rows), [(Status::Online, Reason::Login), (Status::Offline, Reason::Expired)]);
    let gone = &rows[1];
    let last_seen =
        node.app.audit.last(&[UserId::parse(&user).unwrap()]).await.unwrap()[0].clone().unwrap().last_seen;
    assert_eq!(gone.occurred_at.0, last_seen.0 + 2_000, "it happened at the deadline");
    assert!((0..NOTICED).contains(&(gone.detected_at.0 - gone.occurred_at.0)), "{gone:?}");
    prove(&node.app.audit).await;
}

#[tokio::test]
async fn what_was_done_is_sealed_within_seconds_and_before_a_stop() {
    let database = support::database_url().await;
    let node = Service::node(&support::stack().redis_url(), &database, &support::prefix(), &[]).await;
    ready(&node).await;
    node.person("ada", Role::User).await;
    node.log_in("ada").await;
    let audit = node.app.audit.clone();
    let sealed = async || {
        let verified = audit.verify(Window::default(), None, |_| ()).await.unwrap();
        assert!(verified.is_whole(), "{:?}", verified.problems());
        verified.journals.iter().all(|log| log.rows > 0 && log.unsealed == 0)
    };
    eventually("sealed", Duration::from_secs(10), async || sealed().await.then_some(())).await;
    node.log_in("ada").await;
    assert!(node.stop().await, "the tasks ended within their time");
    assert!(sealed().await, "a stop leaves nothing unsealed");
}

#[tokio::test]
async fn a_steady_beat_is_one_interval() {
    let node = brief_node().await;
    ready(&node).await;
    let token = node.token("7", "steady");
    for _ in 0..8 {
        assert_eq!(node.beat(&token, json!({})).await.0, StatusCode::OK);
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    offline(&node, "7").await;
    let rows = history_of(&node, "7", 2).await;
    assert_eq!(story(&rows), [(Status::Online, Reason::Connect), (Status::Offline, Reason::Expired)]);
}

#[tokio::test]
async fn a_late_heartbeat_is_in_time_while_nobody_has_acted_on_the_deadline() {
    let node = brief_node().await;
    ready(&node).await;
    // Without an owner only the sweep acts, a second after the deadline.
    let prefix = &node.app.config.redis.prefix;
    for shard in 0..2 {
        redis_command(&format!("SET {prefix}:{{{shard:02}}}:owner ghost PX 9000")).await;
    }
    eventually("ownership is lost", Duration::from_secs(5), async || {
        let owned = node.app.store.own(0, false).await.unwrap();
        (owned == Ownership::Other).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let token = node.token("12", "late");
    assert_eq!(node.beat(&token, json!({})).await.0, StatusCode::OK);
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    let (status, answer) = node.beat(&token, json!({})).await;
    assert_eq!((status, &answer["online_status"]), (StatusCode::OK, &json!("online")));
    let rows = history_of(&node, "12", 2).await;
    assert_eq!(story(&rows), [(Status::Online, Reason::Connect), (Status::Offline, Reason::Expired)]);
    let stayed = rows[1].occurred_at.0 - rows[0].occurred_at.0;
    assert!(stayed >= 4_200, "one interval over both heartbeats, not {stayed} ms");
}

#[tokio::test]
async fn two_sessions_of_one_person_are_one_presence() {
    let node = brief_node().await;
    ready(&node).await;
    let (desk, phone) = (node.token("8", "desk"), node.token("8", "phone"));
    node.beat(&desk, json!({"session": "a", "device": "web"})).await;
    node.beat(&phone, json!({"session": "b", "device": "mobile"})).await;
    node.beat(&desk, json!({"session": "a", "logout": true})).await;
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(400)).await;
        node.beat(&phone, json!({"session": "b"})).await;
    }
    assert_eq!(status_of(&node, "8").await, "online", "the other session holds");
    offline(&node, "8").await;
    let rows = history_of(&node, "8", 2).await;
    assert_eq!(story(&rows), [(Status::Online, Reason::Connect), (Status::Offline, Reason::Expired)]);
    assert_eq!(rows[1].device, Some(rollcall::presence::Device::Mobile));
}

#[tokio::test]
async fn a_goodbye_lingers_and_a_quick_return_is_invisible() {
    let node = brief_node().await;
    ready(&node).await;
    let token = node.token("9", "tab");
    node.beat(&token, json!({"connection": "first"})).await;
    node.beat(&token, json!({"connection": "first", "logout": true})).await;
    node.beat(&token, json!({"connection": "first"})).await;
    node.beat(&token, json!({"connection": "second"})).await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(status_of(&node, "9").await, "online", "the reload came back within the linger");
    // The page that is gone has no say any more.
    node.beat(&token, json!({"connection": "first", "logout": true})).await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(status_of(&node, "9").await, "online");
    node.beat(&token, json!({"connection": "second", "logout": true})).await;
    offline(&node, "9").await;
    let rows = history_of(&node, "9", 2).await;
    assert_eq!(story(&rows), [(Status::Online, Reason::Connect), (Status::Offline, Reason::Closed)]);
}

#[tokio::test]
async fn idle_is_away_and_too_long_idle_is_offline() {
    let node = brief_node().await;
    ready(&node).await;
    let token = node.token("10", "tab");
    node.beat(&token, json!({})).await;
    node.beat(&token, json!({"activity": "idle", "idle_ms": 3_000})).await;
    assert_eq!(status_of(&node, "10").await, "away");
    node.beat(&token, json!({"activity": "active"})).await;
    assert_eq!(status_of(&node, "10").await, "online");
    node.beat(&token, json!({"activity": "idle", "idle_ms": 5_500})).await;
    offline(&node, "10").await;
    let (_, answer) = node.beat(&token, json!({"activity": "idle", "idle_ms": 7_000})).await;
    assert_eq!(answer["online_status"], "offline", "whoever is idle for too long starts nothing");
    let rows = history_of(&node, "10", 5).await;
    let expected = [
        (Status::Online, Reason::Connect),
        (Status::Away, Reason::Idle),
        (Status::Online, Reason::Active),
        (Status::Away, Reason::Idle),
        (Status::Offline, Reason::IdleTimeout),
    ];
    assert_eq!(story(&rows), expected);
}

#[tokio::test]
async fn a_logout_ends_presence_and_token_at_once() {
    let node = brief_node().await;
    ready(&node).await;
    let person = node.person("eve", Role::User).await;
    let user = person.id.to_string();
    let login = node.log_in("eve").await;
    let token = login["tokens"]["access"].as_str().unwrap();
    assert_eq!(node.post(token, "/api/auth/logout/", json!({})).await.0, StatusCode::OK);
    assert_eq!(status_of(&node, &user).await, "offline", "at once");
    let (status, problem) = node.beat(token, json!({})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("login_ended")));
    let rows = history_of(&node, &user, 2).await;
    assert_eq!(story(&rows), [(Status::Online, Reason::Login), (Status::Offline, Reason::Logout)]);
}

#[tokio::test]
async fn a_logout_everywhere_ends_tokens_that_have_no_session_now() {
    let node = brief_node().await;
    ready(&node).await;
    let person = node.person("joe", Role::User).await;
    let user = person.id.to_string();
    let quiet = node.log_in("joe").await;
    offline(&node, &user).await;
    let here = node.log_in("joe").await;
    let (here, quiet) = (&here["tokens"], &quiet["tokens"]);
    let token = here["access"].as_str().unwrap();
    assert_eq!(node.post(token, "/api/auth/logout-all-devices/", json!({})).await.0, StatusCode::OK);
    for tokens in [here, quiet] {
        let (status, problem) = node.beat(tokens["access"].as_str().unwrap(), json!({})).await;
        assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("login_ended")));
        let body = json!({"refresh": tokens["refresh"]});
        assert_eq!(node.send(Method::POST, "/api/auth/refresh/", body).await.0, StatusCode::UNAUTHORIZED);
    }
    let rows = history_of(&node, &user, 4).await;
    let expected = [
        (Status::Online, Reason::Login),
        (Status::Offline, Reason::Expired),
        (Status::Online, Reason::Login),
        (Status::Offline, Reason::LogoutAll),
    ];
    assert_eq!(story(&rows), expected);
    let body = json!({"username": "joe", "password": PASSWORD});
    assert_eq!(
        node.send(Method::POST, "/api/auth/login/", body).await.0,
        StatusCode::OK,
        "a new login is welcome"
    );
}

#[tokio::test]
async fn a_node_stops_in_order_and_takes_nobody_along() {
    let node = brief_node().await;
    ready(&node).await;
    let token = node.token("11", "tab");
    node.beat(&token, json!({})).await;
    let (audit, app) = (node.app.audit.clone(), node.app.clone());
    assert!(node.stop().await, "the tasks ended in time");
    assert_eq!(
        story(&super::history(&audit, "11").await),
        [(Status::Online, Reason::Connect)],
        "copied before the end"
    );
    let users = [UserId::parse("11").unwrap()];
    assert_eq!(app.store.views(&users).await.unwrap()[0].as_ref().unwrap().status, Status::Online);
}
