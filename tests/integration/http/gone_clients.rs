//! Clients that go away in the middle of a request: what ends a login ends it in both stores, or in none.

use std::time::Duration;

use reqwest::Method;
use rollcall::accounts::AccountId;
use rollcall::presence::{LoginId, Org, Role, UserId};
use rollcall::store::{Answer, Bearer};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::journeys::eventually;
use crate::support;
use crate::support::service::Service;

const PATIENCE: Duration = Duration::from_secs(10);

/// A service, somebody who is logged in, and the owner's connection to Postgres.
struct Scene {
    service: Service,
    id: i64,
    access: String,
    refresh: String,
    owner: PgConnection,
}

async fn scene() -> Scene {
    let database = support::database_url().await;
    let service = Service::on(&support::stack().redis_url(), &database, &[]).await;
    let id = service.person("ada", Role::User).await.id;
    let answer = service.log_in("ada").await;
    let token = |name: &str| answer["tokens"][name].as_str().unwrap().to_owned();
    let owner = PgConnection::connect(&database).await.unwrap();
    Scene { access: token("access"), refresh: token("refresh"), service, id, owner }
}

impl Scene {
    /// Sends a request, and goes away while it waits for the row of the login.
    async fn ask_and_leave(&mut self, path: &str, body: Value) {
        let mut lock = self.owner.begin().await.unwrap();
        lock.execute("SELECT FROM token_families FOR UPDATE").await.unwrap();
        let mut stream = TcpStream::connect(self.service.base.trim_start_matches("http://")).await.unwrap();
        let (access, body) = (&self.access, body.to_string());
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {access}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        eventually("the request waits for the row", PATIENCE, async || {
            let waiting = "SELECT count(*) FROM pg_stat_activity \
                WHERE datname = current_database() AND wait_event_type = 'Lock'";
            let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(&mut *lock).await.unwrap();
            (waiting > 0).then_some(())
        })
        .await;
        // The service sees the end of the stream, drops the handler and closes.
        stream.shutdown().await.unwrap();
        let left = timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await;
        assert_eq!(left.expect("the service lets the client go").unwrap(), 0, "it was answered");
        lock.rollback().await.unwrap();
    }

    async fn ends(&self, what: &str) {
        let accounts = &self.service.app.accounts;
        eventually(&format!("{what}: the login ends in Postgres"), PATIENCE, async || {
            accounts.sessions(AccountId(self.id)).await.unwrap().is_empty().then_some(())
        })
        .await;
        eventually(&format!("{what}: the access token ends"), PATIENCE, async || {
            let body = json!({ "token": self.access });
            let (status, _) = self.service.send(Method::POST, "/api/auth/verify/", body).await;
            (status == 401).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_logout_is_done_though_its_client_has_gone() {
    for path in ["/api/auth/logout/", "/api/auth/logout-all-devices/"] {
        let mut scene = scene().await;
        scene.ask_and_leave(path, json!({})).await;
        scene.ends(path).await;
    }
}

#[tokio::test]
async fn a_reused_refresh_token_ends_the_login_though_its_client_has_gone() {
    let mut scene = scene().await;
    let renew = async |token: &str| {
        let body = json!({ "refresh": token });
        scene.service.send(Method::POST, "/api/auth/refresh/", body).await.1
    };
    let next = renew(&scene.refresh).await;
    renew(next["refresh"].as_str().unwrap()).await;
    scene.ask_and_leave("/api/auth/refresh/", json!({ "refresh": scene.refresh.clone() })).await;
    scene.ends("reuse").await;
}

#[tokio::test]
async fn a_refresh_of_an_ended_login_ends_the_sessions_that_were_left() {
    let scene = scene().await;
    let (accounts, user) = (&scene.service.app.accounts, UserId::parse(&scene.id.to_string()).unwrap());
    let login = accounts.sessions(AccountId(scene.id)).await.unwrap().pop().unwrap().login;
    // As if the node had died between the two.
    let origin = rollcall::accounts::Origin::default();
    let reason = rollcall::accounts::EndReason::Logout;
    accounts.end_family(AccountId(scene.id), &login, reason, &origin).await.unwrap();
    assert!(matches!(standing(&scene.service, &user, &login).await, Answer::Standing { .. }));
    let body = json!({ "refresh": scene.refresh });
    let (status, answer) = scene.service.send(Method::POST, "/api/auth/refresh/", body).await;
    assert_eq!((status.as_u16(), &answer["code"]), (401, &json!("login_ended")));
    assert_eq!(standing(&scene.service, &user, &login).await, Answer::Ended);
}

async fn standing(service: &Service, user: &UserId, login: &LoginId) -> Answer {
    let bearer = Bearer { user: user.clone(), org: Org::default(), login: login.clone(), token_version: 1 };
    service.app.store.check(&bearer).await.unwrap()
}
