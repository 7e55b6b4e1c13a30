//! `/api/presence/`: views and counts.

use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use rollcall::accounts::AccountStatus;
use rollcall::presence::{Claim, LoginId, Org, Role, Status, UserId, Whose};
use serde_json::json;
use sqlx::{AssertSqlSafe, PgPool};

use crate::support;
use crate::support::service::{Person, Service, is_time};

fn user(person: &Person) -> UserId {
    UserId::parse(&person.id.to_string()).unwrap()
}

#[tokio::test]
async fn queries_answer_in_the_order_asked() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    let bob = service.person("bob", Role::User).await;
    service.post(&bob.token, "/api/users/heartbeat/", json!({"device": "mobile", "session": "t"})).await;
    let users = json!({"users": ["nobody", bob.id.to_string(), ada.id.to_string(), "corp~x.y"]});
    let (status, answer) = service.post(&ada.token, "/api/presence/query/", users).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let results = answer["results"].as_array().unwrap();
    let seen: Vec<_> = results.iter().map(|each| (&each["user_id"], &each["status"])).collect();
    let (bob_id, ada_id) = (json!(bob.id.to_string()), json!(ada.id.to_string()));
    assert_eq!(
        seen,
        [
            (&json!("nobody"), &json!("offline")),
            (&bob_id, &json!("online")),
            (&ada_id, &json!("online")),
            (&json!("corp~x.y"), &json!("offline")),
        ]
    );
    assert_eq!(results[0]["last_seen"], json!(null));
    assert!(is_time(&results[1]["since"]) && is_time(&results[1]["last_seen"]));
    assert_eq!(results[1]["devices"], json!(["mobile"]));
    let (status, one) = service.get(&ada.token, &format!("/api/presence/users/{}/", bob.id)).await;
    assert_eq!((status, &one["status"]), (StatusCode::OK, &json!("online")));
}

/// Somebody comes between the look at the store and the one at the audit: offline in the version that says online would be
/// believed for ever.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_while_somebody_looks_is_seen() {
    let database = support::database_url().await;
    let service = Arc::new(Service::on(&support::stack().redis_url(), &database, &[]).await);
    let pool = PgPool::connect(&database).await.unwrap();
    let ada = service.person("ada", Role::User).await;
    let bob = service.person("bob", Role::User).await;
    let copied = format!(
        "WITH s AS (INSERT INTO subjects (user_id) VALUES ('{0}') RETURNING subject) \
         INSERT INTO presence_last (user_id, subject, shard, org, status, since, online_since, last_seen, shown_since, \
             shown_online_since, shown_last_seen, shown_version, epoch, n, sequence) \
         SELECT '{0}', subject, 0, 'main', 'online', now(), now(), now(), now(), now(), now(), 7, 1, 7, 1 FROM s",
        bob.id
    );
    sqlx::query(AssertSqlSafe(copied)).execute(&pool).await.unwrap();
    let path = format!("/api/presence/users/{}/", bob.id);
    let (_, seen) = service.get(&ada.token, &path).await;
    assert_eq!(
        (&seen["status"], &seen["since"], &seen["version"]),
        (&json!("offline"), &json!(null), &json!(null))
    );

    let mut audit = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE presence_last").execute(&mut *audit).await.unwrap();
    let looks = {
        let (service, token, path) = (Arc::clone(&service), ada.token.clone(), path.clone());
        tokio::spawn(async move { service.get(&token, &path).await.1 })
    };
    support::eventually("the audit is asked", Duration::from_secs(10), async || {
        let waits =
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'presence_last'::regclass";
        let waiting: i64 = sqlx::query_scalar(waits).fetch_one(&mut *audit).await.ok()?;
        (waiting > 0).then_some(())
    })
    .await;
    assert_eq!(service.beat(&bob.token, json!({})).await.0, StatusCode::OK);
    audit.commit().await.unwrap();
    let seen = looks.await.unwrap();
    assert_eq!(seen["status"], "online");
    assert!(seen["version"].as_i64() > Some(0));
}

#[tokio::test]
async fn a_query_asks_for_a_thousand_at_most() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    let ask = async |count: usize| {
        let users: Vec<String> = (0..count).map(|number| number.to_string()).collect();
        service.post(&ada.token, "/api/presence/query/", json!({ "users": users })).await
    };
    let (status, answer) = ask(1_000).await;
    assert_eq!((status, answer["results"].as_array().unwrap().len()), (StatusCode::OK, 1_000));
    let (status, answer) = ask(1_001).await;
    assert_eq!((status, &answer["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!("/users")));
}

#[tokio::test]
async fn plain_users_see_and_count_their_own_organisation() {
    let service = Service::start().await;
    let ada = service.person_of("ada", Role::User, "one", AccountStatus::Active).await;
    let bob = service.person_of("bob", Role::User, "two", AccountStatus::Active).await;
    let eve = service.person_of("eve", Role::Moderator, "two", AccountStatus::Active).await;
    service.post(&bob.token, "/api/users/heartbeat/", json!({})).await;
    let path = format!("/api/presence/users/{}/", bob.id);
    let (_, of_bob) = service.get(&ada.token, &path).await;
    assert_eq!((&of_bob["status"], &of_bob["last_seen"]), (&json!("offline"), &json!(null)));
    assert_eq!(service.get(&eve.token, &path).await.1["status"], "online");
    let (_, stats) = service.get(&ada.token, "/api/presence/stats/").await;
    assert_eq!((&stats["online"], &stats["users"], &stats["sessions"]), (&json!(1), &json!(1), &json!(1)));
    assert!(is_time(&stats["server_time"]));
    let (_, stats) = service.get(&eve.token, "/api/presence/stats/").await;
    assert_eq!(stats["users"], 3);
}

#[tokio::test]
async fn the_invisible_are_offline_to_others_and_know_it_themselves() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    let eve = service.person("eve", Role::Admin).await;
    service.post(&ada.token, "/api/users/heartbeat/", json!({"device": "web"})).await;
    let claim = Claim {
        id: "c1".to_owned(),
        status: Status::Invisible,
        text: "hidden words".to_owned(),
        emoji: String::new(),
        until: None,
    };
    let store = &service.app.store;
    store.claim(&user(&ada), &Org::default(), Whose::Manual, Some(&claim), None).await.unwrap();
    let path = format!("/api/presence/users/{}/", ada.id);
    let (_, by_eve) = service.get(&eve.token, &path).await;
    assert_eq!(by_eve["status"], "offline");
    assert_eq!((&by_eve["devices"], by_eve.get("text")), (&json!([]), None), "{by_eve}");
    let (_, by_herself) = service.get(&ada.token, &path).await;
    assert_eq!((&by_herself["status"], &by_herself["text"]), (&json!("invisible"), &json!("hidden words")));
    let (_, listed) = service.get(&eve.token, "/api/users/all-users/").await;
    let of_ada = listed["users"].as_array().unwrap().iter().find(|each| each["id"] == ada.id).unwrap();
    assert_eq!(of_ada["online_status"], "offline");
    let (_, stats) = service.get(&eve.token, "/api/presence/stats/").await;
    assert_eq!(stats["users"], 1);
}

#[tokio::test]
async fn who_goes_offline_while_invisible_leaves_no_trace_when_the_record_is_gone() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    let bob = service.person("bob", Role::User).await;
    let newcomer = service.person("cleo", Role::User).await;
    let (store, audit) = (&service.app.store, &service.app.audit);
    let hide = async |person: &Person| {
        let (text, emoji) = (String::new(), String::new());
        let claim = Claim { id: "c1".to_owned(), status: Status::Invisible, text, emoji, until: None };
        store.claim(&user(person), &Org::default(), Whose::Manual, Some(&claim), None).await.unwrap();
    };
    service.post(&ada.token, "/api/users/heartbeat/", json!({})).await;
    hide(&ada).await;
    // This one was never seen at all.
    hide(&newcomer).await;
    service.post(&newcomer.token, "/api/users/heartbeat/", json!({})).await;
    let see = async || {
        let users = json!({"users": [ada.id.to_string(), newcomer.id.to_string(), "nobody"]});
        service.post(&bob.token, "/api/presence/query/", users).await.1["results"].clone()
    };
    let before = see().await;
    assert!(before[0]["version"].is_i64() && before[1]["version"] == before[2]["version"], "{before}");
    for person in [&ada, &newcomer] {
        let login = LoginId::parse(&format!("login-{}", person.id)).unwrap();
        store.end_login(&user(person), &Org::default(), &login).await.unwrap();
    }
    assert_eq!(see().await, before);
    for shard in 0..store.keys().shards() {
        let position = audit.position(shard).await.unwrap();
        let entries = store.entries(shard, position.n, 100).await.unwrap();
        audit.copy(shard, position, position.epoch, &entries).await.unwrap();
        let end = entries.last().map_or(0, |entry| entry.n()) + 1;
        let mut users = vec![user(&ada), user(&newcomer)];
        users.retain(|user| store.keys().shard_of(user) == shard);
        store.trim(shard, end, &users).await.unwrap();
    }
    assert!(store.views(&[user(&ada), user(&newcomer)]).await.unwrap().iter().all(Option::is_none));
    assert_eq!(see().await, before);
}
