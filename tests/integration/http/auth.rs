//! `/api/auth/`: accounts and tokens.

use reqwest::{Method, StatusCode};
use rollcall::accounts::AccountStatus;
use rollcall::presence::Role;
use serde_json::{Value, json};

use crate::support::service::{PASSWORD, Service, is_time};

fn access(answer: &Value) -> &str {
    answer["tokens"]["access"].as_str().unwrap()
}

fn refresh(answer: &Value) -> &str {
    answer["tokens"]["refresh"].as_str().unwrap()
}

#[tokio::test]
async fn a_login_answers_the_whole_person_and_makes_them_online() {
    let service = Service::start().await;
    service.person("ada", Role::Admin).await;
    let answer = service.log_in("ada").await;
    let user = &answer["user"];
    let names: Vec<&str> = user.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "avatar",
            "bio",
            "created_at",
            "display_status",
            "email",
            "email_verified",
            "first_name",
            "full_name",
            "id",
            "is_active",
            "is_approved",
            "is_online",
            "join_date",
            "last_name",
            "last_seen",
            "message_count",
            "online_status",
            "report_count",
            "role",
            "status",
            "updated_at",
            "username"
        ]
    );
    assert!(user["id"].is_i64());
    assert_eq!(user["full_name"], "First Last");
    assert_eq!(user["online_status"], "online");
    assert_eq!(user["role"], "admin");
    assert!(is_time(&user["last_seen"]) && is_time(&user["created_at"]), "{user}");
    let (status, me) = service.get(access(&answer), "/api/auth/me/").await;
    assert_eq!((status, &me["online_status"]), (StatusCode::OK, &json!("online")));
}

#[tokio::test]
async fn the_address_is_good_to_log_in_with() {
    let service = Service::start().await;
    service.person("ada", Role::User).await;
    service.log_in(" ADA@example.com ").await;
}

#[tokio::test]
async fn wrong_name_and_wrong_password_are_answered_alike() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    let attempt = async |name: &str, password: &str| {
        let body = json!({"username": name, "password": password});
        let (status, mut answer) = service.send(Method::POST, "/api/auth/login/", body).await;
        answer.as_object_mut().unwrap().remove("request_id");
        (status, answer)
    };
    let wrong = attempt("ada", "wrong password").await;
    assert_eq!(wrong, attempt("nobody", "wrong password").await);
    assert_eq!(wrong.0, StatusCode::UNAUTHORIZED);
    assert_eq!(
        (&wrong.1["code"], &wrong.1["error"]),
        (&json!("bad_credentials"), &json!("Invalid credentials"))
    );
    let (_, me) = service
        .get(
            &service.person("eve", Role::Moderator).await.token,
            &format!("/api/users/admin/users/{}/", ada.id),
        )
        .await;
    assert_eq!(me["online_status"], "offline");
}

#[tokio::test]
async fn those_who_may_not_be_online_are_told_why() {
    let service = Service::start().await;
    let cases = [
        (AccountStatus::Pending, "account_pending"),
        (AccountStatus::Suspended, "account_suspended"),
        (AccountStatus::Banned, "account_banned"),
    ];
    for (status, code) in cases {
        service.person_of(code, Role::User, "main", status).await;
        let body = json!({"username": code, "password": PASSWORD});
        let (status, answer) = service.send(Method::POST, "/api/auth/login/", body).await;
        assert_eq!((status, &answer["code"]), (StatusCode::FORBIDDEN, &json!(code)));
        // With a wrong password nobody learns of the gate.
        let body = json!({"username": code, "password": "wrong password"});
        let (_, answer) = service.send(Method::POST, "/api/auth/login/", body).await;
        assert_eq!(answer["code"], "bad_credentials");
    }
}

#[tokio::test]
async fn registering_gives_tokens_but_is_no_sign_of_life() {
    let service = Service::start().await;
    let body = json!({"username": "ada lovelace", "password": PASSWORD});
    let (status, answer) = service.send(Method::POST, "/api/auth/register/", body.clone()).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    assert_eq!(answer["user"]["email"], "ada+lovelace@offchat.local");
    assert_eq!(answer["user"]["online_status"], "offline");
    let (_, stats) = service.get(access(&service.log_in("ada lovelace").await), "/api/presence/stats/").await;
    assert_eq!(stats["users"], 1);
    let (status, answer) = service.send(Method::POST, "/api/auth/register/", body).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!((&answer["code"], &answer["error"]), (&json!("conflict"), &json!("Username already exists")));
}

#[tokio::test]
async fn tokens_of_those_who_wait_for_approval_are_good_for_nothing() {
    let service = Service::with(&["--auth-registration", "approval"]).await;
    let body = json!({"username": "ada", "email": "ada@example.com", "password": PASSWORD});
    let (status, answer) = service.send(Method::POST, "/api/auth/register/", body).await;
    assert_eq!((status, &answer["user"]["status"]), (StatusCode::CREATED, &json!("pending")));
    for path in ["/api/auth/me/", "/api/users/heartbeat/"] {
        let (status, answer) = service.get(access(&answer), path).await;
        assert_eq!((status, &answer["code"]), (StatusCode::FORBIDDEN, &json!("account_pending")), "{path}");
    }
    let body = json!({"refresh": refresh(&answer)});
    let (status, _) = service.send(Method::POST, "/api/auth/refresh/", body).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn registration_can_be_closed() {
    let service = Service::with(&["--auth-registration", "closed"]).await;
    let body = json!({"username": "ada", "password": PASSWORD});
    let (status, answer) = service.send(Method::POST, "/api/auth/register/", body).await;
    assert_eq!((status, &answer["code"]), (StatusCode::FORBIDDEN, &json!("forbidden")));
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_ends_the_login_when_it_comes_back() {
    let service = Service::start().await;
    service.person("ada", Role::User).await;
    let first = service.log_in("ada").await;
    let renew = async |token: &str| {
        service.send(Method::POST, "/api/auth/refresh/", json!({ "refresh": token })).await
    };
    let (status, second) = renew(refresh(&first)).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = renew(second["refresh"].as_str().unwrap()).await;
    assert_eq!(status, StatusCode::OK);
    let (status, answer) = renew(refresh(&first)).await;
    assert_eq!((status, &answer["code"]), (StatusCode::UNAUTHORIZED, &json!("login_ended")));
    // Not only its refresh tokens: its access tokens and sessions, too.
    let (status, answer) = service.get(second["access"].as_str().unwrap(), "/api/users/heartbeat/").await;
    assert_eq!((status, &answer["code"]), (StatusCode::UNAUTHORIZED, &json!("login_ended")));
}

#[tokio::test]
async fn where_tokens_are_fixed_the_first_refresh_token_stays_good() {
    let service = Service::with(&["--auth-refresh-rotation", "fixed"]).await;
    service.person("ada", Role::User).await;
    let first = service.log_in("ada").await;
    for _ in 0..3 {
        let body = json!({"refresh": refresh(&first)});
        let (status, answer) = service.send(Method::POST, "/api/auth/refresh/", body).await;
        assert_eq!((status, &answer["refresh"]), (StatusCode::OK, &first["tokens"]["refresh"]));
    }
}

#[tokio::test]
async fn verify_tells_good_tokens_from_ended_ones() {
    let service = Service::start().await;
    service.person("ada", Role::User).await;
    let answer = service.log_in("ada").await;
    let body = json!({"token": access(&answer)});
    let (status, empty) = service.send(Method::POST, "/api/auth/verify/", body.clone()).await;
    assert_eq!((status, empty), (StatusCode::OK, json!({})));
    service.post(access(&answer), "/api/auth/logout/", json!({})).await;
    let (status, answer) = service.send(Method::POST, "/api/auth/verify/", body).await;
    assert_eq!((status, &answer["code"]), (StatusCode::UNAUTHORIZED, &json!("login_ended")));
}

#[tokio::test]
async fn a_logout_ends_this_login_at_once_and_no_other() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Moderator).await;
    let ada = service.person("ada", Role::User).await;
    let (here, there) = (service.log_in("ada").await, service.log_in("ada").await);
    // A heartbeat may send a body or none, with or without its type; so may this.
    let (status, answer) =
        service.post(access(&here), "/api/auth/logout", json!({"refresh_token": "x"})).await;
    assert_eq!((status, answer), (StatusCode::OK, json!({"message": "Logout successful"})));
    for path in ["/api/auth/me/", "/api/users/heartbeat/"] {
        let (status, answer) = service.get(access(&here), path).await;
        assert_eq!((status, &answer["code"]), (StatusCode::UNAUTHORIZED, &json!("login_ended")), "{path}");
    }
    let (status, _) =
        service.send(Method::POST, "/api/auth/refresh/", json!({"refresh": refresh(&here)})).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let status_path = format!("/api/users/admin/users/{}/online-status/", ada.id);
    assert_eq!(service.get(&eve.token, &status_path).await.1["online_status"], "online");
    service.post(access(&there), "/api/auth/logout/", json!({})).await;
    assert_eq!(service.get(&eve.token, &status_path).await.1["online_status"], "offline");
}

#[tokio::test]
async fn a_logout_everywhere_ends_every_login() {
    let service = Service::start().await;
    service.person("ada", Role::User).await;
    let (here, there) = (service.log_in("ada").await, service.log_in("ada").await);
    let (status, answer) = service.post(access(&here), "/api/auth/logout-all-devices/", json!({})).await;
    assert_eq!((status, answer), (StatusCode::OK, json!({"message": "Logged out from all devices"})));
    for login in [&here, &there] {
        let (status, answer) = service.post(access(login), "/api/users/heartbeat/", json!({})).await;
        assert_eq!((status, &answer["code"]), (StatusCode::UNAUTHORIZED, &json!("login_ended")));
        // An ended login cannot end the next one.
        let (status, _) = service.post(access(login), "/api/auth/logout-all-devices/", json!({})).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    let again = service.log_in("ada").await;
    assert_eq!(service.get(access(&again), "/api/auth/me/").await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_profile_has_three_addresses() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    for path in ["/api/auth/me/", "/api/auth/profile/", "/api/users/profile/", "/api/users/profile"] {
        let (status, answer) = service.get(&ada.token, path).await;
        assert_eq!((status, &answer["username"]), (StatusCode::OK, &json!(ada.name)), "{path}");
        // The request itself is a sign of life.
        assert_eq!(answer["online_status"], "online", "{path}");
    }
}
