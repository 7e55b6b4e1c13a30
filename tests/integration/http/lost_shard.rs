//! Redis answers, but a shard has lost its data, or a record its form: nobody is judged, counted or let in by that.

use reqwest::{Method, StatusCode};
use rollcall::presence::{Role, UserId};
use serde_json::{Value, json};

use crate::support::redis_command;
use crate::support::service::{Person, Service, answer};

#[tokio::test]
async fn until_a_shard_is_restored_its_users_wait_and_nobody_reads_as_offline() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    service.log_in("eve").await;
    for shard in 0..service.app.store.keys().shards() {
        redis_command(&format!("DEL {}", service.app.store.keys().meta(shard))).await;
    }
    let cases = [
        (Method::GET, "/api/auth/me/", json!({})),
        (Method::GET, "/api/presence/transitions/", json!({})),
        (Method::GET, "/api/presence/stats/", json!({})),
        (Method::POST, "/api/presence/query/", json!({"users": [eve.id.to_string()]})),
        (Method::GET, "/api/users/all-users/", json!({})),
        (Method::GET, "/api/users/admin/users/online/", json!({})),
        (Method::POST, "/api/auth/verify/", json!({"token": eve.token})),
    ];
    for (method, path, body) in cases {
        let response =
            service.request(method, path).bearer_auth(&eve.token).json(&body).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(response.headers()["retry-after"], "1", "{path}");
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["code"], "restoring", "{path}");
    }
}

#[tokio::test]
async fn a_caller_whom_redis_cannot_judge_is_not_let_in() {
    let service = Service::start().await;
    let Person { id, token, .. } = service.person("ada", Role::User).await;
    let record = service.app.store.keys().record(&UserId::parse(&id.to_string()).unwrap());
    redis_command(&format!("HSET {record} {id} damaged")).await;
    let request = service.request(Method::GET, "/api/auth/me/").bearer_auth(&token);
    let (status, problem) = answer(request).await;
    assert_eq!((status, &problem["code"]), (StatusCode::INTERNAL_SERVER_ERROR, &json!("internal")));
}
