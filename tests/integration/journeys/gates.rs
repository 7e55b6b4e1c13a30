//! Gates and claims over outages: what was decided while Redis, or the node, was away happens all the same.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use rollcall::accounts::{AccountId, AccountStatus, Decision, Origin};
use rollcall::devstack::Data;
use rollcall::presence::{Claim, Millis, Org, Reason, Role, Status, UserId, Whose};
use serde_json::json;
use sqlx::PgPool;

use super::{BRIEF, eventually, history_of, ready, status_of, story};
use crate::support;
use crate::support::service::{PASSWORD, Service};

/// Some rounds of the task.
const ROUNDS: Duration = Duration::from_secs(10);

fn path(id: i64, what: &str) -> String {
    format!("/api/users/admin/users/{id}/{what}/")
}

async fn beat_is_refused(node: &Service, token: &str, code: &str) {
    eventually("the heartbeat is refused", ROUNDS, async || {
        let (status, problem) = node.beat(token, json!({})).await;
        (status == StatusCode::FORBIDDEN && problem["code"] == code).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_that_redis_could_not_hear_falls_as_soon_as_it_is_back() {
    let stack = support::private_stack(|options| options.redis_persists = true);
    let database = support::migrated(&stack).await;
    let node = Service::node(&stack.redis_url(), &database, "rc", &[]).await;
    ready(&node).await;
    let eve = node.person("eve", Role::Admin).await;
    let ada = node.person("ada", Role::User).await;
    assert_eq!(node.beat(&ada.token, json!({})).await.0, StatusCode::OK);
    stack.redis().stop().unwrap();
    let request = node.request(Method::POST, &path(ada.id, "ban")).bearer_auth(&eve.token);
    let request = request.header("x-request-id", "the-ban").json(&json!({}));
    let (status, said) = support::service::answer(request).await;
    assert_eq!((status, &said["in_effect"]), (StatusCode::OK, &json!(false)), "{said}");
    stack.redis().start(Data::Kept).unwrap();
    let back = Instant::now();
    eventually("redis answers", Duration::from_secs(5), async || {
        let (status, problem) = node.beat(&ada.token, json!({})).await;
        (problem["code"] != "store_unavailable" && status != StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await;
    beat_is_refused(&node, &ada.token, "account_banned").await;
    // The node must find the way back, take its shards and come round.
    assert!(back.elapsed() < Duration::from_secs(4), "took {:?}", back.elapsed());
    let rows = history_of(&node, &ada.id.to_string(), 2).await;
    assert_eq!(story(&rows), [(Status::Online, Reason::Connect), (Status::Offline, Reason::Banned)]);
    assert_eq!(rows[1].actor.as_deref(), Some("the-ban"), "whoever told redis, the administrator did it");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_a_node_died_over_is_applied_by_the_next() {
    let (redis, prefix) = (support::stack().redis_url(), support::prefix());
    let database = support::database_url().await;
    let node = Service::node(&redis, &database, &prefix, &[]).await;
    ready(&node).await;
    let ada = node.person("ada", Role::User).await;
    assert_eq!(node.beat(&ada.token, json!({})).await.0, StatusCode::OK);
    let accounts = node.app.accounts.clone();
    node.stop().await;
    // What a node leaves that dies between Postgres and Redis.
    let origin = Origin { request_id: Some("the-request".to_owned()), ..Origin::default() };
    let suspend = Decision::Suspend(rollcall::accounts::End::Never);
    accounts.decide(AccountId(ada.id), suspend, None, &origin).await.unwrap();
    let node = Service::node(&redis, &database, &prefix, &[]).await;
    beat_is_refused(&node, &ada.token, "account_suspended").await;
    let rows = history_of(&node, &ada.id.to_string(), 2).await;
    assert_eq!(story(&rows)[1], (Status::Offline, Reason::Suspended));
    assert_eq!(rows[1].actor.as_deref(), Some("the-request"));
    eventually("it is confirmed", ROUNDS, async || {
        let open = node.app.accounts.unconfirmed_gates(AccountId(0), 10).await.unwrap();
        open.is_empty().then_some(())
    })
    .await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspension_ends_in_redis_and_in_postgres() {
    let database = support::database_url().await;
    let node = Service::node(&support::stack().redis_url(), &database, &support::prefix(), &[]).await;
    ready(&node).await;
    let eve = node.person("eve", Role::Admin).await;
    let ada = node.person("ada", Role::User).await;
    let (status, said) =
        node.post(&eve.token, &path(ada.id, "suspend"), json!({"expires_in_ms": 1_500})).await;
    assert_eq!((status, &said["status"]), (StatusCode::OK, &json!("suspended")), "{said}");
    assert_eq!(node.beat(&ada.token, json!({})).await.1["code"], "account_suspended");
    eventually("heartbeats are taken again", ROUNDS, async || {
        (node.beat(&ada.token, json!({})).await.0 == StatusCode::OK).then_some(())
    })
    .await;
    eventually("people can log in again", ROUNDS, async || {
        let body = json!({"username": "ada", "password": PASSWORD});
        (node.send(Method::POST, "/api/auth/login/", body).await.0 == StatusCode::OK).then_some(())
    })
    .await;
    eventually("the account is active", ROUNDS, async || {
        let account = node.app.accounts.by_id(AccountId(ada.id)).await.unwrap().unwrap();
        (account.status == AccountStatus::Active && account.suspended_until.is_none()).then_some(())
    })
    .await;
    let pool = PgPool::connect(&database).await.unwrap();
    let told: Vec<(Option<String>, Option<String>)> =
        sqlx::query_as("SELECT actor, target_id FROM admin_actions WHERE action = 'SUSPENSION_ENDED'")
            .fetch_all(&pool)
            .await
            .unwrap();
    assert_eq!(told, [(None, Some(ada.id.to_string()))], "time did it, once");
    assert_eq!(status_of(&node, &ada.id.to_string()).await, "online", "and it throws nobody out");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_ends_although_every_node_was_down() {
    let (redis, prefix) = (support::stack().redis_url(), support::prefix());
    let database = support::database_url().await;
    let node = Service::node(&redis, &database, &prefix, &["--presence-ttl", "120s"]).await;
    ready(&node).await;
    let (user, token) = (UserId::parse("77").unwrap(), node.token("77", "tab"));
    assert_eq!(node.beat(&token, json!({})).await.0, StatusCode::OK);
    let ends = node.app.store.now().await.unwrap() + Millis(700);
    let claim = Claim {
        id: "lunch".to_owned(),
        status: Status::Busy,
        text: "at lunch".to_owned(),
        emoji: String::new(),
        until: Some(ends),
    };
    node.app.store.claim(&user, &Org::default(), Whose::Manual, Some(&claim), None).await.unwrap();
    assert_eq!(status_of(&node, "77").await, "busy");
    let app = node.app.clone();
    node.stop().await;
    eventually("the end has passed", Duration::from_secs(5), async || {
        (app.store.now().await.unwrap() > ends + Millis(100)).then_some(())
    })
    .await;
    assert_eq!(
        app.store.views(&[user]).await.unwrap()[0].as_ref().unwrap().status,
        Status::Busy,
        "nobody looked"
    );
    let node = Service::node(&redis, &database, &prefix, &["--presence-ttl", "120s"]).await;
    let rows = history_of(&node, "77", 3).await;
    let expected = [
        (Status::Online, Reason::Connect),
        (Status::Busy, Reason::ManualSet),
        (Status::Online, Reason::ManualExpired),
    ];
    assert_eq!(story(&rows), expected);
    assert_eq!(rows[2].occurred_at, ends, "it ended when it should");
    for shard in 0..2 {
        assert_eq!(node.app.audit.claims_of_shard(shard, None, 10).await.unwrap(), []);
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forced_logout_that_redis_missed_says_who_forced_it() {
    let database = support::database_url().await;
    let node = Service::node(&support::stack().redis_url(), &database, &support::prefix(), BRIEF).await;
    ready(&node).await;
    let id = node.person("ada", Role::User).await.id;
    let login = node.log_in("ada").await;
    let origin = Origin { request_id: Some("by-force".to_owned()), ..Origin::default() };
    node.app.accounts.force_logout(AccountId(id), None, &origin).await.unwrap();
    eventually("the token ends", ROUNDS, async || {
        let (status, _) = node.beat(login["tokens"]["access"].as_str().unwrap(), json!({})).await;
        (status == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await;
    let rows = history_of(&node, &id.to_string(), 2).await;
    assert_eq!((rows[1].reason, rows[1].actor.as_deref()), (Reason::ForceLogout, Some("by-force")));
    node.stop().await;
}
