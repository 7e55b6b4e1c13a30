//! A store's host, or something between, vanishes without a word: what a node has under way there is never answered, and
//! no error tells of it. New connections find another host.

use std::time::Duration;

use rollcall::app::POSTGRES_CONNECTIONS;
use rollcall::presence::{Role, Status};
use serde_json::json;
use sqlx::PgPool;

use super::{BRIEF, eventually, history_of, prove, ready, status_of};
use crate::support;
use crate::support::proxy::{Mode, Proxy};
use crate::support::service::Service;

/// How long a node may take until it has given up what is not answered, and asked anew.
const LIMIT: Duration = Duration::from_secs(20);

async fn arrive(node: &Service, user: &str) {
    let token = node.token(user, "tab");
    eventually("a heartbeat is taken", LIMIT, async || {
        (node.beat(&token, json!({})).await.0 == 200).then_some(())
    })
    .await;
}

/// Waits until so many of the database's connections wait for a lock.
async fn waiting(pool: &PgPool, connections: i64) {
    eventually("statements wait for a lock", LIMIT, async || {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let found: i64 = sqlx::query_scalar(sql).fetch_one(pool).await.unwrap();
        (found >= connections).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_vanishes_without_a_word_is_given_up_and_asked_anew() {
    let (direct, proxy, url) = support::database_behind_proxy().await;
    let node = Service::node(&support::stack().redis_url(), &url, &support::prefix(), BRIEF).await;
    ready(&node).await;
    arrive(&node, "100").await;
    history_of(&node, "100", 1).await;
    let admin = node.person("eve", Role::Admin).await;

    // The copy is in the midst of a transaction, and so many requests in that of a statement that no connection is left.
    let pool = PgPool::connect(&direct).await.unwrap();
    let mut lock = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE copy_position, users").execute(&mut *lock).await.unwrap();
    arrive(&node, "200").await;
    waiting(&pool, 1).await;
    let asked = async || node.get(&admin.token, "/api/users/admin/users/").await.0;
    let asking = (0..2 * POSTGRES_CONNECTIONS).map(|_| async {
        loop {
            asked().await;
        }
    });
    let vanishing = async {
        waiting(&pool, i64::from(POSTGRES_CONNECTIONS)).await;
        proxy.lose();
        tokio::time::sleep(Duration::from_millis(100)).await;
        lock.rollback().await.unwrap();
        arrive(&node, "300").await;
        eventually("requests are answered", LIMIT, async || (asked().await == 200).then_some(())).await;
    };
    // Those who ask wait on for what will not come.
    tokio::select! {
        _ = futures::future::join_all(asking) => {}
        () = vanishing => {}
    }
    for user in ["200", "300"] {
        history_of(&node, user, 1).await;
    }
    // And the end of each.
    for user in ["100", "200", "300"] {
        let story = history_of(&node, user, 2).await;
        assert_eq!(story[1].to, Status::Offline);
    }
    prove(&node.app.audit).await;
    assert!(node.stop().await, "the tasks ended within their time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_vanishes_without_a_word_is_given_up_and_asked_anew() {
    let redis = support::stack().redis_url();
    let proxy = Proxy::before(redis.strip_prefix("redis+unix://").unwrap().into()).await.unwrap();
    let url = format!("redis://127.0.0.1:{}", proxy.port());
    let node = Service::node(&url, &support::database_url().await, &support::prefix(), BRIEF).await;
    ready(&node).await;
    arrive(&node, "100").await;
    // Heartbeats are on their way, and the tasks wait for answers.
    let token = node.token("100", "tab");
    let beats = futures::future::join_all((0..30).map(|_| node.beat(&token, json!({}))));
    proxy.set(Mode::Deaf);
    let _ = tokio::time::timeout(Duration::from_millis(500), beats).await;
    proxy.lose();
    tokio::time::sleep(Duration::from_millis(100)).await;
    proxy.set(Mode::Pass);
    arrive(&node, "200").await;
    assert_eq!(status_of(&node, "200").await, "online");
    // What Redis does by itself is heard of again: the silent are noticed, and recorded.
    history_of(&node, "200", 2).await;
    prove(&node.app.audit).await;
    assert!(node.stop().await, "the tasks ended within their time");
}
