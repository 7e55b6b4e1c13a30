//! A login that fails half-way leaves nothing behind: no login in Postgres, nobody online in Redis.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use rollcall::accounts::AccountId;
use rollcall::presence::{Role, Status, UserId};
use serde_json::json;
use sqlx::{Connection, Executor, PgConnection};

use crate::journeys::eventually;
use crate::support;
use crate::support::service::{PASSWORD, Service};

async fn attempt(service: &Service) -> StatusCode {
    let body = json!({"username": "ada", "password": PASSWORD});
    service.send(Method::POST, "/api/auth/login/", body).await.0
}

async fn status(service: &Service, id: i64) -> Option<Status> {
    let views = service.app.store.views(&[UserId::parse(&id.to_string()).unwrap()]).await.ok()?;
    views[0].as_ref().map(|view| view.status)
}

#[tokio::test]
async fn a_login_that_cannot_be_recorded_is_taken_back() {
    let database = support::database_url().await;
    let service = Service::on(&support::stack().redis_url(), &database, &[]).await;
    let id = service.person("ada", Role::User).await.id;
    let mut owner = PgConnection::connect(&database).await.unwrap();
    owner.execute("ALTER TABLE admin_actions RENAME TO away").await.unwrap();
    assert_eq!(attempt(&service).await, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(status(&service, id).await, Some(Status::Offline));
    assert!(service.app.accounts.sessions(AccountId(id)).await.unwrap().is_empty());
    owner.execute("ALTER TABLE away RENAME TO admin_actions").await.unwrap();
    let rows: Vec<String> =
        sqlx::query_scalar("SELECT action FROM admin_actions WHERE action LIKE 'USER_LOG%'")
            .fetch_all(&mut owner)
            .await
            .unwrap();
    assert!(rows.is_empty(), "nobody logged in or out: {rows:?}");
}

#[tokio::test]
async fn a_login_whose_beat_came_through_too_late_is_taken_back() {
    let stack = support::private_stack(|_| ());
    let database = support::migrated(&stack).await;
    // Without limits, whose scripts would be what waits.
    let flags = ["--limits-login-account", "none"];
    let service = Service::on(&stack.redis_url(), &database, &flags).await;
    let id = service.person("ada", Role::User).await.id;
    // Writes wait for longer than their callers do, and then run; Redis answers pings all the time.
    support::redis_command_to(&stack, "CLIENT PAUSE 3000 WRITE").await;
    assert_eq!(attempt(&service).await, StatusCode::SERVICE_UNAVAILABLE);
    assert!(service.app.accounts.sessions(AccountId(id)).await.unwrap().is_empty());
    let shard = service.app.store.keys().shard_of(&UserId::parse(&id.to_string()).unwrap());
    let ended = format!("ZCARD {}", service.app.store.keys().ended(shard));
    eventually("the end of the login comes through", Duration::from_secs(10), async || {
        support::redis_command_to(&stack, &ended).await.starts_with(":1").then_some(())
    })
    .await;
    // What was sent before has run by now, on whichever connection it was.
    service.app.store.ping().await.unwrap();
    assert_ne!(status(&service, id).await, Some(Status::Online));
}
