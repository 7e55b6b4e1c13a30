//! A whole service for a test: its own database and Redis prefix, real sockets, and people to send requests.

use std::time::Duration;

use clap::Parser;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use rollcall::accounts::{AccountStatus, Email, NewAccount, Origin, Username};
use rollcall::app::App;
use rollcall::auth::{Grant, Password};
use rollcall::config::{Config, load};
use rollcall::http::{Options, serve, serve_internal};
use rollcall::live::Live;
use rollcall::presence::{LoginId, Org, Role, UserId};
use rollcall::tasks::Tasks;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::support;

/// The password of everybody in these tests.
pub const PASSWORD: &str = "correct horse";
/// The key that signs access tokens in these tests.
pub const SECRET: &str = "a secret of the tests, long enough to sign with";

/// A command line of settings alone.
#[derive(Debug, Parser)]
struct Settings {
    #[command(flatten)]
    config: Config,
}

impl AsMut<Config> for Settings {
    fn as_mut(&mut self) -> &mut Config {
        &mut self.config
    }
}

/// A service under test. It stops with the test.
pub struct Service {
    pub app: App,
    pub live: Live,
    pub base: String,
    pub internal: String,
    client: Client,
    tasks: Option<Tasks>,
    stop: CancellationToken,
    _stop: DropGuard,
}

/// Somebody with an account, logged in or not.
pub struct Person {
    pub id: i64,
    pub name: String,
    pub token: String,
}

impl Service {
    /// Starts a service on the servers that all tests share.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The same with these flags.
    pub async fn with(flags: &[&str]) -> Self {
        let database = support::database_url().await;
        Self::on(&support::stack().redis_url(), &database, flags).await
    }

    /// Starts a service on these servers, under a prefix of its own.
    pub async fn on(redis: &str, database: &str, flags: &[&str]) -> Self {
        let service = Self::build(redis, database, &support::prefix(), flags).await;
        tokio::spawn({
            let (app, stop) = (service.app.clone(), service.stop.clone());
            async move { stop.run_until_cancelled(app.store.work()).await }
        });
        tokio::spawn({
            let (app, live, stop) = (service.app.clone(), service.live.clone(), service.stop.clone());
            async move { stop.run_until_cancelled(app.store.follow(&|heard| live.hear(heard))).await }
        });
        service.app.visibilities.refresh(&service.app.accounts).await.unwrap();
        tokio::spawn({
            let (app, stop) = (service.app.clone(), service.stop.clone());
            async move { stop.run_until_cancelled(app.visibilities.follow(&app.accounts)).await }
        });
        for shard in 0..service.app.store.keys().shards() {
            let epoch = service.app.audit.next_epoch(shard, "test").await.unwrap().epoch;
            service.app.store.open_empty(shard, epoch).await.unwrap();
        }
        service
    }

    /// Starts a whole node: with everything that runs beside the requests.
    pub async fn node(redis: &str, database: &str, prefix: &str, flags: &[&str]) -> Self {
        let mut service = Self::build(redis, database, prefix, flags).await;
        service.tasks = Some(Tasks::spawn(&service.app, &service.live));
        service
    }

    /// Starts a whole node on the servers that all tests share, and waits until it has opened its shards.
    pub async fn node_alone(flags: &[&str]) -> Self {
        let database = support::database_url().await;
        let node = Self::node(&support::stack().redis_url(), &database, &support::prefix(), flags).await;
        let token = node.token("first", "f");
        let opened =
            async || (node.get(&token, "/api/presence/stats/").await.0 == StatusCode::OK).then_some(());
        support::eventually("an open node", Duration::from_secs(20), opened).await;
        node.post(&token, "/api/auth/logout/", json!({})).await;
        node
    }

    /// Why a service does not start on this Redis.
    pub async fn refused(redis: &str, database: &str) -> String {
        let mut config = Self::config(redis, database, &support::prefix(), &[]);
        config.auth.set_secret(SECRET.into());
        format!("{:#}", App::build(config).await.err().expect("it starts"))
    }

    async fn build(redis: &str, database: &str, prefix: &str, flags: &[&str]) -> Self {
        let mut config = Self::config(redis, database, prefix, flags);
        config.auth.set_secret(SECRET.into());
        let app = App::build(config).await.unwrap();
        let stop = CancellationToken::new();
        let public = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", public.local_addr().unwrap());
        let options = Options { bench_route: true, ..Options::default() };
        let live = Live::new(&app);
        tokio::spawn(serve(public, app.clone(), live.routes(), options, stop.clone()));
        let inside = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let internal = format!("http://{}", inside.local_addr().unwrap());
        tokio::spawn(serve_internal(inside, app.clone(), stop.clone()));
        Self {
            app,
            live,
            base,
            internal,
            client: Client::new(),
            tasks: None,
            _stop: stop.clone().drop_guard(),
            stop,
        }
    }

    fn config(redis: &str, database: &str, prefix: &str, flags: &[&str]) -> Config {
        let places = ["--redis-prefix", prefix, "--redis-url", redis, "--database-url", database];
        // Two show whatever more would, unless the number itself matters.
        let shards: &[_] = if flags.contains(&"--redis-shards") { &[] } else { &["--redis-shards", "2"] };
        let args = ["rollcall"].iter().chain(shards).chain(&places).chain(flags).copied();
        load::<Settings>(args.map(Into::into)).unwrap().command.config
    }

    /// Stops a node in order; answers whether its tasks ended in time.
    pub async fn stop(mut self) -> bool {
        let tasks = self.tasks.take();
        self.stop.cancel();
        match tasks {
            Some(tasks) => tasks.stop(Duration::from_secs(5)).await,
            None => true,
        }
    }

    /// A token for somebody who needs no account: presence knows people by their tokens alone.
    pub fn token(&self, user: &str, login: &str) -> String {
        self.token_of_version(user, login, 0)
    }

    /// The same of this token version.
    pub fn token_of_version(&self, user: &str, login: &str, token_version: i64) -> String {
        let grant = Grant {
            user: UserId::parse(user).unwrap(),
            org: Org::default(),
            login: LoginId::parse(login).unwrap(),
            token_version,
            role: Role::User,
        };
        self.app.tokens.issue(&grant, OffsetDateTime::now_utc())
    }

    /// A heartbeat.
    pub async fn beat(&self, token: &str, body: Value) -> (StatusCode, Value) {
        self.post(token, "/api/users/heartbeat/", body).await
    }

    /// A request to the public API.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    /// Status and JSON of a request without a token.
    pub async fn send(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        answer(self.request(method, path).json(&body)).await
    }

    /// An account of this role, and a token of a login that has begun nothing yet.
    pub async fn person(&self, name: &str, role: Role) -> Person {
        self.person_of(name, role, "main", AccountStatus::Active).await
    }

    /// The same in this organisation and status.
    pub async fn person_of(&self, name: &str, role: Role, org: &str, status: AccountStatus) -> Person {
        let password = Password::parse(PASSWORD.into()).unwrap();
        let new = NewAccount {
            username: Username::parse(name).unwrap(),
            email: Email::parse(&format!("{name}@example.com")).unwrap(),
            password_hash: self.app.passwords.hash(password).await.unwrap(),
            role,
            status,
            org: Org::parse(org).unwrap(),
            first_name: "First".to_owned(),
            last_name: "Last".to_owned(),
        };
        let account = self.app.accounts.create(&new, &Origin::default()).await.unwrap();
        let grant = Grant {
            user: account.id.user(),
            org: account.org,
            login: LoginId::parse(&format!("login-{}", account.id)).unwrap(),
            token_version: account.token_version,
            role,
        };
        let token = self.app.tokens.issue(&grant, OffsetDateTime::now_utc());
        Person { id: account.id.0, name: name.to_owned(), token }
    }

    /// Logs in over HTTP: the whole answer.
    pub async fn log_in(&self, name: &str) -> Value {
        let body = json!({"username": name, "password": PASSWORD});
        let (status, answer) = self.send(Method::POST, "/api/auth/login/", body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    /// Status and JSON of a GET with this token.
    pub async fn get(&self, token: &str, path: &str) -> (StatusCode, Value) {
        answer(self.request(Method::GET, path).bearer_auth(token)).await
    }

    /// Status and JSON of a POST with this token.
    pub async fn post(&self, token: &str, path: &str, body: Value) -> (StatusCode, Value) {
        answer(self.request(Method::POST, path).bearer_auth(token).json(&body)).await
    }
}

/// Status and JSON of a request; `null` if the body is none.
pub async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap_or_default())
}

/// Whether a text is a time as answers show them: `2026-11-20T11:08:32.209Z`.
pub fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default().as_bytes();
    text.len() == 24 && text[19] == b'.' && text[23] == b'Z'
}
