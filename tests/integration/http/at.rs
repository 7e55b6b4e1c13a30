//! `/api/presence/at/`: who was present at a moment, and whether that is the whole answer.

use reqwest::StatusCode;
use rollcall::presence::Role;
use serde_json::{Value, json};

use super::transitions::{come_and_go, copy};
use crate::support::service::{Service, is_time};

const AT: &str = "/api/presence/at/";

/// The moment of a user's last transition to this status.
async fn moment(service: &Service, token: &str, user: i64, to: &str) -> String {
    let (_, page) = service.get(token, &format!("/api/presence/transitions/?user={user}&to={to}")).await;
    page["results"][0]["occurred_at"].as_str().unwrap().to_owned()
}

fn names(answer: &Value) -> Vec<&str> {
    answer["results"].as_array().unwrap().iter().map(|row| row["user_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_moment_says_who_was_present() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    let ada = service.person("ada", Role::User).await;
    come_and_go(&service, "ada").await;
    let (came, left) = (
        moment(&service, &eve.token, ada.id, "online").await,
        moment(&service, &eve.token, ada.id, "offline").await,
    );
    let (status, answer) = service.get(&eve.token, &format!("{AT}?time={came}&status=online&org=main")).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert!(names(&answer).contains(&ada.id.to_string().as_str()), "{answer}");
    assert_eq!((&answer["complete"], &answer["incomplete_because"]), (&json!(true), &json!(null)));
    assert!(is_time(&answer["copied_until"]), "{answer}");
    let (_, later) = service.get(&eve.token, &format!("{AT}?time={left}")).await;
    assert!(!names(&later).contains(&ada.id.to_string().as_str()), "the end is not part of it: {later}");
    let (_, other) = service.get(&eve.token, &format!("{AT}?time={came}&org=other")).await;
    assert_eq!((&other["count"], &other["results"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn pages_hold_everybody_once() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    for user in 100..107 {
        service.beat(&service.token(&user.to_string(), "tab"), json!({})).await;
    }
    copy(&service).await;
    let last = service.app.audit.reach().await.unwrap().now;
    let time = rollcall::http::Timestamp::from(last);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let (_, page) = service.get(&eve.token, &format!("{AT}?time={time}&limit=3&cursor={cursor}")).await;
        assert_eq!(page["count"], 7, "{page}");
        seen.extend(names(&page).into_iter().map(str::to_owned));
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    seen.sort();
    assert_eq!(seen, (100..107).map(|user: i32| user.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_answer_that_may_lack_something_says_so() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    // The first request of the administrator waits in the outbox now.
    service.get(&eve.token, AT).await;
    let now = rollcall::http::Timestamp::from(service.app.audit.reach().await.unwrap().now);
    let (_, answer) = service.get(&eve.token, &format!("{AT}?time={now}")).await;
    assert_eq!(answer["complete"], false, "{answer}");
    assert!(answer["incomplete_because"].as_str().unwrap().contains("was copied until"), "{answer}");
    copy(&service).await;
    let (_, answer) = service.get(&eve.token, &format!("{AT}?time={now}")).await;
    assert_eq!(answer["complete"], true, "{answer}");
    let before = json!({ "before": "2026-01-01T00:00:00+00:00", "partitions": [] });
    service.app.audit.system_event("partitions_dropped", &before).await.unwrap();
    let (_, answer) = service.get(&eve.token, &format!("{AT}?time=2025-12-31T23:59:59Z")).await;
    assert_eq!(answer["complete"], false);
    assert!(answer["incomplete_because"].as_str().unwrap().contains("2026-01-01"), "{answer}");
}

#[tokio::test]
async fn what_cannot_be_asked_is_named() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    for (query, name) in [
        ("", "time"),
        ("time=noon", "time"),
        ("time=2199-01-01T00:00:00Z", "time"),
        ("time=2026-01-01T00:00:00Z&status=offline", "status"),
        ("time=2026-01-01T00:00:00Z&limit=0", "limit"),
        ("time=2026-01-01T00:00:00Z&cursor=x", "cursor"),
    ] {
        let (status, answer) = service.get(&eve.token, &format!("{AT}?{query}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}: {answer}");
        assert_eq!(answer["errors"][0]["pointer"], name, "{query}: {answer}");
    }
    let max = service.person("max", Role::Moderator).await;
    assert_eq!(service.get(&max.token, AT).await.0, StatusCode::FORBIDDEN);
}
