//! `/api/presence/users/{id}/timeline/`.

use reqwest::StatusCode;
use rollcall::presence::Role;
use serde_json::{Value, json};

use super::transitions::{come_and_go, copy};
use crate::support::service::{Service, is_time};

fn path(user: i64) -> String {
    format!("/api/presence/users/{user}/timeline/")
}

#[tokio::test]
async fn a_history_has_its_stretches_and_its_entries() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    let ada = service.person("ada", Role::User).await;
    come_and_go(&service, "ada").await;
    service.log_in("ada").await;
    copy(&service).await;
    let (status, told) = service.get(&eve.token, &format!("{}?why=ticket", path(ada.id))).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    let intervals = told["intervals"].as_array().unwrap();
    let brief: Vec<_> = intervals.iter().map(|i| (&i["status"], &i["open"], &i["end_reason"])).collect();
    let (online, logout) = (json!("online"), json!("logout"));
    assert_eq!(brief, [(&online, &json!(true), &Value::Null), (&online, &json!(false), &logout)]);
    assert_eq!((&intervals[0]["to"], &intervals[0]["duration_ms"]), (&Value::Null, &Value::Null));
    assert!(is_time(&intervals[1]["to"]) && intervals[1]["duration_ms"].as_i64().unwrap() >= 0, "{told}");
    let entries = told["entries"].as_array().unwrap();
    let numbers: Vec<_> = entries.iter().map(|entry| (&entry["kind"], entry["sequence"].as_i64())).collect();
    let kind = json!("transition");
    assert_eq!(numbers, [(&kind, Some(3)), (&kind, Some(2)), (&kind, Some(1))]);
    assert_eq!(told["next_cursor"], Value::Null);

    let (_, first) = service.get(&eve.token, &format!("{}?limit=2&why=ticket", path(ada.id))).await;
    let (since, until) = (first["since"].as_str().unwrap(), first["until"].as_str().unwrap());
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = format!("{}?limit=2&since={since}&until={until}&cursor={cursor}&why=ticket", path(ada.id));
    let (_, second) = service.get(&eve.token, &second).await;
    assert_eq!(
        [&first["entries"][0], &first["entries"][1], &second["entries"][0]],
        [&entries[0], &entries[1], &entries[2]]
    );
    assert_eq!([&first["intervals"][0], &second["intervals"][0]], [&intervals[0], &intervals[1]]);
}

#[tokio::test]
async fn wrong_questions_are_named_and_others_may_not_ask() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    let span = "since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z";
    for (query, name) in [(span, "since"), ("until=x", "until"), ("cursor=x", "cursor"), ("limit=0", "limit")]
    {
        let (status, answer) = service.get(&eve.token, &format!("{}?{query}", path(eve.id))).await;
        assert_eq!((status, &answer["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!(name)));
    }
    assert_eq!(service.get(&eve.token, &path(987_654)).await.0, StatusCode::NOT_FOUND);
    for role in [Role::User, Role::Moderator] {
        let person = service.person(role.as_str(), role).await;
        assert_eq!(service.get(&person.token, &path(person.id)).await.0, StatusCode::FORBIDDEN);
    }
}
