//! `/api/users/heartbeat/`.

use reqwest::{Method, StatusCode};
use rollcall::presence::Role;
use serde_json::json;

use crate::support::service::{Service, answer, is_time};

const PATH: &str = "/api/users/heartbeat/";

#[tokio::test]
async fn a_heartbeat_without_a_body_makes_online() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    let bare = service.request(Method::POST, PATH).bearer_auth(&ada.token);
    let typed = service
        .request(Method::POST, PATH)
        .bearer_auth(&ada.token)
        .header("content-type", "application/json");
    for request in [bare, typed] {
        let (status, answer) = answer(request).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert_eq!(answer["message"], "Heartbeat recorded");
        assert_eq!(answer["online_status"], "online");
        assert!(["last_seen", "since", "server_time"].iter().all(|name| is_time(&answer[name])), "{answer}");
        let next = answer["next_heartbeat_in_ms"].as_i64().unwrap();
        assert!((27_000..=33_000).contains(&next), "{next}");
    }
}

#[tokio::test]
async fn hidden_pages_are_told_a_slower_pace_and_idle_ones_are_away() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    let body = json!({"hidden": true, "activity": "idle", "idle_ms": 400_000, "device": "web", "session": "tab-1",
        "connection": "c1"});
    let (status, answer) = service.post(&ada.token, PATH, body).await;
    assert_eq!((status, &answer["online_status"]), (StatusCode::OK, &json!("away")));
    let next = answer["next_heartbeat_in_ms"].as_i64().unwrap();
    assert!((54_000..=66_000).contains(&next), "{next}");
    let (_, answer) = service.post(&ada.token, PATH, json!({"session": "tab-1", "activity": "active"})).await;
    assert_eq!(answer["online_status"], "online");
}

#[tokio::test]
async fn asking_how_one_stands_is_a_sign_of_life() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    let (status, answer) = service.get(&ada.token, PATH).await;
    assert_eq!((status, &answer["online_status"]), (StatusCode::OK, &json!("online")));
    assert!(is_time(&answer["last_seen"]));
}

#[tokio::test]
async fn a_goodbye_lingers_and_may_come_as_plain_text() {
    let service = Service::with(&["--presence-linger", "1s"]).await;
    let ada = service.person("ada", Role::User).await;
    service.post(&ada.token, PATH, json!({})).await;
    let beacon = service.request(Method::POST, PATH).bearer_auth(&ada.token);
    let beacon = beacon.header("content-type", "text/plain;charset=UTF-8").body(r#"{"logout":true}"#);
    let (status, answer) = answer(beacon).await;
    assert_eq!((status, &answer["online_status"]), (StatusCode::OK, &json!("online")));
    // A reload within the linger is invisible.
    let (_, answer) = service.post(&ada.token, PATH, json!({})).await;
    assert_eq!(answer["online_status"], "online");
}

#[tokio::test]
async fn a_goodbye_starts_nothing() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    let (status, answer) = service.post(&ada.token, PATH, json!({"logout": true})).await;
    assert_eq!((status, &answer["online_status"]), (StatusCode::OK, &json!("offline")));
    assert_eq!((&answer["since"], &answer["last_seen"]), (&json!(null), &json!(null)));
}
