//! Accounts made, changed, put away, taken back, removed; one by one and many at once.

use reqwest::{Method, StatusCode};
use rollcall::accounts::AccountId;
use rollcall::presence::{Reason, Role, UserId};
use serde_json::{Value, json};
use sqlx::{PgPool, Row};

use crate::support;
use crate::support::service::{PASSWORD, Person, Service, answer};

const LIST: &str = "/api/users/admin/users/";
const BULK: &str = "/api/users/admin/users/bulk/";

/// A service, and a look into its database.
async fn fixture(flags: &[&str]) -> (Service, PgPool) {
    let database = support::database_url().await;
    let service = Service::on(&support::stack().redis_url(), &database, flags).await;
    (service, PgPool::connect(&database).await.unwrap())
}

fn at(id: i64) -> String {
    format!("{LIST}{id}/")
}

async fn send(
    service: &Service,
    by: &Person,
    method: Method,
    path: &str,
    body: Value,
) -> (StatusCode, Value) {
    answer(service.request(method, path).bearer_auth(&by.token).json(&body)).await
}

/// Names and details of what was done to somebody.
async fn actions(pool: &PgPool, id: i64) -> Vec<(String, String)> {
    let rows = sqlx::query(
        "SELECT action, detail FROM admin_actions WHERE target_id = $1 AND category = 'admin' ORDER BY occurred_at",
    );
    let rows = rows.bind(id.to_string()).fetch_all(pool).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn names_of_actions(pool: &PgPool, id: i64) -> Vec<String> {
    actions(pool, id).await.into_iter().map(|(name, _)| name).collect()
}

#[tokio::test]
async fn an_account_is_made_as_existing_consoles_ask() {
    let (service, pool) = fixture(&[]).await;
    let mod_ = service.person("mod", Role::Moderator).await;
    let body = json!({"username": "ann", "email": "ann@example.com", "password": PASSWORD, "role": "user",
        "status": "pending", "first_name": "Ann", "last_name": "Lee", "father_name": "Tom", "position": "clerk",
        "phone_number": "1", "id_card_number": "2", "national_id_card_number": "3", "description": "new"});
    let (status, ann) = service.post(&mod_.token, LIST, body.clone()).await;
    assert_eq!(
        (status, &ann["status"], &ann["full_name"]),
        (StatusCode::CREATED, &json!("pending"), &json!("Ann Lee"))
    );
    let profile = json!({"father_name": "Tom", "position": "clerk", "phone_number": "1", "id_card_number": "2",
        "national_id_card_number": "3", "description": "new"});
    assert_eq!(ann["profile"], profile);
    let id = ann["id"].as_i64().unwrap();
    assert_eq!(service.get(&mod_.token, &at(id)).await.1["profile"], profile);
    assert_eq!(names_of_actions(&pool, id).await, ["USER_CREATED"]);
    let (_, problem) = service.post(&mod_.token, LIST, body).await;
    assert_eq!(
        (&problem["code"], &problem["error"]),
        (&json!("conflict"), &json!("Username already exists"))
    );
    // Without a password nobody can log in, and nothing breaks.
    let (status, bob) = service.post(&mod_.token, LIST, json!({"username": "bob lee"})).await;
    assert_eq!((status, &bob["email"]), (StatusCode::CREATED, &json!("bob+lee@offchat.local")));
    let login = json!({"username": "bob lee", "password": PASSWORD});
    let (_, problem) = service.send(Method::POST, "/api/auth/login/", login).await;
    assert_eq!(problem["code"], "bad_credentials");
    let wrong = [
        (json!({"username": "x"}), "/username"),
        (json!({"username": "good", "email": "bad"}), "/email"),
        (json!({"username": "good", "password": "short"}), "/password"),
        (json!({"username": "good", "role": "king"}), "/role"),
        (json!({"username": "good", "status": "banned"}), "/status"),
        (json!({"username": "good", "position": "x".repeat(301)}), "/position"),
    ];
    for (body, pointer) in wrong {
        let (status, problem) = service.post(&mod_.token, LIST, body).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!(pointer)));
    }
}

#[tokio::test]
async fn a_moderator_raises_nobody_and_touches_plain_users_only() {
    let (service, pool) = fixture(&[]).await;
    let eve = service.person("eve", Role::Admin).await;
    service.person("ida", Role::Admin).await;
    let mod_ = service.person("mod", Role::Moderator).await;
    let other = service.person("other", Role::Moderator).await;
    let ann = service.person("ann", Role::User).await;
    let raise = json!({"role": "moderator"});
    for (method, path, body) in [
        (Method::PUT, at(ann.id), raise.clone()),
        (Method::PUT, at(mod_.id), json!({"role": "admin"})),
        (Method::PATCH, at(mod_.id), json!({"bio": "myself"})),
        (Method::PUT, at(other.id), json!({"first_name": "x"})),
        (Method::PUT, at(eve.id), json!({"email": "mine@example.com"})),
        (Method::DELETE, at(eve.id), json!({})),
        (Method::DELETE, at(other.id), json!({})),
        (Method::DELETE, at(mod_.id), json!({})),
        (Method::DELETE, at(ann.id) + "?permanent=true", json!({})),
        (Method::POST, BULK.to_owned(), json!({"action": "ban", "ids": [ann.id]})),
        (Method::POST, BULK.to_owned(), json!({"action": "delete", "permanent": true, "ids": [ann.id]})),
        (Method::POST, BULK.to_owned(), json!({"action": "set-role", "role": "admin", "ids": [mod_.id]})),
    ] {
        let (status, problem) = send(&service, &mod_, method.clone(), &path, body).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::FORBIDDEN, &json!("forbidden")),
            "{method} {path}"
        );
    }
    let (_, told) =
        service.post(&mod_.token, BULK, json!({"action": "delete", "ids": [eve.id, ann.id]})).await;
    assert_eq!((&told["done"], &told["results"][0]["code"]), (&json!(1), &json!("forbidden")));
    // What an administrator threw away, a moderator does not take out.
    assert_eq!(send(&service, &eve, Method::DELETE, &at(other.id), json!({})).await.0, StatusCode::OK);
    let restore = json!({"id": other.id});
    let (status, _) = service.post(&mod_.token, "/api/users/trash/restore/", restore).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    // The console sends the role along, changed or not.
    let (_, made) = service.post(&mod_.token, LIST, json!({"username": "new"})).await;
    let (status, made) = send(
        &service,
        &mod_,
        Method::PUT,
        &at(made["id"].as_i64().unwrap()),
        json!({"username": "newer", "role": "user"}),
    )
    .await;
    assert_eq!((status, &made["username"]), (StatusCode::OK, &json!("newer")));
    assert_eq!(names_of_actions(&pool, eve.id).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_moderator_makes_plain_users_who_wait_where_all_wait() {
    let (service, _) = fixture(&["--auth-registration", "approval"]).await;
    let mod_ = service.person("mod", Role::Moderator).await;
    for role in ["moderator", "admin"] {
        let (status, _) = service.post(&mod_.token, LIST, json!({"username": "new", "role": role})).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{role}");
    }
    let (status, _) = service.post(&mod_.token, LIST, json!({"username": "new", "status": "active"})).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "who may not approve lets nobody past it");
    let (_, made) = service.post(&mod_.token, LIST, json!({"username": "new"})).await;
    assert_eq!(made["status"], "pending");
}

#[tokio::test]
async fn a_change_means_what_it_names_and_is_recorded_without_values() {
    let (service, pool) = fixture(&[]).await;
    let eve = service.person("eve", Role::Admin).await;
    let ann = service.person("ann", Role::User).await;
    service.person("bob", Role::User).await;
    sqlx::query("UPDATE users SET email_verified = true").execute(&pool).await.unwrap();
    let put = async |body: Value| send(&service, &eve, Method::PUT, &at(ann.id), body).await;
    let (_, same) = put(json!({"username": "ann", "email": "ann@example.com", "role": "user"})).await;
    assert_eq!((&same["email_verified"], names_of_actions(&pool, ann.id).await.len()), (&json!(true), 0));
    let (status, said) =
        put(json!({"email": "ANNA@example.com", "position": "clerk", "role": "moderator"})).await;
    assert_eq!(
        (status, &said["email_verified"], &said["role"]),
        (StatusCode::OK, &json!(false), &json!("moderator"))
    );
    assert_eq!((&said["profile"], &said["first_name"]), (&json!({"position": "clerk"}), &json!("First")));
    let (_, said) =
        send(&service, &eve, Method::PATCH, &at(ann.id), json!({"position": "", "org": "lab"})).await;
    assert_eq!(said["profile"], json!({}));
    assert_eq!(names_of_actions(&pool, ann.id).await, ["ROLE_CHANGED", "USER_UPDATED", "USER_UPDATED"]);
    let rows: Vec<(Option<Value>, Option<Value>)> = sqlx::query_as(
        "SELECT before, after FROM admin_actions WHERE action = 'USER_UPDATED' ORDER BY occurred_at",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(
        rows,
        [
            (None, Some(json!({"fields": ["email", "position"]}))),
            (Some(json!({"org": "main"})), Some(json!({"fields": ["org", "position"], "org": "lab"}))),
        ]
    );
    for (body, code) in [
        (json!({"username": "BOB"}), "conflict"),
        (json!({"email": "bob@example.com"}), "conflict"),
        (json!({"username": "a/b"}), "invalid_value"),
        (json!({"first_name": "x".repeat(151)}), "invalid_value"),
        (json!({"status": "banned"}), "unknown_field"),
        (json!({"is_active": false}), "unknown_field"),
    ] {
        assert_eq!(put(body.clone()).await.1["code"], code, "{body}");
    }
    let last = send(&service, &eve, Method::PUT, &at(eve.id), json!({"role": "user"})).await;
    assert_eq!((last.0, &last.1["code"]), (StatusCode::CONFLICT, &json!("last_admin")));
    assert_eq!(
        send(&service, &eve, Method::PUT, &at(4711), json!({"bio": "x"})).await.0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn who_is_put_away_is_gone_at_once_and_comes_back_as_they_were() {
    let (service, pool) = fixture(&[]).await;
    let eve = service.person("eve", Role::Admin).await;
    let id = service.person("ann", Role::User).await.id;
    let tokens = service.log_in("ann").await["tokens"].clone();
    let token = tokens["access"].as_str().unwrap();
    let (status, said) = send(&service, &eve, Method::DELETE, &at(id), json!({})).await;
    assert_eq!((status, &said["message"]), (StatusCode::OK, &json!("User moved to trash successfully")));
    assert_eq!(said["in_effect"], true);
    let user = UserId::parse(&id.to_string()).unwrap();
    let shard = service.app.store.keys().shard_of(&user);
    let entries = service.app.store.entries(shard, 0, 1_000).await.unwrap();
    let last =
        entries.iter().rev().filter_map(|entry| entry.entry()).find(|entry| entry.user == user).unwrap();
    assert_eq!((last.to.as_str(), last.reason), ("offline", Reason::Deactivated));
    let (status, problem) = service.beat(token, json!({})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("account_inactive")));
    let refresh = json!({"refresh": tokens["refresh"]});
    let (_, problem) = service.send(Method::POST, "/api/auth/refresh/", refresh.clone()).await;
    assert_eq!(problem["code"], "login_ended");
    assert_eq!(service.get(&eve.token, &at(id)).await.0, StatusCode::NOT_FOUND);
    assert_eq!(send(&service, &eve, Method::DELETE, &at(id), json!({})).await.0, StatusCode::NOT_FOUND);
    let (_, trash) = service.get(&eve.token, "/api/users/trash/").await;
    assert_eq!((&trash["count"], &trash["results"][0]["username"]), (&json!(1), &json!("ann")));
    // Somebody takes the name; until they give it up, the old one cannot come back.
    let taker = service.person("Ann", Role::User).await;
    let restore = async || service.post(&eve.token, "/api/users/trash/restore/", json!({"id": id})).await;
    let (status, problem) = restore().await;
    assert_eq!((status, &problem["error"]), (StatusCode::CONFLICT, &json!("Username already exists")));
    send(&service, &eve, Method::PUT, &at(taker.id), json!({"username": "joe", "email": "joe@example.com"}))
        .await;
    let (status, said) = restore().await;
    assert_eq!((status, &said["in_effect"]), (StatusCode::OK, &json!(true)), "{said}");
    assert_eq!(restore().await.0, StatusCode::NOT_FOUND);
    let (_, problem) = service.beat(token, json!({})).await;
    assert_eq!(problem["code"], "login_ended", "the old tokens stay ended");
    service.log_in("ann").await;
    assert_eq!(names_of_actions(&pool, id).await, ["USER_DELETED", "USER_RESTORED"]);
    assert_eq!(service.app.accounts.unconfirmed_gates(AccountId(0), 9).await.unwrap(), []);
}

#[tokio::test]
async fn who_is_removed_leaves_nothing_but_a_number() {
    let (service, pool) = fixture(&[]).await;
    let eve = service.person("eve", Role::Admin).await;
    let mut ids = Vec::new();
    for name in ["ann", "bob", "cid"] {
        ids.push(service.person(name, Role::User).await.id);
        service.log_in(name).await;
    }
    let (_, said) = send(&service, &eve, Method::DELETE, &(at(ids[0]) + "?permanent=true"), json!({})).await;
    assert_eq!(said["message"], "User deleted successfully");
    for id in [ids[1], ids[2]] {
        send(&service, &eve, Method::DELETE, &at(id), json!({})).await;
    }
    send(&service, &eve, Method::DELETE, &(at(ids[1]) + "?permanent=true"), json!({})).await;
    let (_, trash) = service.get(&eve.token, "/api/users/trash/").await;
    assert_eq!((&trash["count"], &trash["results"][0]["id"]), (&json!(1), &json!(ids[2])));
    let (status, said) = service.post(&eve.token, "/api/users/trash/empty_trash/", json!({})).await;
    assert_eq!((status, &said["count"]), (StatusCode::OK, &json!(1)));
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT (to_jsonb(u) || jsonb_build_object('f', (SELECT jsonb_agg(to_jsonb(f)) FROM token_families f WHERE f.user_id = u.id)))::text \
         FROM users u WHERE purged_at IS NOT NULL",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(rows.len(), 3);
    for row in &rows {
        for word in ["ann", "bob", "cid", "example.com", "First", "127.0.0.1", "argon2"] {
            assert!(!row.contains(word), "{word} is in {row}");
        }
    }
    for id in &ids {
        assert_eq!(names_of_actions(&pool, *id).await.last().unwrap(), "PERMANENT_DELETE");
        let restored = service.post(&eve.token, "/api/users/trash/restore/", json!({"id": id})).await;
        assert_eq!(restored.0, StatusCode::NOT_FOUND);
    }
    service.person("ann", Role::User).await;
}

#[tokio::test]
async fn the_trash_is_forgotten_in_time() {
    let (service, pool) = fixture(&[]).await;
    let eve = service.person("eve", Role::Admin).await;
    for name in ["ann", "bob"] {
        let id = service.person(name, Role::User).await.id;
        send(&service, &eve, Method::DELETE, &(at(id) + "?permanent=true"), json!({})).await;
    }
    // Empty rows go when no token can name them any more.
    let (kept, life) = (rollcall::accounts::trash::KEPT, std::time::Duration::from_secs(3_600));
    assert_eq!(service.app.accounts.forget_trash(kept, life).await.unwrap(), 0);
    sqlx::query("UPDATE users SET purged_at = purged_at - '2 h'::interval WHERE purged_at IS NOT NULL")
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(service.app.accounts.forget_trash(kept, life).await.unwrap(), 2);
    let ann = service.person("dot", Role::User).await.id;
    send(&service, &eve, Method::DELETE, &at(ann), json!({})).await;
    sqlx::query("UPDATE users SET deleted_at = now() - '31 d'::interval WHERE id = $1")
        .bind(ann)
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(service.app.accounts.forget_trash(kept, life).await.unwrap(), 1);
    assert_eq!(names_of_actions(&pool, ann).await, ["USER_DELETED", "PERMANENT_DELETE"]);
    let short = service.app.accounts.forget_trash(life, life).await;
    assert!(short.is_err(), "the trash is kept whatever the service says");
}

#[tokio::test]
async fn many_accounts_are_told_one_by_one() {
    let (service, pool) = fixture(&[]).await;
    let eve = service.person("eve", Role::Admin).await;
    let joe = service.person("joe", Role::Admin).await;
    let ann = service.person("ann", Role::User).await;
    let bulk = async |body: Value| service.post(&eve.token, BULK, body).await;
    let oks = |told: &Value| -> Vec<bool> {
        told["results"].as_array().unwrap().iter().map(|each| each["ok"].as_bool().unwrap()).collect()
    };
    let (status, told) =
        bulk(json!({"action": "ban", "ids": [ann.id, 4711, joe.id, eve.id, ann.id], "reason": "spam"})).await;
    assert_eq!((status, oks(&told)), (StatusCode::OK, vec![true, false, true, false]), "{told}");
    assert_eq!((&told["done"], &told["failed"]), (&json!(2), &json!(2)));
    assert_eq!(
        (&told["results"][1]["code"], &told["results"][3]["code"]),
        (&json!("not_found"), &json!("last_admin"))
    );
    assert_eq!(actions(&pool, ann.id).await, [("USER_BANNED".to_owned(), "Banned: spam".to_owned())]);
    let both = [ann.id, joe.id];
    for (body, expected) in [
        (json!({"action": "approve", "ids": both}), [false, false]),
        (json!({"action": "reject", "ids": both}), [true, true]),
        (json!({"action": "activate", "ids": both}), [true, true]),
        (json!({"action": "suspend", "ids": both, "expires_in_ms": 60_000}), [true, true]),
        (json!({"action": "activate", "ids": both}), [true, true]),
        (json!({"action": "force-logout", "ids": both}), [true, true]),
        (json!({"action": "set-role", "ids": both, "role": "moderator"}), [true, true]),
        (json!({"action": "delete", "ids": both}), [true, true]),
        (json!({"action": "restore", "ids": both}), [true, true]),
        (json!({"action": "restore", "ids": both}), [false, false]),
        (json!({"action": "delete", "ids": both, "permanent": true}), [true, true]),
    ] {
        let (status, told) = bulk(body.clone()).await;
        assert_eq!((status, oks(&told)), (StatusCode::OK, expected.to_vec()), "{body}: {told}");
    }
    assert_eq!(
        names_of_actions(&pool, ann.id).await,
        [
            "USER_BANNED",
            "USER_ACTIVATED",
            "USER_SUSPENDED",
            "USER_ACTIVATED",
            "ROLE_CHANGED",
            "USER_DELETED",
            "USER_RESTORED",
            "PERMANENT_DELETE"
        ]
    );
}

#[tokio::test]
async fn what_belongs_to_no_action_is_refused() {
    let (service, _) = fixture(&[]).await;
    let eve = service.person("eve", Role::Admin).await;
    let bulk = async |body: Value| service.post(&eve.token, BULK, body).await;
    for (body, pointer) in [
        (json!({"action": "ban", "ids": []}), "/ids"),
        (json!({"action": "ban", "ids": vec![1; 1_001]}), "/ids"),
        (json!({"action": "set-role", "ids": [1]}), "/role"),
        (json!({"action": "ban", "ids": [1], "role": "user"}), "/role"),
        (json!({"action": "ban", "ids": [1], "expires_in_ms": 5}), "/expires_in_ms"),
        (json!({"action": "suspend", "ids": [1], "until": "2001-01-01T00:00:00Z"}), "/until"),
        (json!({"action": "ban", "ids": [1], "permanent": false}), "/permanent"),
        (json!({"action": "burn", "ids": [1]}), "/action"),
    ] {
        let (status, problem) = bulk(body.clone()).await;
        assert_eq!(
            (status, &problem["errors"][0]["pointer"]),
            (StatusCode::BAD_REQUEST, &json!(pointer)),
            "{body}"
        );
    }
}

#[tokio::test]
async fn those_who_wait_are_listed_and_decided() {
    let (service, pool) = fixture(&["--auth-registration", "approval"]).await;
    let eve = service.person("eve", Role::Admin).await;
    for name in ["ann", "bob"] {
        let body = json!({"username": name, "password": PASSWORD});
        service.send(Method::POST, "/api/auth/register/", body).await;
    }
    let list = async || service.get(&eve.token, "/api/admin/pending-users/?per_page=1").await.1;
    let page = list().await;
    assert_eq!((&page["count"], &page["results"][0]["username"]), (&json!(2), &json!("bob")));
    let (_, second) = service.get(&eve.token, page["next"].as_str().unwrap()).await;
    assert_eq!(second["results"][0]["username"], "ann");
    let (ann, bob) = (&second["results"][0]["id"], &page["results"][0]["id"]);
    let decide = async |id: &Value, what: &str| {
        service.post(&eve.token, &format!("/api/admin/pending-users/{id}/{what}/"), json!({})).await
    };
    assert_eq!(decide(ann, "approve").await, (StatusCode::OK, json!({"status": "user approved"})));
    assert_eq!(decide(bob, "reject").await, (StatusCode::OK, json!({"status": "user rejected"})));
    assert_eq!(decide(ann, "reject").await.0, StatusCode::CONFLICT);
    assert_eq!(list().await["count"], 0);
    assert_eq!(service.get(&eve.token, "/api/admin/pending-users/stats/").await.1, json!({"total": 0}));
    assert_eq!(names_of_actions(&pool, ann.as_i64().unwrap()).await, ["USER_APPROVED"]);
}
