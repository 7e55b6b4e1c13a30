//! `approve/`, `reject/`, `suspend/`, `ban/`, `activate/`, `force-logout/`: who may be online.

use reqwest::{Method, StatusCode};
use rollcall::accounts::{AccountId, AccountStatus};
use rollcall::presence::{Reason, Role, UserId};
use serde_json::{Value, json};
use sqlx::{PgPool, Row};

use crate::support;
use crate::support::service::{PASSWORD, Person, Service};

/// A service, and a look into its database.
async fn fixture(flags: &[&str]) -> (Service, PgPool) {
    let database = support::database_url().await;
    let service = Service::on(&support::stack().redis_url(), &database, flags).await;
    (service, PgPool::connect(&database).await.unwrap())
}

fn path(id: i64, what: &str) -> String {
    format!("/api/users/admin/users/{id}/{what}/")
}

async fn log_in(service: &Service, name: &str) -> (StatusCode, Value) {
    let body = json!({"username": name, "password": PASSWORD});
    service.send(Method::POST, "/api/auth/login/", body).await
}

async fn actions(pool: &PgPool, id: i64) -> Vec<(String, Option<String>, String)> {
    let rows = sqlx::query(
        "SELECT action, actor, detail FROM admin_actions WHERE target_id = $1 AND category = 'admin' ORDER BY occurred_at",
    );
    let rows = rows.bind(id.to_string()).fetch_all(pool).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

async fn last_entry(service: &Service, id: i64) -> rollcall::presence::Entry {
    let user = UserId::parse(&id.to_string()).unwrap();
    let shard = service.app.store.keys().shard_of(&user);
    let entries = service.app.store.entries(shard, 0, 1_000).await.unwrap();
    entries.iter().rev().filter_map(|entry| entry.entry()).find(|entry| entry.user == user).unwrap().clone()
}

#[tokio::test]
async fn whoever_is_shut_out_is_offline_at_once_and_refused_everywhere() {
    let (service, pool) = fixture(&[]).await;
    let eve = service.person("eve", Role::Admin).await;
    for (what, code, reason) in
        [("suspend", "account_suspended", Reason::Suspended), ("ban", "account_banned", Reason::Banned)]
    {
        let id = service.person(what, Role::User).await.id;
        let login = service.log_in(what).await;
        let tokens = &login["tokens"];
        let token = tokens["access"].as_str().unwrap();
        let request = service.request(Method::POST, &path(id, what)).bearer_auth(&eve.token);
        let request = request.header("x-request-id", format!("request-{what}"));
        let (status, said) = crate::support::service::answer(request.json(&json!({"reason": "spam"}))).await;
        assert_eq!((status, &said["in_effect"]), (StatusCode::OK, &json!(true)), "{said}");
        let entry = last_entry(&service, id).await;
        assert_eq!((entry.to.as_str(), entry.reason), ("offline", reason));
        assert_eq!(entry.actor, Some(format!("request-{what}")));
        let refusals = [
            service.beat(token, json!({})).await,
            service.get(token, "/api/auth/me/").await,
            service.send(Method::POST, "/api/auth/verify/", json!({"token": token})).await,
            log_in(&service, what).await,
        ];
        for (status, problem) in refusals {
            assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!(code)), "{problem}");
        }
        let refresh = json!({"refresh": tokens["refresh"]});
        let (status, problem) = service.send(Method::POST, "/api/auth/refresh/", refresh.clone()).await;
        let expected = if what == "ban" { "login_ended" } else { code };
        assert_eq!(problem["code"], expected, "{status} {problem}");
        // Said again it changes nothing, and leaves no second row.
        service.post(&eve.token, &path(id, what), json!({})).await;
        let rows = actions(&pool, id).await;
        let name = if what == "ban" { "USER_BANNED" } else { "USER_SUSPENDED" };
        assert_eq!(
            (rows.len(), rows[0].0.as_str(), rows[0].1.as_deref()),
            (1, name, Some(&*eve.id.to_string()))
        );
        assert!(rows[0].2.ends_with(": spam"), "{rows:?}");
        assert_eq!(service.app.accounts.unconfirmed_gates(AccountId(0), 9).await.unwrap(), []);
        let (status, said) = service.post(&eve.token, &path(id, "activate"), json!({})).await;
        assert_eq!((status, &said["status"]), (StatusCode::OK, &json!("active")));
        let (status, _) = service.send(Method::POST, "/api/auth/refresh/", refresh).await;
        let expected = if what == "ban" { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
        assert_eq!(status, expected, "a suspension keeps logins, a ban ends them");
        assert_eq!(last_entry(&service, id).await.n, entry.n, "nobody is online by being let in");
        assert_eq!(log_in(&service, what).await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_newcomer_waits_until_approved() {
    let (service, _) = fixture(&["--auth-registration", "approval"]).await;
    let eve = service.person("eve", Role::Admin).await;
    let register = async |name: &str| {
        let body = json!({"username": name, "password": PASSWORD});
        let (status, answer) = service.send(Method::POST, "/api/auth/register/", body).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        (answer["user"]["id"].as_i64().unwrap(), answer["tokens"]["access"].as_str().unwrap().to_owned())
    };
    let (ada, token) = register("ada").await;
    for (status, problem) in [log_in(&service, "ada").await, service.beat(&token, json!({})).await] {
        assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("account_pending")));
    }
    for _ in 0..2 {
        let (status, said) = service.post(&eve.token, &path(ada, "approve"), json!({})).await;
        assert_eq!((status, &said["message"]), (StatusCode::OK, &json!("User ada approved successfully")));
    }
    assert_eq!(log_in(&service, "ada").await.0, StatusCode::OK);
    assert_eq!(service.beat(&token, json!({})).await.0, StatusCode::OK, "the first tokens are good now");
    let (bob, _) = register("bob").await;
    assert_eq!(service.post(&eve.token, &path(bob, "reject"), json!({})).await.0, StatusCode::OK);
    assert_eq!(log_in(&service, "bob").await.1["code"], "account_banned");
    for (id, what) in [(bob, "approve"), (ada, "reject"), (bob, "suspend")] {
        let (status, problem) = service.post(&eve.token, &path(id, what), json!({})).await;
        assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("conflict")), "{what}");
    }
    let (closed, _) = fixture(&["--auth-registration", "closed"]).await;
    let body = json!({"username": "cat", "password": PASSWORD});
    let (status, problem) = closed.send(Method::POST, "/api/auth/register/", body).await;
    assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("forbidden")));
}

#[tokio::test]
async fn a_suspension_with_an_end_says_when() {
    let (service, _) = fixture(&[]).await;
    let eve = service.person("eve", Role::Admin).await;
    let ada = service.person("ada", Role::User).await;
    let suspend = path(ada.id, "suspend");
    let (_, said) = service.post(&eve.token, &suspend, json!({"until": "2200-01-01T01:00:00.5+01:00"})).await;
    assert_eq!(said["suspended_until"], "2200-01-01T00:00:00.500Z", "{said}");
    let (_, said) = service.post(&eve.token, &suspend, json!({"expires_in_ms": 3_600_000})).await;
    assert!(support::service::is_time(&said["suspended_until"]), "{said}");
    for (body, pointer) in [
        (json!({"until": "2001-01-01T00:00:00Z"}), "/until"),
        (json!({"until": "tomorrow"}), "/until"),
        (json!({"until": "2200-01-01T00:00:00Z", "expires_in_ms": 5}), "/until"),
        (json!({"expires_in_ms": 0}), "/expires_in_ms"),
    ] {
        let (status, problem) = service.post(&eve.token, &suspend, body.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }
}

#[tokio::test]
async fn a_forced_logout_ends_every_token() {
    let (service, _) = fixture(&[]).await;
    let eve = service.person("eve", Role::Admin).await;
    let id = service.person("ada", Role::User).await.id;
    let tokens = service.log_in("ada").await["tokens"].clone();
    let (status, said) = service.post(&eve.token, &path(id, "force-logout"), json!({})).await;
    assert_eq!((status, &said["in_effect"]), (StatusCode::OK, &json!(true)), "{said}");
    assert_eq!(last_entry(&service, id).await.reason, Reason::ForceLogout);
    let (status, problem) = service.beat(tokens["access"].as_str().unwrap(), json!({})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("login_ended")));
    let (_, problem) =
        service.send(Method::POST, "/api/auth/refresh/", json!({"refresh": tokens["refresh"]})).await;
    assert_eq!(problem["code"], "login_ended");
    assert_eq!(log_in(&service, "ada").await.0, StatusCode::OK);
}

#[tokio::test]
async fn only_administrators_decide_and_the_last_one_stays() {
    let (service, _) = fixture(&[]).await;
    let eve = service.person("eve", Role::Admin).await;
    let ada = service.person("ada", Role::User).await;
    for role in [Role::User, Role::Moderator] {
        let other = service.person(role.as_str(), role).await;
        for what in ["approve", "reject", "suspend", "ban", "activate", "force-logout"] {
            let (status, _) = service.post(&other.token, &path(ada.id, what), json!({})).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{what} by {role}");
        }
    }
    for what in ["suspend", "ban"] {
        let (status, problem) = service.post(&eve.token, &path(eve.id, what), json!({})).await;
        assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("last_admin")), "{what}");
    }
    assert_eq!(service.post(&eve.token, &path(4711, "ban"), json!({})).await.0, StatusCode::NOT_FOUND);
    // Two who shut each other out at once: one of them stays.
    let joe = service.person("joe", Role::Admin).await;
    let ban =
        async |by: &Person, whom: &Person| service.post(&by.token, &path(whom.id, "ban"), json!({})).await.0;
    let (by_eve, by_joe) = tokio::join!(ban(&eve, &joe), ban(&joe, &eve));
    assert_eq!(
        [by_eve, by_joe].iter().filter(|status| **status == StatusCode::OK).count(),
        1,
        "{by_eve} {by_joe}"
    );
}

#[tokio::test]
async fn a_demoted_administrator_decides_nothing_by_an_old_token() {
    let (service, pool) = fixture(&[]).await;
    service.person("eve", Role::Admin).await;
    let joe = service.person("joe", Role::Admin).await;
    let ada = service.person("ada", Role::User).await;
    sqlx::query("UPDATE users SET role = 'moderator' WHERE id = $1")
        .bind(joe.id)
        .execute(&pool)
        .await
        .unwrap();
    for (what, body) in [("ban", json!({})), ("force-logout", json!({})), ("set-online-status", json!({}))] {
        let (status, problem) = service.post(&joe.token, &path(ada.id, what), body).await;
        assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("forbidden")), "{what}");
    }
    let account = service.app.accounts.by_id(AccountId(ada.id)).await.unwrap().unwrap();
    assert_eq!((account.status, account.token_version), (AccountStatus::Active, 1));
}
