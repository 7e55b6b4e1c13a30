//! Two nodes where keys live on several servers, or on one that sentinels tell.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use rollcall::presence::{LoginId, Org, Reason, Role, Room, Status, Tab, UserId};
use rollcall::store::{Bearer, Join, Pulse};
use serde_json::{Value, json};

use super::crowd::users_of;
use super::rigs::{Cluster, Rig, Sentinels};
use super::{SHARDS, prove};
use crate::doctor::Place;
use crate::journeys::{BRIEF, eventually, history_of, status_of, story};
use crate::support;
use crate::support::service::Service;

/// Nobody is noticed later, on a busy machine.
const NOTICED: i64 = 1_000;

async fn node(rig: &impl Rig, database: &str, name: &str) -> Service {
    let shards = SHARDS.to_string();
    let flags = [BRIEF, &["--redis-shards", &shards, "--node", name]].concat();
    Service::node(&rig.url(), database, "rc", &flags).await
}

/// Somebody in each shard.
fn everywhere(node: &Service, first: u32) -> Vec<String> {
    let keys = node.app.store.keys();
    (0..SHARDS).flat_map(|shard| users_of(keys, shard, first, 1)).collect()
}

async fn open(node: &Service) {
    for user in everywhere(node, 100) {
        let token = node.token(&user, "probe");
        eventually("the shard is open", Duration::from_secs(10), async || {
            (node.beat(&token, json!({})).await.0 == StatusCode::OK).then_some(())
        })
        .await;
    }
}

async fn offline(node: &Service, user: &str) {
    eventually("offline", Duration::from_secs(8), async || {
        (status_of(node, user).await == "offline").then_some(())
    })
    .await;
}

/// Comes by the one node, beats at the other, falls silent.
async fn silence(one: &Service, other: &Service) {
    let user = one.person("ada", Role::User).await.id.to_string();
    let login = one.log_in("ada").await;
    let token = login["tokens"]["access"].as_str().unwrap();
    let (status, answer) = other.beat(token, json!({})).await;
    assert_eq!((status, &answer["online_status"]), (StatusCode::OK, &json!("online")));
    assert_eq!(status_of(one, &user).await, "online");
    offline(other, &user).await;
    let rows = history_of(one, &user, 2).await;
    assert_eq!(story(&rows), [(Status::Online, Reason::Login), (Status::Offline, Reason::Expired)]);
    let late = rows[1].detected_at.0 - rows[1].occurred_at.0;
    assert!((0..NOTICED).contains(&late), "{late} ms late");
}

async fn goodbye(one: &Service, other: &Service) {
    let token = one.token("7", "tab");
    assert_eq!(one.beat(&token, json!({"connection": "first"})).await.0, StatusCode::OK);
    assert_eq!(other.beat(&token, json!({"connection": "first", "logout": true})).await.0, StatusCode::OK);
    offline(one, "7").await;
    let rows = history_of(other, "7", 2).await;
    assert_eq!(story(&rows), [(Status::Online, Reason::Connect), (Status::Offline, Reason::Closed)]);
}

async fn logout(one: &Service, other: &Service) {
    let user = one.person("eve", Role::User).await.id.to_string();
    let login = one.log_in("eve").await;
    let token = login["tokens"]["access"].as_str().unwrap();
    assert_eq!(one.post(token, "/api/auth/logout/", json!({})).await.0, StatusCode::OK);
    assert_eq!(status_of(other, &user).await, "offline", "at once");
    let (status, problem) = other.beat(token, json!({})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("login_ended")));
    let rows = history_of(other, &user, 2).await;
    assert_eq!(story(&rows), [(Status::Online, Reason::Login), (Status::Offline, Reason::Logout)]);
}

/// What is asked of all shards at once is put together from all servers.
async fn counts(one: &Service, other: &Service) {
    let users = everywhere(one, 1_000);
    let chief = one.person("chief", Role::Admin).await;
    for user in &users {
        assert_eq!(one.beat(&one.token(user, "tab"), json!({})).await.0, StatusCode::OK);
    }
    let ids: Vec<UserId> = users.iter().map(|user| UserId::parse(user).unwrap()).collect();
    let views = other.app.store.views(&ids).await.unwrap();
    assert!(views.iter().all(|view| view.as_ref().is_some_and(|view| view.status == Status::Online)));
    let present = other.app.store.present(None, None, 1_000).await.unwrap();
    assert!(ids.iter().all(|id| present.iter().any(|(user, ..)| user == id)));
    let (status, stats) = other.get(&chief.token, "/api/presence/stats/").await;
    assert_eq!(status, StatusCode::OK);
    assert!(stats["online"].as_u64().unwrap() >= u64::from(SHARDS), "{stats}");
    let (status, answer): (_, Value) = crate::support::service::answer(
        other
            .request(Method::POST, "/api/presence/query/")
            .bearer_auth(&chief.token)
            .json(&json!({"users": users})),
    )
    .await;
    assert_eq!(status, StatusCode::OK);
    let asked: Vec<_> =
        answer["results"].as_array().unwrap().iter().map(|view| view["status"].clone()).collect();
    assert_eq!(asked, vec![json!("online"); users.len()], "{answer}");
    assert!(other.app.store.figures().await.unwrap().memory.used > 0);
}

/// Members of a room live on the shards of their users, and are put together from all servers.
async fn rooms(one: &Service, other: &Service) {
    let (room, org) = (Room::parse("lobby").unwrap(), Org::default());
    let users = everywhere(one, 2_000);
    futures::future::join_all(users.iter().map(async |user| {
        assert_eq!(one.beat(&one.token(user, "tab"), json!({})).await.0, StatusCode::OK);
        let bearer = Bearer {
            user: UserId::parse(user).unwrap(),
            org: org.clone(),
            login: LoginId::parse("tab").unwrap(),
            token_version: 0,
        };
        assert_eq!(one.app.store.join(&bearer, &Tab::default(), &room).await.unwrap(), Join::Joined);
        assert!(other.app.store.typing(&bearer, &Tab::default(), &room, true).await.unwrap());
    }))
    .await;
    let count = async || other.app.store.members(&org, &room, 1_000).await.unwrap().count;
    assert_eq!(count().await, users.len() as u64);
    eventually("all have left", Duration::from_secs(10), async || {
        let is_over = count().await == 0 && one.app.store.sessions_in_rooms().await.unwrap() == 0;
        is_over.then_some(())
    })
    .await;
}

async fn tell_all(rig: &impl Rig) {
    let database = support::database_url().await;
    let (one, other) = (node(rig, &database, "one").await, node(rig, &database, "other").await);
    open(&one).await;
    tokio::join!(
        silence(&one, &other),
        goodbye(&one, &other),
        logout(&one, &other),
        counts(&one, &other),
        rooms(&one, &other)
    );
    assert_eq!(one.app.store.ping().await.unwrap(), Pulse::Whole);
    eventually("everybody is offline", Duration::from_secs(10), async || {
        (one.app.store.stats(None).await.ok()?.online == 0).then_some(())
    })
    .await;
    eventually("everything is copied", Duration::from_secs(10), async || {
        let rows = prove(&one.app.audit, &database).await;
        let gone = rows.iter().filter(|row| row.to == Status::Offline).count();
        (gone * 2 == rows.len()).then_some(())
    })
    .await;
    assert!(one.stop().await && other.stop().await, "the tasks ended in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_cluster_presence_is_the_same() {
    tell_all(&Cluster::start()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_sentinels_presence_is_the_same() {
    tell_all(&Sentinels::start()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_leads_to_the_wrong_kind_of_redis_says_which_is_right() {
    let rig = Cluster::start();
    let port = rig.members()[0].port();
    let database = support::database_url().await;
    for (url, advice) in [
        (format!("redis://127.0.0.1:{port}"), "redis-cluster://"),
        (format!("redis-sentinel://127.0.0.1:{port}?sentinelServiceName=x"), "redis"),
    ] {
        let refused = Service::refused(&url, &database).await;
        assert!(refused.contains(advice), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_sees_every_server() {
    let (cluster, sentinels) = (Cluster::start(), Sentinels::start());
    for (url, primaries) in [(cluster.url(), "3 primaries"), (sentinels.url(), "redis-sentinel://")] {
        let place = Place { redis: url, shards: "12", ..Place::shared().await };
        let node =
            Service::node(&place.redis, &place.database, &place.prefix, &["--redis-shards", "12"]).await;
        let answered = async || (node.beat(&node.token("1", "tab"), json!({})).await.0 == 200).then_some(());
        eventually("an open node", Duration::from_secs(20), answered).await;
        let (report, code) = place.examine().await;
        assert_eq!((report.failures(), code), (vec![], 0), "{:#}", report.0);
        assert!(
            report.check("redis.reachable")["found"].as_str().unwrap().contains(primaries),
            "{:#}",
            report.0
        );
        assert!(
            report.check("people")["found"].as_str().unwrap().contains("same of 1 who"),
            "{:#}",
            report.0
        );
        assert!(node.stop().await);
    }
}
