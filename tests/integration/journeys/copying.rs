//! From the outbox to the history, where something stands in the way: the copy goes on behind it.

use std::time::Duration;

use rollcall::presence::{Millis, UserId};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::{BRIEF, eventually, history_of, ready};
use crate::support;
use crate::support::service::Service;

/// So many users of shard 0.
fn people(node: &Service, many: usize) -> Vec<String> {
    let keys = node.app.store.keys();
    let in_shard = |user: &String| keys.shard_of(&UserId::parse(user).unwrap()) == 0;
    (100..).map(|number: u32| number.to_string()).filter(in_shard).take(many).collect()
}

async fn arrive(node: &Service, users: &[String]) {
    for user in users {
        assert_eq!(node.beat(&node.token(user, "tab"), json!({})).await.0, 200);
    }
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_holds_up_nobody() {
    let database = support::database_url().await;
    let node = Service::node(&support::stack().redis_url(), &database, &support::prefix(), BRIEF).await;
    ready(&node).await;
    let users = people(&node, 2);
    arrive(&node, &users[..1]).await;
    support::add_entry(&node.app.store, 0, "k t r teleported").await;
    arrive(&node, &users[1..]).await;
    history_of(&node, &users[1], 1).await;
    let pool = PgPool::connect(&database).await.unwrap();
    let parked: Vec<String> =
        sqlx::query_scalar("SELECT entry::text FROM quarantine").fetch_all(&pool).await.unwrap();
    assert_eq!(parked, [r#"{"k":"t","r":"teleported"}"#]);
    node.stop().await;
}

#[tokio::test]
async fn a_postgres_that_was_put_back_says_what_it_lost_and_goes_on() {
    let (redis, prefix) = (support::stack().redis_url(), support::prefix());
    let database = support::database_url().await;
    let node = Service::node(&redis, &database, &prefix, &[]).await;
    ready(&node).await;
    let users = people(&node, 6);
    arrive(&node, &users[..5]).await;
    history_of(&node, &users[4], 1).await;
    let newest = eventually("everything is copied", Duration::from_secs(5), async || {
        let position = node.app.audit.position(0).await.unwrap();
        let newer = node.app.store.entries(0, position.n, 1).await.unwrap();
        newer.is_empty().then_some(position.n)
    })
    .await;
    let log = node.app.store.keys().log(0);
    node.stop().await;

    // What is copied is forgotten but for the last; then Postgres comes back as it was after the first entry.
    let trimmed = support::redis_command(&format!("XTRIM {log} MAXLEN 1")).await;
    assert_eq!(trimmed, format!(":{}\r\n", newest - 1));
    let pool = PgPool::connect(&database).await.unwrap();
    for sql in [
        "UPDATE copy_position SET n = 1 WHERE shard = 0",
        "DELETE FROM transitions_log WHERE shard = 0 AND n > 1",
        "DELETE FROM copy_batches WHERE shard = 0 AND last_n > 1",
    ] {
        sqlx::query(sql).execute(&pool).await.unwrap();
    }
    let node = Service::node(&redis, &database, &prefix, &[]).await;
    arrive(&node, &users[5..]).await;
    history_of(&node, &users[5], 1).await;
    let gaps: Vec<Value> = sqlx::query_scalar("SELECT detail FROM system_events WHERE kind = 'gap'")
        .fetch_all(&pool)
        .await
        .unwrap();
    let said: Vec<_> = gaps.iter().map(|gap| (&gap["shard"], &gap["from"], &gap["to"])).collect();
    assert_eq!(said, [(&json!(0), &json!(2), &json!(newest - 1))]);
    node.stop().await;
}

#[tokio::test]
async fn what_is_copied_and_a_minute_old_is_forgotten_however_much_it_is() {
    let (redis, prefix) = (support::stack().redis_url(), support::prefix());
    let node = Service::node(&redis, &support::database_url().await, &prefix, &[]).await;
    ready(&node).await;
    let users = people(&node, 60);
    arrive(&node, &users).await;
    history_of(&node, &users[59], 1).await;
    let store = &node.app.store;
    let left = async || store.entries(0, 0, 100).await.unwrap().len();
    assert!(left().await >= users.len());
    store.clock().set(store.now().await.unwrap() + Millis(61_000));
    eventually("all but the last are forgotten", Duration::from_secs(10), async || {
        (left().await == 1).then_some(())
    })
    .await;
    node.stop().await;
}
