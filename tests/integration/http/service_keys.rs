//! Service keys, and what a host application's servers do with them.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use rollcall::presence::Role;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::journeys::{eventually, ready};
use crate::support;
use crate::support::service::{Service, answer};

const KEYS: &str = "/api/admin/service-keys/";
const ACTIVITY: &str = "/api/presence/activity/";

async fn make(service: &Service, admin: &str, body: Value) -> (String, String) {
    let (status, made) = service.post(admin, KEYS, body).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    (made["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned())
}

async fn all_scopes(service: &Service, admin: &str) -> String {
    make(service, admin, json!({"name": "host", "scopes": ["activity:write", "presence:read"]})).await.1
}

async fn revoke(service: &Service, admin: &str, id: &str) -> (StatusCode, Value) {
    answer(service.request(Method::DELETE, &format!("{KEYS}{id}/")).bearer_auth(admin)).await
}

async fn report(service: &Service, key: &str, users: Value) -> Value {
    let (status, answer) = service.post(key, ACTIVITY, json!({"users": users})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer
}

#[tokio::test]
async fn a_key_is_shown_once_recorded_and_taken_back() {
    let database = support::database_url().await;
    let service = Service::on(&support::stack().redis_url(), &database, &[]).await;
    let eve = service.person("eve", Role::Admin).await.token;
    let body = json!({"name": "shop", "scopes": ["stats:read", "activity:write", "stats:read"], "expires_in_ms": 600_000});
    let (id, key) = make(&service, &eve, body).await;
    let (_, listed) = service.get(&eve, KEYS).await;
    let row = &listed["results"][0];
    assert_eq!(
        (&row["id"], &row["name"], &row["scopes"]),
        (&json!(id), &json!("shop"), &json!(["activity:write", "stats:read"]))
    );
    let owner = PgPool::connect(&database).await.unwrap();
    let secret = &key["rc_sk_".len() + id.len() + 1..];
    let everything: String = sqlx::query_scalar(
        "SELECT (SELECT string_agg(k::text, '') FROM service_keys k) || (SELECT string_agg(a::text, '') FROM admin_actions a)",
    )
    .fetch_one(&owner)
    .await
    .unwrap();
    assert!(!listed.to_string().contains(secret) && !everything.contains(secret));
    assert_eq!(service.get(&key, "/api/presence/stats/").await.0, StatusCode::OK);
    for _ in 0..2 {
        let (status, row) = revoke(&service, &eve, &id).await;
        assert_eq!(status, StatusCode::OK);
        assert!(row["revoked_at"].is_string());
    }
    let (status, problem) = service.get(&key, "/api/presence/stats/").await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("token_invalid")));
    let actions: Vec<String> =
        sqlx::query_scalar("SELECT action FROM admin_actions WHERE target_id = $1 ORDER BY occurred_at")
            .bind(&id)
            .fetch_all(&owner)
            .await
            .unwrap();
    assert_eq!(actions, ["SERVICE_KEY_CREATED", "SERVICE_KEY_REVOKED"]);
}

#[tokio::test]
async fn keys_are_made_whole_and_by_administrators_only() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await.token;
    let (id, _) = make(&service, &eve, json!({"name": "shop", "scopes": ["stats:read"]})).await;
    assert_eq!(revoke(&service, &eve, "nobodyskeyid").await.0, StatusCode::NOT_FOUND);
    for bad in [
        json!({"name": "", "scopes": ["stats:read"]}),
        json!({"name": "x", "scopes": []}),
        json!({"name": "x", "scopes": ["root"]}),
        json!({"name": "x", "scopes": ["stats:read"], "expires_in_ms": 0}),
        json!({"name": "x", "scopes": ["stats:read"], "org": "two words"}),
    ] {
        assert_eq!(service.post(&eve, KEYS, bad.clone()).await.0, StatusCode::BAD_REQUEST, "{bad}");
    }
    for role in [Role::User, Role::Moderator] {
        let other = service.person(role.as_str(), role).await.token;
        let body = json!({"name": "x", "scopes": ["stats:read"]});
        assert_eq!(service.post(&other, KEYS, body).await.0, StatusCode::FORBIDDEN);
        assert_eq!(service.get(&other, KEYS).await.0, StatusCode::FORBIDDEN);
        assert_eq!(revoke(&service, &other, &id).await.0, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say_and_nothing_else() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await.token;
    let mut keys = Vec::new();
    for scope in ["activity:write", "presence:read", "stats:read"] {
        keys.push(make(&service, &eve, json!({"name": scope, "scopes": [scope]})).await.1);
    }
    // Which of the three may do it.
    for (method, path, body, allowed) in [
        (Method::POST, ACTIVITY, json!({"users": []}), [true, false, false]),
        (Method::POST, "/api/presence/query/", json!({"users": ["1"]}), [false, true, false]),
        (Method::GET, "/api/presence/users/1/", Value::Null, [false, true, false]),
        (Method::GET, "/api/presence/online/", Value::Null, [false, true, false]),
        (Method::GET, "/api/presence/stats/", Value::Null, [false, true, true]),
    ] {
        for (key, allowed) in keys.iter().zip(allowed) {
            let request = service.request(method.clone(), path).bearer_auth(key);
            let request = if body.is_null() { request } else { request.json(&body) };
            let expected = if allowed { StatusCode::OK } else { StatusCode::FORBIDDEN };
            assert_eq!(answer(request).await.0, expected, "{path}");
        }
    }
    // Elsewhere a key is no token; and a token is no key.
    for key in &keys {
        for path in ["/api/auth/me/", "/api/users/all-users/", "/api/admin/audit-logs/", KEYS] {
            assert_eq!(service.get(key, path).await.0, StatusCode::UNAUTHORIZED, "{path}");
        }
        let reveal = service.get(key, "/api/presence/users/1/?reason=curious").await.0;
        assert!(reveal == StatusCode::FORBIDDEN, "{reveal}");
    }
    assert_eq!(service.post(&eve, ACTIVITY, json!({"users": []})).await.0, StatusCode::FORBIDDEN);
    // The id of one with the secret of another.
    let forged = format!("{}{}", &keys[0][..19], &keys[1][19..]);
    for bad in [forged.as_str(), "rc_sk_", "rc_sk_abcdefghijkl_x"] {
        assert_eq!(service.post(bad, ACTIVITY, json!({"users": []})).await.0, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn every_request_keeps_a_hosts_people_online() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    let ada = service.person("ada", Role::User).await;
    let key = all_scopes(&service, &eve.token).await;
    let banned = service.person("bob", Role::User).await;
    let ban = format!("/api/users/admin/users/{}/ban/", banned.id);
    assert_eq!(service.post(&eve.token, &ban, json!({})).await.0, StatusCode::OK);
    let said = report(
        &service,
        &key,
        json!([
            {"id": ada.id.to_string(), "device": "mobile"},
            {"id": "shop~ann", "org": "shops", "session": "s1"},
            {"id": banned.id.to_string()},
            {"id": "shop~idle", "idle_ms": 400_000},
            {"id": "shop~gone", "idle_ms": 3_600_000},
            {"id": "4711"},
            {"id": "no such id"},
            {"id": "nobody"},
            {"id": "shop~x", "org": "two words"},
            {"id": "shop~x", "device": "toaster"},
        ]),
    )
    .await;
    let results = said["results"].as_array().unwrap();
    let short: Vec<_> =
        results.iter().map(|row| row["online_status"].as_str().or(row["code"].as_str()).unwrap()).collect();
    assert_eq!(
        short,
        [
            "online",
            "online",
            "account_banned",
            "away",
            "offline",
            "not_found",
            "invalid_value",
            "invalid_value",
            "invalid_value",
            "invalid_value"
        ]
    );
    assert_eq!(
        (&said["accepted"], &said["ttl_ms"], &results[1]["id"]),
        (&json!(4), &json!(120_000), &json!("shop~ann"))
    );
    let (_, online) = service.get(&key, "/api/presence/online/?org=shops").await;
    assert_eq!(online["results"][0]["user_id"], "shop~ann", "{online}");
}

#[tokio::test]
async fn a_report_is_a_sign_of_life_of_one_session() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    let ada = service.person("ada", Role::User).await;
    let key = all_scopes(&service, &eve.token).await;
    // The second time by the fast path: the same session, no second one.
    for _ in 0..2 {
        let people =
            json!([{"id": ada.id.to_string(), "device": "mobile"}, {"id": "shop~ann", "session": "s1"}]);
        assert_eq!(report(&service, &key, people).await["accepted"], 2);
    }
    let (_, explained) = service.get(&eve.token, "/api/presence/users/shop~ann/explain/").await;
    assert_eq!(explained["sessions"].as_array().unwrap().len(), 1, "{explained}");
    assert_eq!(explained["sessions"][0]["id"], "s1.0");
    let (_, explained) = service.get(&eve.token, &format!("/api/presence/users/{}/explain/", ada.id)).await;
    assert_eq!(
        (&explained["sessions"][0]["id"], &explained["sessions"][0]["device"]),
        (&json!("srv.0"), &json!("mobile"))
    );
    let too_many: Vec<_> = (0..1_001).map(|id| json!({"id": format!("shop~{id}")})).collect();
    let (status, _) = service.post(&key, ACTIVITY, json!({"users": too_many})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    // A whole thousand with long names is more than an ordinary body may hold.
    let many: Vec<_> = (0..1_000).map(|id| json!({"id": format!("shop~{}{id}", "x".repeat(100))})).collect();
    assert_eq!(report(&service, &key, json!(many)).await["accepted"], 1_000);
}

#[tokio::test]
async fn a_key_of_one_organisation_reaches_nobody_of_another() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    let ada = service.person("ada", Role::User).await;
    let body = json!({"name": "a", "scopes": ["activity:write", "presence:read"], "org": "shops"});
    let (_, key) = make(&service, &eve.token, body).await;
    let everywhere = all_scopes(&service, &eve.token).await;
    report(&service, &everywhere, json!([{"id": "club~joe", "org": "clubs"}])).await;
    let said = report(&service, &key, json!([
        {"id": "shop~ann"}, {"id": "shop~bob", "org": "clubs"}, {"id": ada.id.to_string()}, {"id": "club~joe"},
    ]))
    .await;
    let codes: Vec<_> = said["results"].as_array().unwrap().iter().map(|row| row["code"].clone()).collect();
    assert_eq!(codes, [Value::Null, json!("forbidden"), json!("forbidden"), json!("forbidden")]);
    let (_, seen) =
        service.post(&key, "/api/presence/query/", json!({"users": ["shop~ann", "club~joe"]})).await;
    assert_eq!(
        (&seen["results"][0]["status"], &seen["results"][1]["status"]),
        (&json!("online"), &json!("offline"))
    );
    let (_, online) = service.get(&key, "/api/presence/online/").await;
    assert_eq!(online["results"].as_array().unwrap().len(), 1);
    assert_eq!(service.get(&key, "/api/presence/online/?org=clubs").await.0, StatusCode::FORBIDDEN);
    assert_eq!(service.get(&key, "/api/presence/stats/").await.1["online"], 1);
    let (_, online) = service.get(&everywhere, "/api/presence/online/").await;
    assert!(online["results"].as_array().unwrap().len() >= 2, "{online}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_end_on_every_node_and_outlive_postgres() {
    let stack = support::private_stack(|_| ());
    let database = support::migrated(&stack).await;
    let (one, two) = (
        Service::node(&stack.redis_url(), &database, "rc", &[]).await,
        Service::node(&stack.redis_url(), &database, "rc", &[]).await,
    );
    ready(&one).await;
    ready(&two).await;
    let eve = one.person("eve", Role::Admin).await.token;
    let (id, key) = make(&one, &eve, json!({"name": "a", "scopes": ["activity:write"]})).await;
    let (_, kept) = make(&one, &eve, json!({"name": "b", "scopes": ["activity:write"]})).await;
    let at = async |node: &Service, key: &str| {
        node.post(key, ACTIVITY, json!({"users": [{"id": "shop~ann"}]})).await.0
    };
    eventually("a key made on one node is good on the other", Duration::from_secs(3), async || {
        (at(&two, &key).await == StatusCode::OK).then_some(())
    })
    .await;
    assert_eq!(revoke(&one, &eve, &id).await.0, StatusCode::OK);
    assert_eq!(at(&one, &key).await, StatusCode::UNAUTHORIZED);
    eventually("it ends on the other", Duration::from_secs(5), async || {
        (at(&two, &key).await == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await;
    assert_eq!(at(&two, &kept).await, StatusCode::OK);
    stack.postgres().kill();
    let since = std::time::Instant::now();
    eventually(
        "postgres has been away for longer than keys are fresh",
        Duration::from_secs(20),
        async || {
            let asked = std::time::Instant::now();
            assert_eq!(at(&two, &kept).await, StatusCode::OK);
            assert!(asked.elapsed() < Duration::from_secs(2), "it waits for postgres");
            (since.elapsed() > Duration::from_secs(7)).then_some(())
        },
    )
    .await;
    one.stop().await;
    two.stop().await;
}
