//! Logouts that Redis missed, or forgot: Postgres knows, and Redis is told.

use std::time::Duration;

use reqwest::StatusCode;
use rollcall::accounts::{AccountId, EndReason, Origin};
use rollcall::devstack::Data;
use rollcall::presence::{Reason, Role, Status};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};

use super::{BRIEF, brief_node, eventually, history_of, ready, status_of, story};
use crate::support;
use crate::support::service::Service;

/// Some rounds of the task.
const ROUNDS: Duration = Duration::from_secs(10);

fn access(login: &Value) -> &str {
    login["tokens"]["access"].as_str().unwrap()
}

async fn ends(node: &Service, token: &str) {
    eventually("the token ends", ROUNDS, async || {
        let (status, answer) = node.beat(token, json!({})).await;
        (status == StatusCode::UNAUTHORIZED && answer["code"] == "login_ended").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_that_redis_missed_ends_the_token_all_the_same() {
    let node = brief_node().await;
    ready(&node).await;
    let id = AccountId(node.person("ada", Role::User).await.id);
    let login = node.log_in("ada").await;
    let name = node.app.accounts.sessions(id).await.unwrap().pop().unwrap().login;
    node.app.accounts.end_family(id, &name, EndReason::Logout, &Origin::default()).await.unwrap();
    ends(&node, access(&login)).await;
    assert_eq!(status_of(&node, &id.to_string()).await, "offline");
    let rows = history_of(&node, &id.to_string(), 2).await;
    assert_eq!(story(&rows)[..2], [(Status::Online, Reason::Login), (Status::Offline, Reason::Logout)]);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_everywhere_that_redis_missed_spares_who_came_back() {
    let database = support::database_url().await;
    let node = Service::node(&support::stack().redis_url(), &database, &support::prefix(), &[]).await;
    ready(&node).await;
    let id = AccountId(node.person("ada", Role::User).await.id);
    let before = node.log_in("ada").await;
    node.app.accounts.end_all(id, None, EndReason::LogoutAll, &Origin::default()).await.unwrap();
    let again = node.log_in("ada").await;
    let (status, standing) = node.beat(access(&again), json!({})).await;
    assert_eq!(status, StatusCode::OK);
    ends(&node, access(&before)).await;
    let (status, still) = node.beat(access(&again), json!({})).await;
    assert_eq!((status, &still["since"]), (StatusCode::OK, &standing["since"]), "nobody saw them leave");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_comes_back_empty_learns_who_has_logged_out() {
    let stack = support::private_stack(|_| ());
    let database = support::migrated(&stack).await;
    let node = Service::node(&stack.redis_url(), &database, "rc", BRIEF).await;
    ready(&node).await;
    node.person("ada", Role::User).await;
    let login = node.log_in("ada").await;
    let (status, _) = node.post(access(&login), "/api/auth/logout/", json!({})).await;
    assert_eq!(status, StatusCode::OK);
    // Longer ago than an ordinary round looks back.
    let mut owner = PgConnection::connect(&database).await.unwrap();
    owner
        .execute("UPDATE token_families SET ended_at = now() - interval '5 min' WHERE ended_at IS NOT NULL")
        .await
        .unwrap();
    stack.redis().kill();
    stack.redis().start(Data::Lost).unwrap();
    ready(&node).await;
    ends(&node, access(&login)).await;
    node.stop().await;
}
