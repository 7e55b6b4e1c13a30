//! `/api/admin/audit-logs/`.

use reqwest::{Method, StatusCode};
use rollcall::presence::Role;
use serde_json::{Value, json};

use crate::support::service::{Service, is_time};

const LOGS: &str = "/api/admin/audit-logs/";

async fn results(service: &Service, token: &str, query: &str) -> Vec<Value> {
    let (status, page) = service.get(token, &format!("{LOGS}?{query}")).await;
    assert_eq!(status, StatusCode::OK, "{query}: {page}");
    page["results"].as_array().unwrap().clone()
}

fn kinds(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["action_type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn actions_are_listed_newest_first_and_found_by_every_filter() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    let ada = service.person("ada", Role::User).await;
    service.log_in("ada").await;
    let wrong = json!({"username": "ada", "password": "wrong password"});
    service.send(Method::POST, "/api/auth/login/", wrong).await;
    let rows = results(&service, &eve.token, "").await;
    assert_eq!(kinds(&rows)[..2], ["USER_FAILED_LOGIN", "USER_LOGIN"]);
    let login = &rows[1];
    let (id, name) = (json!(ada.id.to_string()), json!("ada"));
    assert_eq!((&login["actor"], &login["actor_id"], &login["target_id"]), (&name, &id, &id));
    assert!(is_time(&login["timestamp"]) && login["metadata"]["request_id"].is_string(), "{login}");
    assert_eq!(rows[0]["actor"], "System");

    let since = login["timestamp"].as_str().unwrap();
    for (query, expected) in [
        (format!("actor={}&action=USER_LOGIN", ada.id), vec!["USER_LOGIN"]),
        (format!("actor_id={}&action_type=USER_LOGIN", ada.id), vec!["USER_LOGIN"]),
        (format!("target={}&target_type=USER&severity=info&action=USER_LOGIN", ada.id), vec!["USER_LOGIN"]),
        ("severity=warning".to_owned(), vec!["USER_FAILED_LOGIN"]),
        ("action=NOTHING".to_owned(), vec![]),
        (format!("since={since}"), vec!["USER_FAILED_LOGIN", "USER_LOGIN"]),
        (format!("until={since}&action=USER_LOGIN"), vec![]),
    ] {
        assert_eq!(kinds(&results(&service, &eve.token, &query).await), expected, "{query}");
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let (_, page) = service.get(&eve.token, &format!("{LOGS}?limit=1&cursor={cursor}")).await;
        seen.push(page["results"][0].clone());
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(seen, rows, "one by one");
}

#[tokio::test]
async fn wrong_parameters_are_named_and_others_may_not() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    for (query, name) in
        [("actor=%00", "actor"), ("since=x", "since"), ("cursor=x", "cursor"), ("limit=0", "limit")]
    {
        let (status, answer) = service.get(&eve.token, &format!("{LOGS}?{query}")).await;
        assert_eq!(
            (status, &answer["errors"][0]["pointer"]),
            (StatusCode::BAD_REQUEST, &json!(name)),
            "{answer}"
        );
    }
    for role in [Role::User, Role::Moderator] {
        let person = service.person(role.as_str(), role).await;
        assert_eq!(service.get(&person.token, LOGS).await.0, StatusCode::FORBIDDEN);
    }
}
