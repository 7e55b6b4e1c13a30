//! How the service is and with which settings it runs, as administrators see it.

use std::time::Duration;

use reqwest::StatusCode;
use rollcall::audit::migrate;
use rollcall::presence::Role;
use serde_json::{Value, json};

use crate::support;
use crate::support::service::{SECRET, Service};

#[tokio::test]
async fn a_whole_node_is_well_and_says_what_it_holds() {
    let node = Service::node_alone(&[]).await;
    let admin = node.person("admin", Role::Admin).await;
    let well = async || {
        let (status, health) = node.get(&admin.token, "/api/admin/health/").await;
        let shards = u64::from(node.app.store.keys().shards());
        let is_whole = health["nodes"][0]["shards"] == shards && health["status"] == "ok";
        (status == StatusCode::OK && is_whole).then_some(health)
    };
    let health = support::eventually("health", Duration::from_secs(20), well).await;
    assert_eq!(health["checks"], json!({"redis": "ok", "postgres": "ok", "outbox": "ok"}));
    assert_eq!(health["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(health["nodes"][0]["version"], env!("CARGO_PKG_VERSION"));
    assert!(health["redis"]["memory_bytes"].as_u64().unwrap() > 0);
    assert_eq!(health["postgres"]["pool_limit"], 16);
    assert!(health["outbox"]["entries"].is_u64());
}

#[tokio::test]
async fn without_redis_it_is_said_that_it_is_away() {
    let stack = support::private_stack(|_| ());
    let service = Service::on(&stack.redis_url(), &support::database_url().await, &[]).await;
    let admin = service.person("admin", Role::Admin).await;
    stack.redis().kill();
    let (status, health) = service.get(&admin.token, "/api/admin/health/").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&health["status"], &health["checks"]["redis"]), (&json!("unavailable"), &json!("down")));
    assert_eq!(health["redis"], Value::Null);
}

#[tokio::test]
async fn without_postgres_the_nodes_are_told_and_nobody_claims_to_know_of_the_outbox() {
    let stack = support::private_stack(|_| ());
    migrate(&stack.database_url().into()).await.unwrap();
    let node = Service::node(&stack.redis_url(), &stack.database_url(), &support::prefix(), &[]).await;
    let admin = node.person("admin", Role::Admin).await;
    let health = async || node.get(&admin.token, "/api/admin/health/").await.1;
    let well = async || (health().await["status"] == "ok").then_some(());
    support::eventually("health", Duration::from_secs(20), well).await;
    stack.postgres().kill();
    let health = health().await;
    assert_eq!(health["checks"], json!({"redis": "ok", "postgres": "down"}), "{health}");
    assert_eq!((&health["status"], &health["outbox"]), (&json!("degraded"), &Value::Null));
    assert_eq!(health["nodes"].as_array().unwrap().len(), 1, "{health}");
}

#[tokio::test]
async fn settings_are_shown_with_where_they_came_from_and_without_secrets() {
    let service = Service::with(&["--presence-heartbeat", "7s", "--auth-audience", "rollcall"]).await;
    let admin = service.person("admin", Role::Admin).await;
    let (status, answer) = service.get(&admin.token, "/api/admin/settings/").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let all = answer["settings"].as_array().unwrap();
    let named = |name: &str| all.iter().find(|setting| setting["name"] == name).unwrap();
    let heartbeat = named("presence.heartbeat");
    assert_eq!(
        (&heartbeat["value"], &heartbeat["default"], &heartbeat["source"], &heartbeat["variable"]),
        (&json!("7s"), &json!("30s"), &json!("command line"), &json!("ROLLCALL_PRESENCE_HEARTBEAT"))
    );
    assert!(all.iter().all(|setting| !setting["about"].as_str().unwrap().is_empty()), "{answer}");
    assert_eq!(named("presence.hidden_ttl")["source"], "derived");
    assert_eq!(named("auth.secret")["value"], Value::Null, "{answer}");
    assert!(!answer.to_string().contains(SECRET), "{answer}");
}
