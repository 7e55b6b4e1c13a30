//! The internal listener: probes and metrics.

use reqwest::StatusCode;
use rollcall::audit::migrate;
use rollcall::presence::Role;
use serde_json::json;

use crate::support;
use crate::support::service::{Service, answer};

#[tokio::test]
async fn a_whole_service_is_ready_until_it_drains() {
    let service = Service::start().await;
    let client = reqwest::Client::new();
    let get = async |path: &str| answer(client.get(format!("{}{path}", service.internal))).await;
    let checks = json!({"redis": "ok", "postgres": "ok"});
    assert_eq!(get("/livez").await, (StatusCode::OK, json!({"status": "ok", "checks": {}})));
    assert_eq!(get("/readyz").await, (StatusCode::OK, json!({"status": "ok", "checks": checks})));
    assert_eq!(get("/api/auth/me/").await.0, StatusCode::NOT_FOUND);
    service.app.start_draining();
    let (status, answer) = get("/readyz").await;
    assert_eq!((status, &answer["status"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("draining")));
    assert_eq!(get("/livez").await.0, StatusCode::OK);
}

#[tokio::test]
async fn without_postgres_it_is_degraded_and_without_redis_it_is_not_ready() {
    let stack = support::private_stack(|_| ());
    migrate(&stack.database_url().into()).await.unwrap();
    let service = Service::on(&stack.redis_url(), &stack.database_url(), &[]).await;
    let client = reqwest::Client::new();
    let ready = async || answer(client.get(format!("{}/readyz", service.internal))).await;
    stack.postgres().kill();
    let (status, answer) = ready().await;
    assert_eq!((status, &answer["status"]), (StatusCode::OK, &json!("degraded")), "{answer}");
    stack.redis().kill();
    let gone = async {
        loop {
            let (status, answer) = ready().await;
            if status == StatusCode::SERVICE_UNAVAILABLE {
                return answer;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let answer = tokio::time::timeout(std::time::Duration::from_secs(10), gone).await.unwrap();
    assert_eq!(answer, json!({"status": "unavailable", "checks": {"redis": "down", "postgres": "down"}}));
}

#[tokio::test]
async fn requests_are_counted_by_route_and_never_by_path() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    service.get(&ada.token, "/api/presence/users/4711").await;
    service.get(&ada.token, "/api/4712/").await;
    service.post(&ada.token, "/api/users/heartbeat/", json!({})).await;
    let response = reqwest::get(format!("{}/metrics", service.internal)).await.unwrap();
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    let text = response.text().await.unwrap();
    let value = |series: &str| {
        let line =
            text.lines().find(|line| line.starts_with(series)).unwrap_or_else(|| panic!("no {series}"));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    // Other tests of the process count, too.
    let requests = |route: &str, method: &str, status: u16| {
        value(&format!(
            r#"rollcall_http_requests_total{{route="{route}",method="{method}",status="{status}"}}"#
        ))
    };
    assert!(requests("/api/presence/users/{id}/", "GET", 200) >= 1.0);
    assert!(requests("unmatched", "GET", 404) >= 1.0);
    assert!(value(r#"rollcall_heartbeats_total{transport="http",result="ok"}"#) >= 1.0);
    // Their names alone: values may have any digits.
    let mut series = text.lines().filter_map(|line| line.rsplit_once(' ')).map(|(series, _)| series);
    assert!(!series.any(|series| series.contains("4711") || series.contains("4712")));
}

#[tokio::test]
async fn every_route_has_its_series_before_its_first_request() {
    let service = Service::start().await;
    let text = reqwest::get(format!("{}/metrics", service.internal)).await.unwrap().text().await.unwrap();
    let api: serde_json::Value = serde_json::from_str(&rollcall::live::openapi_json().unwrap()).unwrap();
    let mut routes = 0;
    for (route, item) in api["paths"].as_object().unwrap() {
        for method in
            ["get", "post", "put", "patch", "delete"].iter().filter(|method| item.get(method).is_some())
        {
            let labels = format!(r#"route="{route}",method="{}""#, method.to_uppercase());
            for series in [
                format!(r#"rollcall_http_requests_total{{{labels},status="200"}} "#),
                format!("rollcall_http_request_duration_seconds_count{{{labels}}} "),
            ] {
                assert!(text.contains(&series), "no {series}");
            }
            routes += 1;
        }
    }
    assert!(routes > 15, "{routes}");
}
