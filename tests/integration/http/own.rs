//! One's own account: `/api/auth/me/` and its like, `/api/auth/password/`, `/api/auth/password/reset/`.

use reqwest::{Method, StatusCode};
use rollcall::accounts::AccountId;
use rollcall::presence::{Role, UserId};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support;
use crate::support::service::{PASSWORD, Person, Service, answer, is_time};

const NEW: &str = "battery staple";

/// A service, and a look into its database.
async fn fixture() -> (Service, PgPool) {
    let database = support::database_url().await;
    let service = Service::on(&support::stack().redis_url(), &database, &[]).await;
    (service, PgPool::connect(&database).await.unwrap())
}

async fn attempt(service: &Service, name: &str, password: &str) -> (StatusCode, Value) {
    let body = json!({"username": name, "password": password});
    service.send(Method::POST, "/api/auth/login/", body).await
}

async fn change(
    service: &Service,
    token: &str,
    method: Method,
    path: &str,
    body: Value,
) -> (StatusCode, Value) {
    answer(service.request(method, path).bearer_auth(token).json(&body)).await
}

async fn actions(pool: &PgPool, name: &str) -> Vec<(Option<String>, Option<Value>)> {
    let rows =
        sqlx::query_as("SELECT actor, after FROM admin_actions WHERE action = $1 ORDER BY occurred_at");
    rows.bind(name).fetch_all(pool).await.unwrap()
}

fn access(login: &Value) -> &str {
    login["tokens"]["access"].as_str().unwrap()
}

#[tokio::test]
async fn the_profile_is_changed_in_parts_and_its_change_recorded_without_what_it_says() {
    let (service, pool) = fixture().await;
    let ada = service.person("ada", Role::User).await;
    service.person("bob", Role::User).await;
    sqlx::query("UPDATE users SET email_verified = true").execute(&pool).await.unwrap();
    // As existing clients send it: with a name that stays what it is, and passwords that say nothing.
    let body = json!({"username": "eve", "first_name": " Ada ", "last_name": "Lovelace", "bio": "Counts.\nA lot.",
        "current_password": "", "new_password": ""});
    let (status, me) = change(&service, &ada.token, Method::PUT, "/api/users/profile/", body).await;
    assert_eq!(status, StatusCode::OK, "{me}");
    assert_eq!((&me["username"], &me["full_name"]), (&json!("ada"), &json!("Ada Lovelace")));
    assert_eq!((&me["bio"], &me["email_verified"]), (&json!("Counts.\nA lot."), &json!(true)));
    let (_, me) =
        change(&service, &ada.token, Method::PATCH, "/api/auth/me/", json!({"email": "Ada@Example.org"}))
            .await;
    assert_eq!((&me["email"], &me["email_verified"]), (&json!("Ada@Example.org"), &json!(false)));
    assert_eq!(me["first_name"], "Ada", "what is absent stays");
    assert_eq!(attempt(&service, "ada@example.org", PASSWORD).await.0, StatusCode::OK);
    let (status, _) = change(&service, &ada.token, Method::PUT, "/api/auth/profile/", json!({})).await;
    assert_eq!(status, StatusCode::OK);
    let changed = |names: &[&str]| (Some(ada.id.to_string()), Some(json!({ "changed": names })));
    assert_eq!(
        actions(&pool, "PROFILE_CHANGED").await,
        [changed(&["first_name", "last_name", "bio"]), changed(&["email"])]
    );
    for (body, pointer) in [
        (json!({"first_name": "x".repeat(151)}), "/first_name"),
        (json!({"bio": "x".repeat(501)}), "/bio"),
        (json!({"email": "nobody"}), "/email"),
        (json!({"role": "admin"}), "/role"),
        (json!({"status": "active"}), "/status"),
    ] {
        let (status, problem) = change(&service, &ada.token, Method::PATCH, "/api/auth/me/", body).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!(pointer)));
    }
    let body = json!({"email": "BOB@example.com"});
    let (status, problem) = change(&service, &ada.token, Method::PATCH, "/api/auth/me/", body).await;
    assert_eq!((status, &problem["error"]), (StatusCode::CONFLICT, &json!("Email already exists")));
}

#[tokio::test]
async fn a_new_password_ends_all_other_logins_and_keeps_this_one() {
    let (service, pool) = fixture().await;
    service.person("ada", Role::User).await;
    let (here, there) = (service.log_in("ada").await, service.log_in("ada").await);
    let body = json!({"current_password": PASSWORD, "new_password": NEW});
    let (status, said) = service.post(access(&here), "/api/auth/password/", body).await;
    assert_eq!((status, said), (StatusCode::OK, json!({"message": "Password changed", "in_effect": true})));
    assert_eq!(service.beat(access(&here), json!({})).await.0, StatusCode::OK);
    let (status, problem) = service.beat(access(&there), json!({})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("login_ended")));
    for (login, expected) in [(&here, StatusCode::OK), (&there, StatusCode::UNAUTHORIZED)] {
        let body = json!({"refresh": login["tokens"]["refresh"]});
        assert_eq!(service.send(Method::POST, "/api/auth/refresh/", body).await.0, expected);
    }
    assert_eq!(attempt(&service, "ada", PASSWORD).await.1["code"], "bad_credentials");
    assert_eq!(attempt(&service, "ada", NEW).await.0, StatusCode::OK);
    assert_eq!(actions(&pool, "PASSWORD_CHANGED").await.len(), 1);
    // The same in the words of existing clients.
    let body = json!({"first_name": "Ada", "current_password": NEW, "new_password": PASSWORD});
    let (status, me) = change(&service, access(&here), Method::PUT, "/api/users/profile/", body).await;
    assert_eq!((status, &me["first_name"]), (StatusCode::OK, &json!("Ada")));
    assert_eq!(attempt(&service, "ada", PASSWORD).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_new_password_needs_the_present_one_and_is_hard_to_guess() {
    let (service, pool) = fixture().await;
    let ada = service.person("adalovelace", Role::User).await;
    let wrong = "Current password is incorrect.";
    for (present, new, pointer, words) in [
        ("wrong password", NEW, "/current_password", wrong),
        ("", NEW, "/current_password", wrong),
        (PASSWORD, "short", "/new_password", "Password must be 8-128 characters"),
        (PASSWORD, PASSWORD, "/new_password", "The new password is the present one."),
        (PASSWORD, "Password123", "/new_password", "This password is too easy to guess."),
        (PASSWORD, "AdaLovelace", "/new_password", "This password is too easy to guess."),
    ] {
        let body = json!({"current_password": present, "new_password": new});
        for (method, path) in [(Method::POST, "/api/auth/password/"), (Method::PUT, "/api/users/profile/")] {
            let (status, problem) = change(&service, &ada.token, method, path, body.clone()).await;
            assert_eq!(
                (status, &problem["errors"][0]["pointer"], &problem["error"]),
                (StatusCode::BAD_REQUEST, &json!(pointer), &json!(words)),
                "{body}"
            );
        }
    }
    let (status, problem) =
        service.post(&ada.token, "/api/auth/password/", json!({"new_password": NEW})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
    assert_eq!(actions(&pool, "IDENTITY_REFUSED").await.len(), 4, "each wrong password is recorded");
    assert_eq!(attempt(&service, "adalovelace", PASSWORD).await.0, StatusCode::OK);
}

#[tokio::test]
async fn of_two_changes_with_the_same_password_one_succeeds() {
    let (service, _) = fixture().await;
    let ada = service.person("ada", Role::User).await;
    let set = async |new: &str| {
        let body = json!({"current_password": PASSWORD, "new_password": new});
        service.post(&ada.token, "/api/auth/password/", body).await.0
    };
    let (first, second) = tokio::join!(set("the first of two"), set("the second of two"));
    let done = [first, second].iter().filter(|status| **status == StatusCode::OK).count();
    assert_eq!(done, 1, "{first} {second}");
    let winner = if first == StatusCode::OK { "the first of two" } else { "the second of two" };
    assert_eq!(attempt(&service, "ada", winner).await.0, StatusCode::OK);
}

async fn link(service: &Service, by: &Person, id: i64) -> (StatusCode, Value) {
    service.post(&by.token, &format!("/api/users/admin/users/{id}/reset-link/"), json!({})).await
}

async fn set(service: &Service, token: &Value, new: &str) -> (StatusCode, Value) {
    let body = json!({"token": token, "new_password": new});
    service.send(Method::POST, "/api/auth/password/reset/", body).await
}

#[tokio::test]
async fn a_link_sets_a_password_once_and_ends_all_logins() {
    let (service, pool) = fixture().await;
    let eve = service.person("eve", Role::Admin).await;
    let ada = service.person("ada", Role::User).await;
    let login = service.log_in("ada").await;
    let (status, older) = link(&service, &eve, ada.id).await;
    assert!(status == StatusCode::OK && is_time(&older["expires_at"]), "{older}");
    let (_, newer) = link(&service, &eve, ada.id).await;
    let over = |(status, problem): (StatusCode, Value)| {
        assert_eq!((status, &problem["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!("/token")));
    };
    over(set(&service, &older["token"], NEW).await);
    over(set(&service, &json!("pr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), NEW).await);
    let (status, problem) = set(&service, &newer["token"], "password123").await;
    assert_eq!(
        (status, &problem["errors"][0]["pointer"]),
        (StatusCode::BAD_REQUEST, &json!("/new_password"))
    );
    let tries = (0..4).map(|number| {
        let service = &service;
        let token = &newer["token"];
        async move { set(service, token, &format!("{NEW} {number}")).await.0 }
    });
    let answers = futures::future::join_all(tries).await;
    assert_eq!(answers.iter().filter(|status| **status == StatusCode::OK).count(), 1, "{answers:?}");
    let winner = answers.iter().position(|status| *status == StatusCode::OK).unwrap();
    assert_eq!(service.beat(access(&login), json!({})).await.1["code"], "login_ended");
    assert_eq!(attempt(&service, "ada", PASSWORD).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(attempt(&service, "ada", &format!("{NEW} {winner}")).await.0, StatusCode::OK);
    over(set(&service, &newer["token"], NEW).await);
    let made = actions(&pool, "RESET_LINK_CREATED").await;
    assert_eq!((made.len(), &made[0].0), (2, &Some(eve.id.to_string())));
    assert_eq!(actions(&pool, "PASSWORD_RESET").await, [(Some(ada.id.to_string()), None)]);
    let user = UserId::parse(&ada.id.to_string()).unwrap();
    assert!(service.app.store.views(&[user]).await.unwrap()[0].is_some());
}

#[tokio::test]
async fn a_link_ends_with_its_time_and_with_any_new_password() {
    let (service, pool) = fixture().await;
    let eve = service.person("eve", Role::Admin).await;
    let ada = service.person("ada", Role::User).await;
    let (_, late) = link(&service, &eve, ada.id).await;
    sqlx::query("UPDATE reset_links SET expires_at = now()").execute(&pool).await.unwrap();
    assert_eq!(set(&service, &late["token"], NEW).await.0, StatusCode::BAD_REQUEST);
    let (_, unused) = link(&service, &eve, ada.id).await;
    let body = json!({"current_password": PASSWORD, "new_password": NEW});
    assert_eq!(service.post(&ada.token, "/api/auth/password/", body).await.0, StatusCode::OK);
    assert_eq!(set(&service, &unused["token"], PASSWORD).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(attempt(&service, "ada", NEW).await.0, StatusCode::OK);
    for life in [0, -1, 604_800_001] {
        let path = format!("/api/users/admin/users/{}/reset-link/", ada.id);
        let (status, _) = service.post(&eve.token, &path, json!({ "expires_in_ms": life })).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{life}");
    }
}

#[tokio::test]
async fn links_are_made_for_others_and_by_moderators_for_plain_users_only() {
    let (service, _) = fixture().await;
    let eve = service.person("eve", Role::Admin).await;
    let joe = service.person("joe", Role::Admin).await;
    let moderator = service.person("mod", Role::Moderator).await;
    let ada = service.person("ada", Role::User).await;
    for (by, whom, expected) in [
        (&moderator, &ada, StatusCode::OK),
        (&moderator, &eve, StatusCode::FORBIDDEN),
        (&moderator, &moderator, StatusCode::CONFLICT),
        (&ada, &moderator, StatusCode::FORBIDDEN),
        (&eve, &joe, StatusCode::OK),
        (&eve, &eve, StatusCode::CONFLICT),
    ] {
        assert_eq!(link(&service, by, whom.id).await.0, expected, "{} for {}", by.name, whom.name);
    }
    assert_eq!(link(&service, &eve, 4711).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_password_from_elsewhere_is_known_and_hashed_anew() {
    let (service, pool) = fixture().await;
    let ada = service.person("ada", Role::User).await;
    let django = "pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=";
    let put = async |hash: &str| {
        sqlx::query("UPDATE users SET password_hash = $1").bind(hash).execute(&pool).await.unwrap();
    };
    let stored = async || -> String {
        service.app.accounts.credentials_of(AccountId(ada.id)).await.unwrap().password_hash
    };
    put(django).await;
    assert_eq!(attempt(&service, "ada", "wrong password").await.1["code"], "bad_credentials");
    assert_eq!(attempt(&service, "nobody", PASSWORD).await.1["code"], "bad_credentials");
    assert_eq!(stored().await, django);
    let logins = (0..4).map(|_| attempt(&service, "ada", PASSWORD));
    for (status, said) in futures::future::join_all(logins).await {
        assert_eq!(status, StatusCode::OK, "{said}");
    }
    assert!(stored().await.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", stored().await);
    assert_eq!(attempt(&service, "ada", PASSWORD).await.0, StatusCode::OK);
    put("!nothing opens this").await;
    assert_eq!(attempt(&service, "ada", PASSWORD).await.1["code"], "bad_credentials");
}
