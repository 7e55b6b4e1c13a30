//! `/api/admin/audit-logs/`.

use reqwest::{Method, StatusCode};
use rollcall::presence::Role;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor};

use crate::support;
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
        (format!("session={}", login["session_id"].as_str().unwrap()), vec!["USER_LOGIN"]),
        (format!("request_id={}", login["metadata"]["request_id"].as_str().unwrap()), vec!["USER_LOGIN"]),
        ("search=WRONG%20pass".to_owned(), vec!["USER_FAILED_LOGIN"]),
        (format!("search=nowhere&since={since}"), vec![]),
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

async fn file(service: &Service, token: &str, query: &str) -> (String, String) {
    let response = service.request(Method::GET, &format!("{LOGS}export/?{query}")).bearer_auth(token);
    let response = response.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{query}");
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    (kind, response.text().await.unwrap())
}

#[tokio::test]
async fn a_file_has_the_rows_of_the_list_in_every_form_and_is_recorded() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    let ada = service.person("ada", Role::User).await;
    for _ in 0..3 {
        let body = json!({"status": "away", "reason": "=1+1"});
        service
            .post(&eve.token, &format!("/api/users/admin/users/{}/set-online-status/", ada.id), body)
            .await;
    }
    let query = format!("target={}", ada.id);
    let listed = results(&service, &eve.token, &query).await;
    assert_eq!(listed.len(), 4);
    let (kind, text) = file(&service, &eve.token, &format!("{query}&format=json")).await;
    assert_eq!(
        (kind.as_str(), serde_json::from_str::<Vec<Value>>(&text).unwrap()),
        ("application/json", listed.clone())
    );
    let (kind, text) = file(&service, &eve.token, &format!("{query}&format=ndjson")).await;
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((kind.as_str(), lines), ("application/x-ndjson", listed.clone()));
    let (kind, text) = file(&service, &eve.token, &query).await;
    assert_eq!(kind, "text/csv; charset=utf-8; header=present");
    let mut table = csv::Reader::from_reader(text.as_bytes());
    let mut columns: Vec<String> = table.headers().unwrap().iter().map(str::to_owned).collect();
    columns.sort();
    let fields: Vec<String> = listed[0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(columns, fields, "the columns are the fields of the list");
    assert_eq!(table.records().count(), 4);
    assert_eq!(file(&service, &eve.token, "target=nobody&format=json").await.1, "[]\n");
    let exports = results(&service, &eve.token, "action=DATA_EXPORTED").await;
    assert_eq!(exports.len(), 4);
    assert_eq!(exports[1]["metadata"]["after"]["target"], ada.id.to_string(), "{}", exports[1]);
    let (status, _) = service.get(&ada.token, &format!("{LOGS}export/")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn actions_are_counted_by_what_who_and_when() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    let ada = service.person("ada", Role::User).await;
    for _ in 0..2 {
        service.log_in("ada").await;
    }
    let wrong = json!({"username": "ada", "password": "wrong password"});
    service.send(Method::POST, "/api/auth/login/", wrong).await;
    let (status, stats) = service.get(&eve.token, &format!("{LOGS}stats/")).await;
    assert_eq!((status, &stats["total"]), (StatusCode::OK, &json!(5)), "{stats}");
    assert_eq!(stats["by_action"][0], json!({"name": "USER_LOGIN", "count": 2}));
    assert_eq!(stats["by_severity"], json!([{"name": "info", "count": 4}, {"name": "warning", "count": 1}]));
    let ada = json!({"actor_id": ada.id.to_string(), "actor": "ada", "count": 3});
    assert_eq!((&stats["by_actor"][0], stats["by_actor"].as_array().unwrap().len()), (&ada, 2), "{stats}");
    assert_eq!(stats["by_day"][0]["count"], 5);
    assert!(is_time(&stats["since"]) && is_time(&stats["by_day"][0]["day"]), "{stats}");
    let (_, none) = service.get(&eve.token, &format!("{LOGS}stats/?until=2001-01-01T00:00:00Z")).await;
    assert_eq!((&none["total"], &none["since"]), (&json!(0), &json!("2000-12-02T00:00:00.000Z")), "{none}");
    let wrong = "stats/?since=2001-01-02T00:00:00Z&until=2001-01-01T00:00:00Z";
    assert_eq!(service.get(&eve.token, &format!("{LOGS}{wrong}")).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(service.get("", &format!("{LOGS}stats/")).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_question_that_is_too_broad_is_told_so() {
    let database = support::database_url().await;
    let service = Service::on(&support::stack().redis_url(), &database, &[]).await;
    let eve = service.person("eve", Role::Admin).await;
    let owner = sqlx::PgPool::connect(&database).await.unwrap();
    service.log_in("eve").await;
    crate::http::copy(&service).await;
    // Logs that take longer to read than a statement may.
    for log in ["admin_actions", "transitions_log"] {
        let slow = format!(
            "ALTER TABLE {log} RENAME TO {log}_away; GRANT SELECT ON {log}_away TO rollcall_app; \
            CREATE VIEW {log} AS SELECT t.* FROM {log}_away t CROSS JOIN pg_sleep(9); GRANT SELECT ON {log} TO rollcall_app"
        );
        owner.execute(AssertSqlSafe(slow)).await.unwrap();
    }
    let search = format!("{LOGS}?search=logged");
    let (actions, transitions) = tokio::join!(
        service.get(&eve.token, &search),
        service.get(&eve.token, "/api/presence/transitions/?org=main"),
    );
    for (status, problem) in [actions, transitions] {
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!("too_broad")),
            "{problem}"
        );
        assert!(problem["detail"].as_str().unwrap().contains("since"), "{problem}");
    }
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
