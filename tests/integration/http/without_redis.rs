//! What goes on while Redis is away, and what says so.

use reqwest::{Method, StatusCode};
use rollcall::audit::migrate;
use rollcall::presence::Role;
use serde_json::json;

use crate::support;
use crate::support::service::{PASSWORD, Service};

#[tokio::test]
async fn what_reads_only_postgres_is_served_on_the_token_alone() {
    let stack = support::private_stack(|_| ());
    migrate(&stack.database_url().into()).await.unwrap();
    let service = Service::on(&stack.redis_url(), &stack.database_url(), &[]).await;
    let ada = service.person("ada", Role::Admin).await;
    stack.redis().kill();
    for path in ["/api/auth/me/", "/api/presence/transitions/"] {
        let (status, answer) = service.get(&ada.token, path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
    }
    let login = json!({"username": "ada", "password": PASSWORD});
    let cases = [
        (Method::POST, "/api/users/heartbeat/", json!({})),
        (Method::GET, "/api/users/heartbeat/", json!({})),
        (Method::POST, "/api/auth/login/", login),
        (Method::GET, "/api/presence/stats/", json!({})),
        (Method::POST, "/api/presence/query/", json!({"users": ["1"]})),
        (Method::GET, "/api/users/all-users/", json!({})),
        (Method::GET, "/api/users/admin/users/online/", json!({})),
    ];
    for (method, path, body) in cases {
        let request = service.request(method, path).bearer_auth(&ada.token).json(&body);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(response.headers().contains_key("retry-after"), "{path}");
        let problem: serde_json::Value = response.json().await.unwrap();
        assert_eq!(problem["code"], "store_unavailable", "{path}");
    }
    // A login that was refused left nothing behind.
    let account = service.app.accounts.all().await.unwrap().pop().unwrap();
    assert_eq!(service.app.accounts.sessions(account.id).await.unwrap(), []);
}
