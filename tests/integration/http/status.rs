//! `/api/presence/status/` and `.../set-online-status/`: what people say of themselves, and what is said of them.

use reqwest::{Method, StatusCode};
use rollcall::presence::{Role, UserId};
use serde_json::{Value, json};

use crate::support::service::{Person, Service, answer};

const STATUS: &str = "/api/presence/status/";

async fn put(service: &Service, token: &str, body: Value) -> (StatusCode, Value) {
    answer(service.request(Method::PUT, STATUS).bearer_auth(token).json(&body)).await
}

async fn delete(service: &Service, token: &str, path: &str) -> (StatusCode, Value) {
    answer(service.request(Method::DELETE, path).bearer_auth(token)).await
}

/// What another user sees of a person: status, text and emoji.
async fn seen(service: &Service, person: &Person) -> [Value; 3] {
    let token = service.token("9999", "viewer");
    let (_, view) = service.get(&token, &format!("/api/presence/users/{}/", person.id)).await;
    ["status", "text", "emoji"].map(|name| view[name].clone())
}

#[tokio::test]
async fn a_status_is_set_amended_and_taken_back() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    let (null, lunch) = (json!(null), json!("at l\u{fc}nch"));
    let body =
        json!({"status": "busy", "text": " at l\u{fc}nch ", "emoji": "\u{1f33f}", "expires_in_ms": 60_000});
    let (status, own) = put(&service, &ada.token, body).await;
    assert_eq!((status, &own["status"], &own["text"]), (StatusCode::OK, &json!("busy"), &lunch), "{own}");
    assert_eq!(seen(&service, &ada).await, [json!("busy"), lunch.clone(), json!("\u{1f33f}")]);
    put(&service, &ada.token, json!({"status": "away", "emoji": null})).await;
    assert_eq!(seen(&service, &ada).await, [json!("away"), lunch, null.clone()], "the text stays");
    put(&service, &ada.token, json!({"text": "back at two"})).await;
    assert_eq!(seen(&service, &ada).await, [json!("away"), json!("back at two"), null.clone()]);
    let (status, own) = put(&service, &ada.token, json!({"status": "online"})).await;
    assert_eq!((status, &own["status"], own.get("text")), (StatusCode::OK, &json!("online"), None));
    put(&service, &ada.token, json!({"status": "busy"})).await;
    for _ in 0..2 {
        let (status, own) = delete(&service, &ada.token, STATUS).await;
        assert_eq!((status, &own["status"]), (StatusCode::OK, &json!("online")));
    }
    assert_eq!(seen(&service, &ada).await, [json!("online"), null.clone(), null]);
    let (status, problem) = put(&service, &ada.token, json!({"text": "to what?"})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("conflict")));
}

#[tokio::test]
async fn wrong_wishes_are_refused_by_name() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    let eve = service.person("eve", Role::Admin).await;
    let cases = [
        (json!({"status": "offline"}), "/status"),
        (json!({"status": "gone"}), "/status"),
        (json!({"status": null}), "/status"),
        (json!({"status": "online", "text": "x"}), "/status"),
        (json!({"status": "busy", "text": "x".repeat(101)}), "/text"),
        (json!({"status": "busy", "text": "a\u{0}b"}), "/text"),
        (json!({"status": "busy", "emoji": "word"}), "/emoji"),
        (json!({"status": "busy", "expires_in_ms": 0}), "/expires_in_ms"),
        (json!({"status": "busy", "expires_in_ms": 40_000_000_000_i64}), "/expires_in_ms"),
        (json!({"status": "busy", "colour": "red"}), "/colour"),
    ];
    for (body, pointer) in cases {
        let (status, problem) = put(&service, &ada.token, body.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {problem}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }
    let path = format!("/api/users/admin/users/{}/set-online-status/", ada.id);
    for (body, pointer) in [
        (json!({"status": "gone"}), "/status"),
        (json!({"expires_in_ms": -1}), "/expires_in_ms"),
        (json!({"reason": "x".repeat(501)}), "/reason"),
    ] {
        let (status, problem) = service.post(&eve.token, &path, body.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {problem}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }
}

#[tokio::test]
async fn a_claim_is_kept_for_the_return_and_reaches_postgres_whoever_sees_it() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    let user = UserId::parse(&ada.id.to_string()).unwrap();
    let shard = service.app.store.keys().shard_of(&user);
    put(&service, &ada.token, json!({"status": "busy", "text": "deep work"})).await;
    let login = format!("login-{}", ada.id).parse().unwrap();
    service.app.store.end_login(&user, &rollcall::presence::Org::default(), &login).await.unwrap();
    assert_eq!(seen(&service, &ada).await[0], "offline");
    // Nobody sees this one: the user is offline.
    let eve = service.person("eve", Role::Admin).await;
    let path = format!("/api/users/admin/users/{}/set-online-status/", ada.id);
    let (status, said) = service.post(&eve.token, &path, json!({"status": "away", "reason": "absent"})).await;
    assert_eq!((status, &said["online_status"]), (StatusCode::OK, &json!("offline")), "{said}");
    copy(&service, shard).await;
    let rows = service.app.audit.claims_of_shard(shard, None, 10).await.unwrap();
    let kept: Vec<_> = rows
        .iter()
        .map(|row| (row.whose.as_str(), row.claim.status.as_str(), row.claim.text.as_str()))
        .collect();
    assert_eq!(kept, [("manual", "busy", "deep work"), ("admin", "away", "")]);
    let back = service.token(&ada.id.to_string(), "another");
    service.beat(&back, json!({})).await;
    assert_eq!(seen(&service, &ada).await[0], "away");
    let (status, said) = delete(&service, &eve.token, &path).await;
    assert_eq!((status, &said["online_status"]), (StatusCode::OK, &json!("busy")), "{said}");
    delete(&service, &back, STATUS).await;
    copy(&service, shard).await;
    assert_eq!(service.app.audit.claims_of_shard(shard, None, 10).await.unwrap(), []);
}

/// Copies what the shard's outbox holds, as the service's task does.
async fn copy(service: &Service, shard: u16) {
    let position = service.app.audit.position(shard).await.unwrap();
    let entries = service.app.store.entries(shard, position.n, 100).await.unwrap();
    service.app.audit.copy(shard, position, position.epoch, &entries).await.unwrap();
}

#[tokio::test]
async fn administrators_set_a_presence_as_existing_clients_ask_for_it() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    let ada = service.person("ada", Role::User).await;
    service.beat(&ada.token, json!({})).await;
    let path = format!("/api/users/admin/users/{}/set-online-status/", ada.id);
    // An empty body means offline, as it always has.
    let (status, said) = service.post(&eve.token, &path, json!({})).await;
    assert_eq!((status, &said["message"]), (StatusCode::OK, &json!("User online status updated to offline")));
    assert_eq!((&said["user_id"], &said["online_status"]), (&json!(ada.id), &json!("offline")));
    let (_, beat) = service.beat(&ada.token, json!({})).await;
    assert_eq!(beat["online_status"], "offline", "heartbeats change nothing");
    for shown in ["online", "away", "busy"] {
        service.post(&eve.token, &path, json!({"status": shown})).await;
        assert_eq!(seen(&service, &ada).await[0], shown);
    }
    service.post(&eve.token, &path, json!({"status": "invisible"})).await;
    assert_eq!(seen(&service, &ada).await[0], "offline");
    for role in [Role::User, Role::Moderator] {
        let other = service.person(role.as_str(), role).await;
        assert_eq!(service.post(&other.token, &path, json!({})).await.0, StatusCode::FORBIDDEN);
    }
    let missing = "/api/users/admin/users/4711/set-online-status/";
    assert_eq!(service.post(&eve.token, missing, json!({})).await.0, StatusCode::NOT_FOUND);
}
