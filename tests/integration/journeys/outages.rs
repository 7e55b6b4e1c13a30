//! Postgres dies while people come and go; Redis is started again with its data.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use rollcall::devstack::Data;
use rollcall::presence::Status;
use serde_json::json;

use super::{BRIEF, eventually, prove, ready, status_of};
use crate::support;
use crate::support::service::Service;

/// A crowd of so many, each with its own token.
fn crowd(node: &Service, first: u32, many: u32) -> Vec<String> {
    (first..first + many).map(|user| node.token(&user.to_string(), "tab")).collect()
}

async fn beat_all(node: &Service, tokens: &[String]) {
    let beats = tokens.iter().map(|token| node.beat(token, json!({})));
    for (status, answer) in futures::future::join_all(beats).await {
        assert_eq!(status, StatusCode::OK, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_presence_goes_on_and_every_entry_arrives_later() {
    let stack = support::private_stack(|_| ());
    let database = support::migrated(&stack).await;
    let node = Service::node(&stack.redis_url(), &database, "rc", BRIEF).await;
    ready(&node).await;
    let before = crowd(&node, 100, 50);
    beat_all(&node, &before).await;

    stack.postgres().kill();
    let during = crowd(&node, 200, 50);
    beat_all(&node, &during).await;
    assert_eq!(status_of(&node, "200").await, "online");
    // Everybody falls silent, and goes offline while Postgres is down.
    eventually("the first crowd goes offline", Duration::from_secs(10), async || {
        let stats = node.app.store.stats(None).await.unwrap();
        (stats.online == 0).then_some(())
    })
    .await;
    beat_all(&node, &during[..10]).await;

    stack.postgres().start(Data::Kept).unwrap();
    eventually("every entry is in Postgres", Duration::from_secs(20), async || {
        let rows =
            node.app.audit.transitions(&rollcall::audit::Filter::default(), None, 1_000).await.ok()?.rows;
        let arrived =
            |user: u32| rows.iter().any(|row| row.user.as_ref().unwrap().as_str() == user.to_string());
        ((100..150).chain(200..250).all(arrived) && rows.len() >= 220).then_some(())
    })
    .await;
    let rows = prove(&node.app.audit).await;
    let of_crowd = rows.iter().filter(|row| row.user.as_ref().unwrap().as_str().len() == 3);
    let came = of_crowd.filter(|row| row.to == Status::Online).count();
    assert_eq!(came, 110, "each arrival once");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_a_node_with_many_shards_stops_in_time() {
    let stack = support::private_stack(|_| ());
    let database = support::migrated(&stack).await;
    let node = Service::node(&stack.redis_url(), &database, "rc", &["--redis-shards", "64"]).await;
    let people = crowd(&node, 100, 200);
    eventually("all shards are open", Duration::from_secs(10), async || {
        let beats = people.iter().map(|token| node.beat(token, json!({})));
        futures::future::join_all(beats).await.iter().all(|(status, _)| status.is_success()).then_some(())
    })
    .await;
    stack.postgres().kill();
    beat_all(&node, &crowd(&node, 300, 200)).await;
    // The copy has found out by now: each shard would wait for a connection until its time is over.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(node.stop().await, "the tasks ended within their time");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_started_again_with_its_data_is_back_within_a_second() {
    let stack = support::private_stack(|options| options.redis_persists = true);
    let database = support::migrated(&stack).await;
    let node = Service::node(&stack.redis_url(), &database, "rc", &["--presence-ttl", "120s"]).await;
    ready(&node).await;
    let tokens = crowd(&node, 100, 50);
    beat_all(&node, &tokens).await;

    stack.redis().stop().unwrap();
    let (status, problem) = node.beat(&tokens[0], json!({})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("store_unavailable")));
    stack.redis().start(Data::Kept).unwrap();
    let back = Instant::now();
    eventually("heartbeats are taken again", Duration::from_secs(5), async || {
        (node.beat(&tokens[0], json!({})).await.0 == StatusCode::OK).then_some(())
    })
    .await;
    assert!(back.elapsed() < Duration::from_secs(1), "took {:?}", back.elapsed());
    beat_all(&node, &tokens).await;
    let rows = prove(&node.app.audit).await;
    assert!(rows.iter().all(|row| row.to == Status::Online), "nobody went offline");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_somebody_switched_off_are_noticed_and_switched_on_again() {
    let stack = support::private_stack(|_| ());
    let database = support::migrated(&stack).await;
    let node = Service::node(&stack.redis_url(), &database, "rc", BRIEF).await;
    ready(&node).await;
    support::redis_command_to(&stack, "CONFIG SET notify-keyspace-events \"\"").await;
    // The connection lives, so only the silence of the canary can tell.
    eventually("redis is told to publish expired keys again", Duration::from_secs(30), async || {
        let events = support::redis_command_to(&stack, "CONFIG GET notify-keyspace-events").await;
        (events.contains('E') && events.contains('x')).then_some(())
    })
    .await;
    let by_event = async || {
        let metrics = node.app.metrics.render();
        let line =
            metrics.lines().find(|line| line.starts_with("rollcall_expirations_total{path=\"event\"}"))?;
        line.rsplit(' ').next()?.parse::<f64>().ok()
    };
    let before = by_event().await.unwrap_or_default();
    beat_all(&node, &crowd(&node, 100, 10)).await;
    eventually("the event path works again", Duration::from_secs(20), async || {
        (by_event().await? > before).then_some(())
    })
    .await;
    node.stop().await;
}
