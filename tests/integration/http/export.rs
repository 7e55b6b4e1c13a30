//! `/api/presence/transitions/export/`: whole or broken off, never in between.

use std::collections::HashSet;

use reqwest::{Method, Response, StatusCode};
use rollcall::presence::Role;
use serde_json::{Value, json};
use sqlx::{Executor, PgPool};

use crate::support;
use crate::support::service::Service;

const EXPORT: &str = "/api/presence/transitions/export/";

/// A service, its administrator's token, and its database as the owner has it, with so many transitions in the log.
async fn with_rows(rows: i32) -> (Service, String, PgPool) {
    let database = support::database_url().await;
    let service = Service::on(&support::stack().redis_url(), &database, &[]).await;
    let owner = PgPool::connect(&database).await.unwrap();
    owner.execute("INSERT INTO subjects (user_id) VALUES ('-1'), ('plain')").await.unwrap();
    sqlx::query(
        "INSERT INTO transitions_log (shard, epoch, n, kind, subject, org, sequence, from_status, to_status, reason, \
            occurred_at, detected_at, last_seen, uncertainty_ms, session_id, device, actor) \
        SELECT 0, 1, n, 'transition', (SELECT subject FROM subjects WHERE user_id = CASE WHEN n % 2 = 0 THEN '-1' \
            ELSE 'plain' END), 'main', n, 'offline', 'online', 'connect', t, t, t, 0, 'l.tab', 'web', '=1+1' \
        FROM (SELECT n, date_trunc('day', now()) + n / 3 * interval '1 ms' AS t FROM generate_series(1, $1) n) g",
    )
    .bind(rows)
    .execute(&owner)
    .await
    .unwrap();
    let eve = service.person("eve", Role::Admin).await;
    (service, eve.token, owner)
}

async fn export(service: &Service, token: &str, query: &str) -> Response {
    let request = service.request(Method::GET, &format!("{EXPORT}?{query}"));
    request.bearer_auth(token).send().await.unwrap()
}

#[tokio::test]
async fn a_table_holds_every_row_once_and_no_formula() {
    let (service, token, owner) = with_rows(4_500).await;
    let response = export(&service, &token, "why=ticket").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8; header=present");
    let name = response.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(name.starts_with("attachment; filename=\"transitions-20") && name.ends_with("Z.csv\""), "{name}");
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    let text = response.text().await.unwrap();
    let mut table = csv::Reader::from_reader(text.as_bytes());
    let (head, _) = table.headers().map(|head| (head.clone(), ())).unwrap();
    let (_, page) = service.get(&token, "/api/presence/transitions/?limit=1").await;
    let fields: HashSet<&str> = page["results"][0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(head.iter().collect::<HashSet<_>>(), fields, "the columns are the fields of the list");
    assert_eq!((head.len(), &head[0], &head[15]), (fields.len(), "user_id", "actor"));
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    let numbers: Vec<i64> = rows.iter().map(|row| row[4].parse().unwrap()).collect();
    assert_eq!(numbers, (1..=4_500).rev().collect::<Vec<_>>(), "newest first");
    assert_eq!((&rows[0][0], &rows[1][0], &rows[0][15]), ("'-1", "plain", "'=1+1"));
    let noted: (String, String, Value) = sqlx::query_as(
        "SELECT action, target_type, after FROM admin_actions WHERE actor IS NOT NULL ORDER BY occurred_at DESC LIMIT 1",
    )
    .fetch_one(&owner)
    .await
    .unwrap();
    assert_eq!(
        (noted.0.as_str(), noted.1.as_str(), &noted.2["format"]),
        ("DATA_EXPORTED", "SYSTEM", &json!("csv"))
    );
}

#[tokio::test]
async fn lines_are_the_rows_of_the_list() {
    let (service, token, _) = with_rows(30).await;
    let response = export(&service, &token, "format=ndjson&user=plain").await;
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let text = response.text().await.unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (_, page) = service.get(&token, "/api/presence/transitions/?user=plain").await;
    assert_eq!(json!(lines), page["results"]);
    let nothing = export(&service, &token, "user=nobody").await.text().await.unwrap();
    assert!(nothing.starts_with("user_id,org,") && nothing.lines().count() == 1, "{nothing}");
}

#[tokio::test]
async fn a_failure_in_the_middle_does_not_look_like_an_end() {
    let (service, token, owner) = with_rows(120_000).await;
    let mut response = export(&service, &token, "format=ndjson").await;
    assert_eq!(response.status(), StatusCode::OK);
    let mut bytes = response.chunk().await.unwrap().unwrap().len();
    owner.execute("ALTER TABLE transitions_log RENAME TO away").await.unwrap();
    let broken = loop {
        match response.chunk().await {
            Ok(Some(more)) => bytes += more.len(),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(broken, "{bytes} bytes that look like a whole file");
    assert!(bytes > 100_000, "what was read was sent");
    let (status, _) = service.get(&token, EXPORT).await;
    assert_ne!(status, StatusCode::OK, "a failure before the first row is an error");
}

#[tokio::test]
async fn wrong_parameters_are_named_and_others_may_not() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    for (query, name) in [
        ("format=xml", "format"),
        ("reason=whim", "reason"),
        ("session=a.b", "session"),
        ("limit=5", "limit"),
    ] {
        let (status, answer) = service.get(&eve.token, &format!("{EXPORT}?{query}")).await;
        assert_eq!(
            (status, &answer["errors"][0]["pointer"]),
            (StatusCode::BAD_REQUEST, &json!(name)),
            "{answer}"
        );
    }
    let max = service.person("max", Role::Moderator).await;
    assert_eq!(service.get(&max.token, EXPORT).await.0, StatusCode::FORBIDDEN);
}
