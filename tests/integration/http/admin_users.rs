//! `/api/users/admin/users/`.

use reqwest::StatusCode;
use rollcall::accounts::AccountStatus;
use rollcall::presence::{Millis, Role};
use serde_json::{Value, json};

use crate::store::a_day_ahead;
use crate::support::redis_command;
use crate::support::service::{Service, is_time};

const LIST: &str = "/api/users/admin/users/";

fn names(page: &Value) -> Vec<&str> {
    page["results"].as_array().unwrap().iter().map(|each| each["username"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn pages_filters_and_links() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Moderator).await;
    for name in ["ann", "bea", "cat"] {
        service.person(name, Role::User).await;
    }
    service.person_of("dot", Role::User, "main", AccountStatus::Pending).await;
    let get = async |query: &str| {
        let (status, page) = service.get(&eve.token, &format!("{LIST}?{query}")).await;
        assert_eq!(status, StatusCode::OK, "{query}: {page}");
        page
    };
    // As an existing client asks: with every parameter, most of them empty.
    let page = get("status=&role=&search=&page=").await;
    assert_eq!((&page["count"], names(&page)), (&json!(5), vec!["dot", "cat", "bea", "ann", "eve"]));
    assert_eq!((&page["next"], &page["previous"]), (&json!(null), &json!(null)));
    let page = get("page=2&per_page=2&role=user").await;
    assert_eq!((&page["count"], names(&page)), (&json!(4), vec!["bea", "ann"]));
    assert_eq!(page["previous"], format!("{LIST}?page=1&per_page=2&role=user"));
    assert_eq!(page["next"], json!(null));
    let (_, first) = service.get(&eve.token, page["previous"].as_str().unwrap()).await;
    assert_eq!(names(&first), ["dot", "cat"]);
    assert_eq!(names(&get("search=EVE%40exam").await), ["eve"]);
    assert_eq!(names(&get("status=pending").await), ["dot"]);
    assert_eq!(names(&get("online_status=online").await), ["eve"]);
    let page = get("online_status=offline&per_page=3&page=2").await;
    assert_eq!((&page["count"], names(&page)), (&json!(4), vec!["ann"]));
    assert_eq!(names(&get("page=4000000000&per_page=1000").await), Vec::<&str>::new());
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    let cases = [
        ("page=0", "page", "invalid_value"),
        ("page=x", "page", "invalid_value"),
        ("per_page=1001", "per_page", "invalid_value"),
        ("role=king", "role", "invalid_value"),
        ("status=gone", "status", "invalid_value"),
        ("online_status=invisible", "online_status", "invalid_value"),
        ("colour=red", "colour", "unknown_field"),
    ];
    for (query, name, code) in cases {
        let (status, answer) = service.get(&eve.token, &format!("{LIST}?{query}")).await;
        assert_eq!((status, &answer["code"]), (StatusCode::BAD_REQUEST, &json!(code)), "{query}");
        assert_eq!(answer["errors"][0]["pointer"], name, "{query}: {answer}");
    }
}

#[tokio::test]
async fn who_is_present_is_listed_last_seen_first() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Moderator).await;
    let ada = service.person("ada", Role::User).await;
    service.person("absent", Role::User).await;
    service.post(&ada.token, "/api/users/heartbeat/", json!({"activity": "idle", "session": "t"})).await;
    let (status, answer) = service.get(&eve.token, &format!("{LIST}online/")).await;
    assert_eq!((status, &answer["count"]), (StatusCode::OK, &json!(2)), "{answer}");
    let users = answer["online_users"].as_array().unwrap();
    let mut shown: Vec<_> = users.iter().map(|each| (&each["username"], &each["online_status"])).collect();
    shown.sort_by_key(|(name, _)| name.as_str());
    assert_eq!(shown, [(&json!("ada"), &json!("away")), (&json!("eve"), &json!("online"))]);
    let seen: Vec<&str> = users.iter().map(|each| each["last_seen"].as_str().unwrap()).collect();
    assert!(seen.is_sorted_by(|a, b| a >= b), "{seen:?}");
    let (_, newest) = service.get(&eve.token, &format!("{LIST}online/?limit=1")).await;
    assert_eq!(newest["online_users"].as_array().unwrap().len(), 1, "{newest}");
    let (status, refused) = service.get(&eve.token, &format!("{LIST}online/?limit=0")).await;
    assert_eq!((status, &refused["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!("limit")));
}

#[tokio::test]
async fn who_comes_by_asking_is_listed() {
    let service = Service::start().await;
    for number in 0..20 {
        let eve = service.person(&format!("eve{number}"), Role::Moderator).await;
        // Of the two scripts Redis knows the one that lists: the list is read before the caller has come.
        redis_command("SCRIPT FLUSH").await;
        service.app.store.present_views(None, None, 1).await.unwrap();
        let (_, answer) = service.get(&eve.token, &format!("{LIST}online/?limit=1")).await;
        assert_eq!(answer["online_users"][0]["username"], format!("eve{number}"), "{answer}");
    }
}

#[tokio::test]
async fn who_asks_has_been_seen_now() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Moderator).await;
    let ada = service.person("ada", Role::User).await;
    for (ms, who) in [(0, &eve), (5_000, &ada)] {
        service.app.store.clock().set(a_day_ahead() + Millis(ms));
        service.post(&who.token, "/api/users/heartbeat/", json!({})).await;
    }
    service.app.store.clock().set(a_day_ahead() + Millis(9_000));
    let (_, answer) = service.get(&eve.token, &format!("{LIST}online/")).await;
    let names: Vec<&Value> =
        answer["online_users"].as_array().unwrap().iter().map(|each| &each["username"]).collect();
    assert_eq!(names, ["eve", "ada"], "{answer}");
}

#[tokio::test]
async fn one_account_and_its_presence() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Moderator).await;
    let ada = service.person("ada", Role::User).await;
    let detail = format!("{LIST}{}/", ada.id);
    let (status, before) = service.get(&eve.token, &detail).await;
    assert_eq!((status, &before["is_online"]), (StatusCode::OK, &json!(false)));
    service.post(&ada.token, "/api/users/heartbeat/", json!({})).await;
    let (_, answer) = service.get(&eve.token, &format!("{detail}online-status/")).await;
    assert!(is_time(&answer["last_seen"]), "{answer}");
    let mut answer = answer;
    answer.as_object_mut().unwrap().remove("last_seen");
    let expected =
        json!({"user_id": ada.id, "username": "ada", "online_status": "online", "is_online": true});
    assert_eq!(answer, expected);
    for path in [format!("{LIST}999999/"), format!("{LIST}999999/online-status/")] {
        let (status, answer) = service.get(&eve.token, &path).await;
        assert_eq!((status, &answer["error"]), (StatusCode::NOT_FOUND, &json!("User not found")));
    }
}

#[tokio::test]
async fn plain_users_may_not() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    let one = format!("{LIST}{}/", ada.id);
    for path in [LIST.to_owned(), format!("{LIST}online/"), one.clone(), format!("{one}online-status/")] {
        let (status, answer) = service.get(&ada.token, &path).await;
        assert_eq!((status, &answer["code"]), (StatusCode::FORBIDDEN, &json!("forbidden")), "{path}");
    }
}
