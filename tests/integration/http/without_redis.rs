//! What goes on while Redis is away, and what says so.

use reqwest::{Method, StatusCode};
use rollcall::accounts::AccountId;
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
    let bob = service.person("bob", Role::User).await;
    let login = service.log_in("bob").await;
    let bobs = login["tokens"]["access"].as_str().unwrap();
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
    let logins = async |id: i64| service.app.accounts.sessions(AccountId(id)).await.unwrap().len();
    assert_eq!(logins(ada.id).await, 0, "a login that was refused left something behind");
    // Nobody can say whether this login is still good, so it may not end others; it may end itself.
    let (status, _) = service.post(bobs, "/api/auth/logout-all-devices/", json!({})).await;
    assert_eq!((status, logins(bob.id).await), (StatusCode::SERVICE_UNAVAILABLE, 1));
    let (status, _) = service.post(bobs, "/api/auth/logout/", json!({})).await;
    assert_eq!((status, logins(bob.id).await), (StatusCode::SERVICE_UNAVAILABLE, 0));
}
