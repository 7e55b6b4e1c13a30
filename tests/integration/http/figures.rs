//! `/api/presence/figures/`.

use reqwest::StatusCode;
use rollcall::presence::Role;
use serde_json::{Value, json};

use super::transitions::come_and_go;
use crate::support::service::{Service, is_time};

const FIGURES: &str = "/api/presence/figures/";

/// A service in which somebody came and went, and somebody came.
async fn lived() -> (Service, String, i64) {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    let ada = service.person("ada", Role::User).await;
    service.beat(&eve.token, json!({})).await;
    come_and_go(&service, "ada").await;
    while service.app.audit.follow_figures().await.unwrap() {}
    (service, eve.token, ada.id)
}

async fn get(service: &Service, token: &str, path: &str) -> Value {
    let (status, said) = service.get(token, &format!("{FIGURES}{path}")).await;
    assert_eq!(status, StatusCode::OK, "{path}: {said}");
    said
}

#[tokio::test]
async fn a_chart_says_how_many_were_online() {
    let (service, token, _) = lived().await;
    let said = get(&service, &token, "concurrency/?step=1h&time_zone=Asia/Kolkata&org=main").await;
    assert_eq!((&said["step_ms"], &said["time_zone"]), (&json!(3_600_000), &json!("Asia/Kolkata")));
    assert_eq!(said["peak"]["users"], 2, "{said}");
    assert!(is_time(&said["peak"]["at"]) && is_time(&said["from"]) && is_time(&said["to"]), "{said}");
    let points = said["points"].as_array().unwrap();
    assert!((24..=26).contains(&points.len()), "{said}");
    let last = points.last().unwrap();
    assert_eq!((&last["users"], &points[0]["users"]), (&json!(0), &json!(0)));
    assert!(last["max"] == 2 || points[points.len() - 2]["max"] == 2, "{said}");
    let other = get(&service, &token, "concurrency/?org=other").await;
    assert_eq!(other["peak"]["users"], 0);
    assert_eq!(other["step_ms"], 300_000, "the shortest that makes no more than 300 points");
}

#[tokio::test]
async fn people_lengths_and_totals_are_told() {
    let (service, token, ada) = lived().await;
    let people = get(&service, &token, "people/?period=week&kind=rolling").await;
    assert_eq!((&people["period"], &people["kind"]), (&json!("week"), &json!("rolling")));
    assert_eq!(people["results"].as_array().unwrap().last().unwrap()["people"], 2, "{people}");
    let sessions = get(&service, &token, "sessions/").await;
    assert_eq!((&sessions["count"], sessions["buckets"].as_array().unwrap().len()), (&json!(1), 11));
    assert_eq!(sessions["buckets"][10]["to_ms"], json!(null));
    let totals = get(&service, &token, "totals/?search=ADA").await;
    let row = &totals["results"][0];
    assert_eq!((&row["user_id"], &row["username"]), (&json!(ada.to_string()), &json!("ada")));
    assert_eq!((&row["spells"], totals["results"].as_array().unwrap().len()), (&json!(1), 1));
    assert!(row["online_ms"].is_u64() && is_time(&row["first_seen"]) && is_time(&row["last_seen"]), "{row}");
    let first = get(&service, &token, "totals/?limit=1").await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = get(&service, &token, &format!("totals/?limit=1&cursor={cursor}")).await;
    assert_ne!(first["results"][0]["user_id"], second["results"][0]["user_id"]);
    assert_eq!((&second["next_cursor"], &second["to"]), (&json!(null), &first["to"]));
}

#[tokio::test]
async fn a_chart_is_taken_out_as_a_file_and_that_is_recorded() {
    let (service, token, _) = lived().await;
    let path = format!("{FIGURES}concurrency/export/?format=csv&step=6h");
    let answer = service.request(reqwest::Method::GET, &path).bearer_auth(&token).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let text = answer.text().await.unwrap();
    assert!(
        text.starts_with("at,users,max,min,average\r\n") || text.starts_with("at,users,max,min,average\n"),
        "{text}"
    );
    let (_, log) = service.get(&token, "/api/admin/audit-logs/?action=DATA_EXPORTED").await;
    assert!(log.to_string().contains("concurrency"), "{log}");
}

#[tokio::test]
async fn what_cannot_be_asked_is_named() {
    let (service, token, _) = lived().await;
    for (query, name) in [
        ("concurrency/?step=2h", "step"),
        ("concurrency/?from=2026-01-01T00:00:00Z&step=1m", "step"),
        ("concurrency/?time_zone=CET", "time_zone"),
        ("concurrency/?time_zone=Mars/Olympus", "time_zone"),
        ("people/?time_zone=Mars/Olympus", "time_zone"),
        ("people/?time_zone=Mars/Olympus5", "time_zone"),
        ("people/?time_zone=Etc/GMT%2B15", "time_zone"),
        ("people/?period=year", "period"),
        ("people/?kind=x", "kind"),
        ("sessions/?from=2199-01-01T00:00:00Z", "from"),
        ("sessions/?from=1960-01-01T00:00:00Z", "from"),
        ("totals/?to=2020-01-01T00:00:00Z&from=2021-01-01T00:00:00Z", "to"),
        ("totals/?cursor=x", "cursor"),
        ("totals/?limit=0", "limit"),
    ] {
        let (status, said) = service.get(&token, &format!("{FIGURES}{query}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}: {said}");
        assert_eq!(said["errors"][0]["pointer"], name, "{query}: {said}");
    }
}
