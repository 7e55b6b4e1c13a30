//! `/api/auth/export/`, `/api/users/data/..`, `erase/`: what is kept about a person, given and forgotten; and the addresses
//! of what people do.

use std::time::Duration;

use reqwest::StatusCode;
use rollcall::accounts::{EndedHost, HostEnd, Origin};
use rollcall::presence::{LoginId, Org, Reason, Role, UserId};
use serde_json::{Value, json};
use sqlx::{Executor, PgPool};

use crate::support;
use crate::support::service::{PASSWORD, Person, Service, is_time};

/// A service, and its database as the owner has it.
async fn fixture(flags: &[&str]) -> (Service, PgPool) {
    let database = support::database_url().await;
    let service = Service::on(&support::stack().redis_url(), &database, flags).await;
    (service, PgPool::connect(&database).await.unwrap())
}

async fn logged_in(service: &Service, name: &str, role: Role) -> Person {
    let person = service.person(name, role).await;
    let token = service.log_in(name).await["tokens"]["access"].as_str().unwrap().to_owned();
    Person { token, ..person }
}

fn of_account(id: i64, what: &str) -> String {
    format!("/api/users/admin/users/{id}/{what}/")
}

#[tokio::test]
async fn everybody_gets_all_that_is_kept_about_them() {
    let (service, owner) = fixture(&[]).await;
    let eve = logged_in(&service, "eve", Role::Admin).await;
    let ada = logged_in(&service, "ada", Role::User).await;
    service.post(&eve.token, &of_account(ada.id, "set-online-status"), json!({"status": "away"})).await;
    super::transitions::copy_all(&service).await;
    let (status, own) = service.get(&ada.token, "/api/auth/export/").await;
    assert_eq!(status, StatusCode::OK, "{own}");
    assert_eq!((&own["user_id"], &own["unsupported"]), (&json!(ada.id.to_string()), &json!([])));
    let profile = &own["data"]["profile"];
    assert_eq!(
        (&profile["account"]["email"], &profile["last_seen_visibility"]),
        (&json!("ada@example.com"), &json!("everyone"))
    );
    assert_eq!((&profile["totp"], &profile["reset_link"]), (&json!(null), &json!(null)));
    let activity = &own["data"]["activity"];
    let lengths = ["logins", "transitions", "intervals"].map(|part| activity[part].as_array().unwrap().len());
    assert_eq!(lengths, [1, 2, 2], "{activity}");
    assert_eq!(activity["logins"][0]["address"], "127.0.0.0/24");
    assert_eq!(activity["presence"]["sessions"].as_array().unwrap().len(), 1);
    let by: Vec<&Value> =
        activity["actions_by"].as_array().unwrap().iter().map(|row| &row["action_type"]).collect();
    assert_eq!(by, ["DATA_EXPORTED", "USER_LOGIN", "USER_REGISTERED"]);
    let on = &activity["actions_on"][0];
    assert_eq!(on["action_type"], "ONLINE_STATUS_SET", "{activity}");
    for name in ["actor_id", "ip_address", "user_agent", "session_id"] {
        assert_eq!(on[name], Value::Null, "who is somebody else is not told of: {name}");
    }
    assert!(!own.to_string().contains("\"eve\"") && !own.to_string().contains("argon2"), "{own}");
    // The same for whoever looks after her; they learn who acted.
    let (status, same) = service.get(&eve.token, &of_account(ada.id, "export")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(same["data"]["activity"]["transitions"], activity["transitions"]);
    assert_eq!(same["data"]["activity"]["actions_on"][0]["actor"], "eve");
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT actor, category FROM admin_actions WHERE action = 'DATA_EXPORTED' ORDER BY occurred_at",
    )
    .fetch_all(&owner)
    .await
    .unwrap();
    let row = |id: i64, category: &str| (id.to_string(), category.to_owned());
    assert_eq!(rows, [row(ada.id, "user"), row(eve.id, "admin")]);
}

#[tokio::test]
async fn a_long_history_is_whole_and_in_order() {
    let (service, owner) = fixture(&[]).await;
    let ada = logged_in(&service, "ada", Role::User).await;
    super::transitions::copy_all(&service).await;
    sqlx::query(
        "INSERT INTO transitions_log (shard, epoch, n, kind, subject, org, sequence, from_status, to_status, reason, \
            occurred_at, detected_at, last_seen, uncertainty_ms) \
        SELECT 9, 1, n, 'transition', (SELECT subject FROM subjects WHERE user_id = $1), 'main', n + 1, \
            CASE n % 2 WHEN 1 THEN 'online' ELSE 'away' END, CASE n % 2 WHEN 1 THEN 'away' ELSE 'online' END, 'idle', t, t, t, 0 \
        FROM (SELECT n, date_trunc('day', now()) - interval '1 day' + n / 3 * interval '1 ms' AS t \
            FROM generate_series(1, 2500) n) g",
    )
    .bind(ada.id.to_string())
    .execute(&owner)
    .await
    .unwrap();
    let (status, own) = service.get(&ada.token, "/api/auth/export/").await;
    assert_eq!(status, StatusCode::OK, "{own}");
    let rows = own["data"]["activity"]["transitions"].as_array().unwrap();
    let numbers: Vec<i64> =
        rows.iter().filter(|row| row["shard"] == 9).map(|row| row["n"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..=2_500).rev().collect::<Vec<_>>(), "each once, newest first");
    assert_eq!(own["data"]["activity"]["intervals"].as_array().unwrap().len(), rows.len());
}

#[tokio::test]
async fn existing_clients_export_and_delete_by_their_own_form() {
    let (service, _) = fixture(&[]).await;
    let eve = logged_in(&service, "eve", Role::Admin).await;
    let ada = logged_in(&service, "ada", Role::User).await;
    let options = json!({"profile": true, "messages": true, "activity": false, "connections": false});
    for id in [json!(ada.id), json!(ada.id.to_string())] {
        let body = json!({"user_id": id, "options": options});
        let (status, said) = service.post(&eve.token, "/api/users/data/export/", body).await;
        assert_eq!((status, &said["selected"]), (StatusCode::OK, &options), "{said}");
        assert_eq!(said["unsupported"], json!(["messages"]));
        assert_eq!((&said["data"]["messages"], &said["data"]["activity"]), (&Value::Null, &Value::Null));
        assert_eq!(said["data"]["profile"]["account"]["username"], "ada");
    }
    for path in ["export", "delete"] {
        let path = format!("/api/users/data/{path}/");
        let nobody = service.post(&eve.token, &path, json!({"user_id": 4711})).await;
        assert_eq!(nobody.0, StatusCode::NOT_FOUND, "{path} {}", nobody.1);
        for (body, pointer) in
            [(json!({"user_id": []}), "/user_id"), (json!({}), ""), (json!({"user_id": "1", "x": 1}), "/x")]
        {
            let (status, problem) = service.post(&eve.token, &path, body).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        }
        let other = service.post(&ada.token, &path, json!({"user_id": ada.id})).await;
        assert_eq!(other.0, StatusCode::FORBIDDEN, "{path}");
    }
    let half = json!({"user_id": ada.id, "options": {"activity": true}});
    let (status, problem) = service.post(&eve.token, "/api/users/data/delete/", half).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!("/options")));
    let body = json!({"user_id": ada.id, "options": {"profile": true, "activity": true, "messages": true}});
    let (status, said) = service.post(&eve.token, "/api/users/data/delete/", body).await;
    assert_eq!((status, &said["deleted"]["account"]), (StatusCode::OK, &json!(true)), "{said}");
    assert_eq!(said["unsupported"], json!(["messages"]));
    assert_eq!(
        service.get(&eve.token, &of_account(ada.id, "export")).await.0,
        StatusCode::OK,
        "not unlinked yet"
    );
}

#[tokio::test]
async fn people_erase_themselves_with_their_password_and_the_last_administrator_stays() {
    let (service, owner) = fixture(&[]).await;
    let eve = logged_in(&service, "eve", Role::Admin).await;
    let max = logged_in(&service, "max", Role::Moderator).await;
    let ada = logged_in(&service, "ada", Role::User).await;
    for other in [&max, &ada] {
        for (path, body) in [
            (of_account(eve.id, "erase"), json!({})),
            ("/api/admin/erase/".to_owned(), json!({"user_id": "1"})),
        ] {
            assert_eq!(service.post(&other.token, &path, body).await.0, StatusCode::FORBIDDEN, "{path}");
        }
    }
    assert_eq!(
        service.post(&eve.token, &of_account(4711, "erase"), json!({})).await.0,
        StatusCode::NOT_FOUND
    );
    let stranger = json!({"user_id": "corp~stranger"});
    assert_eq!(service.post(&eve.token, "/api/admin/erase/", stranger).await.0, StatusCode::NOT_FOUND);
    for (path, body) in [
        (of_account(eve.id, "erase"), json!({})),
        ("/api/auth/erase/".to_owned(), json!({"password": PASSWORD})),
        ("/api/users/data/delete/".to_owned(), json!({"user_id": eve.id})),
    ] {
        let (status, problem) = service.post(&eve.token, &path, body).await;
        assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("last_admin")), "{path}");
    }
    let wrong = json!({"password": "another horse"});
    let (status, problem) = service.post(&ada.token, "/api/auth/erase/", wrong).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!("/password")));
    let (status, said) = service.post(&ada.token, "/api/auth/erase/", json!({"password": PASSWORD})).await;
    assert_eq!((status, &said["account"]), (StatusCode::OK, &json!(true)), "{said}");
    assert_eq!(service.beat(&ada.token, json!({})).await.1["code"], "account_inactive");
    let rows: Vec<(String, String, Value)> = sqlx::query_as(
        "SELECT action, category, coalesce(after, 'null') FROM admin_actions WHERE target_id = $1 \
         AND action IN ('IDENTITY_REFUSED', 'USER_ERASED') ORDER BY occurred_at",
    )
    .bind(ada.id.to_string())
    .fetch_all(&owner)
    .await
    .unwrap();
    assert_eq!(
        rows.iter().map(|row| row.0.as_str()).collect::<Vec<_>>(),
        ["IDENTITY_REFUSED", "USER_ERASED"]
    );
    assert_eq!((rows[1].1.as_str(), &rows[1].2["logins"]), ("user", &json!(1)));
}

#[tokio::test]
async fn two_who_erase_the_same_person_at_once_do_it_once() {
    let (service, owner) = fixture(&[]).await;
    let eve = logged_in(&service, "eve", Role::Admin).await;
    let ada = logged_in(&service, "ada", Role::User).await;
    let erase = async || service.post(&eve.token, &of_account(ada.id, "erase"), json!({})).await;
    let (one, other) = tokio::join!(erase(), erase());
    assert_eq!((one.0, other.0), (StatusCode::OK, StatusCode::OK), "{} {}", one.1, other.1);
    assert_eq!(one.1["erasure_id"], other.1["erasure_id"]);
    assert_ne!(one.1["account"], other.1["account"], "one of them found the account");
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM admin_actions WHERE action = 'USER_ERASED'")
        .fetch_one(&owner)
        .await
        .unwrap();
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn nothing_is_unlinked_before_the_copy_has_passed_the_last_entry() {
    let (service, owner) = fixture(&["--redis-shards", "1"]).await;
    let ada = logged_in(&service, "ada", Role::User).await;
    super::transitions::copy_all(&service).await;
    let user = UserId::parse(&ada.id.to_string()).unwrap();
    let (accounts, store, audit) = (&service.app.accounts, &service.app.store, &service.app.audit);
    let life = Duration::from_secs(960);
    let erased = accounts.erase(&user, true, life, None, &Origin::default()).await.unwrap();
    let before = store.shard(0).await.unwrap().unwrap();
    let gate = erased.erasure.gate();
    for _ in 0..2 {
        store.gate(&user, &rollcall::presence::Org::default(), &gate, None).await.unwrap();
    }
    let told = store.shard(0).await.unwrap().unwrap();
    assert_eq!(told.n, before.n + 1, "one goodbye");
    let passed = (told.epoch, told.n);
    assert!(!audit.unlink(&user, 0, passed).await.unwrap(), "the goodbye is not copied");
    assert!(audit.footprint(&user).await.unwrap().is_known);
    // What lies in quarantine may name the person, too.
    for (n, entry) in
        [(90, r#"{"n":90,"user":"USER"}"#), (91, r#"{"u":"USER","k":"\u0000"}"#), (92, r#"{"u":"USER0"}"#)]
    {
        sqlx::query(
            "INSERT INTO quarantine (shard, epoch, n, entry, problem) VALUES (0, 1, $1, $2::text::json, 'x')",
        )
        .bind(n)
        .bind(entry.replace("USER", user.as_str()))
        .execute(&owner)
        .await
        .unwrap();
    }
    super::transitions::copy_all(&service).await;
    for _ in 0..2 {
        assert!(audit.unlink(&user, 0, passed).await.unwrap());
    }
    assert!(!audit.footprint(&user).await.unwrap().is_known);
    let kept: Vec<String> =
        sqlx::query_scalar("SELECT entry::text FROM quarantine ORDER BY n").fetch_all(&owner).await.unwrap();
    assert_eq!(
        kept,
        [r#"{"erased":true}"#.to_owned(), r#"{"erased":true}"#.to_owned(), format!(r#"{{"u":"{user}0"}}"#)]
    );
    // A request that an old token makes changes nothing, so that nothing brings the name back.
    assert_eq!(service.beat(&ada.token, json!({})).await.0, StatusCode::FORBIDDEN);
    assert_eq!(store.shard(0).await.unwrap().unwrap(), told);
    assert!(store.forget(&user, gate.version).await.unwrap());
    assert!(store.facts(&user).await.unwrap().gate.is_none());
}

#[tokio::test]
async fn addresses_are_kept_as_the_settings_say() {
    for (mode, kept) in [("short", Some("127.0.0.0/24")), ("full", Some("127.0.0.1")), ("none", None)] {
        let (service, owner) = fixture(&["--audit-addresses", mode]).await;
        logged_in(&service, "ada", Role::User).await;
        for sql in [
            "SELECT address FROM admin_actions WHERE action = 'USER_LOGIN'",
            "SELECT address FROM token_families",
        ] {
            let found: Option<String> = sqlx::query_scalar(sql).fetch_one(&owner).await.unwrap();
            assert_eq!(found.as_deref(), kept, "{mode}: {sql}");
        }
    }
}

#[tokio::test]
async fn addresses_are_forgotten_when_their_time_is_over() {
    const KEEP: Duration = Duration::from_secs(10 * 86_400);
    let (service, owner) = fixture(&[]).await;
    logged_in(&service, "old", Role::User).await;
    // Last month has a partition, and so has this.
    owner.execute("UPDATE admin_actions SET occurred_at = now() - interval '11 days'").await.unwrap();
    owner.execute("UPDATE token_families SET created_at = now() - interval '11 days'").await.unwrap();
    logged_in(&service, "new", Role::User).await;
    let addressed = async |table: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM {table} WHERE address IS NOT NULL OR user_agent IS NOT NULL");
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&owner).await.unwrap()
    };
    assert_eq!((addressed("admin_actions").await, addressed("token_families").await), (2, 2));
    assert_eq!(service.app.accounts.forget_addresses(KEEP).await.unwrap(), 2);
    assert_eq!((addressed("admin_actions").await, addressed("token_families").await), (1, 1));
    assert_eq!(service.app.accounts.forget_addresses(KEEP).await.unwrap(), 0);
    let hour = Duration::from_secs(3_600);
    assert!(service.app.accounts.forget_addresses(hour).await.is_err(), "nobody may hide at once");
}

#[tokio::test]
async fn proofs_beside_the_password_are_told_of_and_not_told() {
    let (service, _) = fixture(&[]).await;
    let eve = logged_in(&service, "eve", Role::Admin).await;
    let ada = logged_in(&service, "ada", Role::User).await;
    let (_, begun) = service.post(&ada.token, "/api/auth/totp/", json!({"password": PASSWORD})).await;
    let (_, link) = service.post(&eve.token, &of_account(ada.id, "reset-link"), json!({})).await;
    let (_, own) = service.get(&ada.token, "/api/auth/export/").await;
    let profile = &own["data"]["profile"];
    assert!(is_time(&profile["totp"]["since"]) && profile["totp"]["confirmed_at"].is_null(), "{profile}");
    assert!(is_time(&profile["reset_link"]["created_at"]), "{profile}");
    assert_eq!(profile["reset_link"]["expires_at"], link["expires_at"]);
    for secret in [&begun["secret"], &link["token"]] {
        assert!(!own.to_string().contains(secret.as_str().unwrap()), "{own}");
    }
}

#[tokio::test]
async fn ended_logins_of_a_host_applications_people_are_told_while_they_are_kept() {
    let (service, _) = fixture(&[]).await;
    let eve = logged_in(&service, "eve", Role::Admin).await;
    let user = UserId::parse("shop~ann").unwrap();
    let ended = EndedHost {
        user: user.clone(),
        org: Org::default(),
        end: HostEnd::Login(LoginId::parse("k3v1").unwrap()),
        life: Duration::from_secs(600),
        reason: Reason::Logout,
    };
    service.app.accounts.end_host(&ended, None, &Origin::default()).await.unwrap();
    let body = json!({"user_id": user});
    let (status, told) = service.post(&eve.token, "/api/users/data/export/", body).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    let [login] = &told["data"]["activity"]["ended_logins"].as_array().unwrap()[..] else { panic!("{told}") };
    assert_eq!((&login["login"], &login["reason"]), (&json!("k3v1"), &json!("logout")));
    assert!(is_time(&login["ended_at"]) && is_time(&login["kept_until"]), "{login}");
}
