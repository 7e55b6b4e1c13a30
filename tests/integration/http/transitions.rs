//! `/api/presence/transitions/`.

use reqwest::StatusCode;
use rollcall::presence::Role;
use serde_json::json;

use crate::support::service::{Service, is_time};

const LIST: &str = "/api/presence/transitions/";

/// Copies what the shards' outboxes hold, as the service's task does.
pub async fn copy(service: &Service) {
    for shard in 0..service.app.store.keys().shards() {
        let position = service.app.audit.position(shard).await.unwrap();
        let entries = service.app.store.entries(shard, position.n, 100).await.unwrap();
        if !entries.is_empty() {
            service.app.audit.copy(shard, position, position.epoch, &entries).await.unwrap();
        }
    }
}

/// The same; answers the number of the newest entry of the first shard.
pub async fn copy_all(service: &Service) -> i64 {
    copy(service).await;
    service.app.audit.position(0).await.unwrap().n
}

/// Logs in and out again; both changes are copied.
pub async fn come_and_go(service: &Service, name: &str) {
    let login = service.log_in(name).await;
    let token = login["tokens"]["access"].as_str().unwrap();
    service.post(token, "/api/auth/logout/", json!({})).await;
    copy(service).await;
}

#[tokio::test]
async fn administrators_read_every_change() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    let ada = service.person("ada", Role::User).await;
    come_and_go(&service, "ada").await;
    let (status, page) = service.get(&eve.token, &format!("{LIST}?user={}&why=ticket", ada.id)).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    let rows = page["results"].as_array().unwrap();
    let changes: Vec<_> =
        rows.iter().map(|row| (&row["to_status"], &row["reason"], &row["sequence"])).collect();
    let (offline, online) = (json!("offline"), json!("online"));
    let (logout, login) = (json!("logout"), json!("login"));
    assert_eq!(changes, [(&offline, &logout, &json!(2)), (&online, &login, &json!(1))]);
    assert!(
        ["occurred_at", "detected_at", "recorded_at"].iter().all(|name| is_time(&rows[0][name])),
        "{page}"
    );
    assert_eq!((&rows[0]["user_id"], &page["next_cursor"]), (&json!(ada.id.to_string()), &json!(null)));
}

#[tokio::test]
async fn pages_and_filters() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    let ada = service.person("ada", Role::User).await;
    come_and_go(&service, "ada").await;
    let (_, page) = service.get(&eve.token, &format!("{LIST}?user={}", ada.id)).await;
    let rows = page["results"].as_array().unwrap();
    let (_, first) = service.get(&eve.token, &format!("{LIST}?user={}&limit=1", ada.id)).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let (_, second) =
        service.get(&eve.token, &format!("{LIST}?user={}&limit=1&cursor={cursor}", ada.id)).await;
    assert_eq!([&first["results"][0], &second["results"][0]], [&rows[0], &rows[1]]);
    let (_, by_reason) = service.get(&eve.token, &format!("{LIST}?reason=logout")).await;
    assert_eq!(by_reason["results"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn wrong_parameters_are_named_and_others_may_not() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    for (query, name) in [
        ("since=yesterday", "since"),
        ("reason=whim", "reason"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("cursor=here", "cursor"),
        ("user=a%20b", "user"),
    ] {
        let (status, answer) = service.get(&eve.token, &format!("{LIST}?{query}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(answer["errors"][0]["pointer"], name, "{query}: {answer}");
    }
    for role in [Role::User, Role::Moderator] {
        let person = service.person(role.as_str(), role).await;
        assert_eq!(service.get(&person.token, LIST).await.0, StatusCode::FORBIDDEN);
    }
}
