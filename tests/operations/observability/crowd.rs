//! People who do what makes figures move: log in, rightly and wrongly, beat over HTTP and sockets, watch, are busy, fall
//! silent.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::support::eventually;
use crate::support::program::token;
use crate::support::service::PASSWORD;
use crate::support::socket::Socket;

/// The pace of everybody. Their sessions live for 2 s.
const PACE: Duration = Duration::from_millis(300);
/// People of each kind.
const PAGES: u32 = 4;
const WATCHERS: u32 = 4;
/// For a node that has just been started.
const PATIENCE: Duration = Duration::from_secs(30);

/// Times of presence that are short, for the program's environment.
pub const BRIEF: &[(&str, &str)] = &[
    ("ROLLCALL_PRESENCE_HEARTBEAT", "500ms"),
    ("ROLLCALL_PRESENCE_TTL", "2s"),
    ("ROLLCALL_PRESENCE_HIDDEN_HEARTBEAT", "500ms"),
    ("ROLLCALL_PRESENCE_HIDDEN_TTL", "2s"),
    ("ROLLCALL_PRESENCE_SOCKET_PING", "500ms"),
    ("ROLLCALL_PRESENCE_SOCKET_TTL", "2s"),
    ("ROLLCALL_PRESENCE_LINGER", "500ms"),
];

/// All of them. They go with it.
pub struct Crowd {
    _lives: JoinSet<()>,
}

impl Crowd {
    /// Waits until the node takes heartbeats, and lets everybody come.
    pub async fn gather(base: &str) -> Self {
        let visitor = Visitor { client: Client::new(), base: base.to_owned() };
        let first = token("first");
        eventually("an open node", PATIENCE, async || {
            let is_open = visitor.beat(&first, json!({})).await == Some(StatusCode::OK);
            // Not so fast that what is refused meanwhile is worth an alert.
            if !is_open {
                sleep(PACE).await;
            }
            is_open.then_some(())
        })
        .await;
        let mut lives = JoinSet::new();
        for number in 0..PAGES {
            lives.spawn(visitor.clone().use_a_page(format!("page{number}")));
        }
        for number in 0..WATCHERS {
            lives.spawn(watch(base.to_owned(), token(&format!("watcher{number}"))));
        }
        lives.spawn(visitor.clone().fall_silent());
        lives.spawn(visitor.guess());
        Self { _lives: lives }
    }
}

/// Somebody with a browser. What is refused while the test breaks something is tried again.
#[derive(Clone)]
struct Visitor {
    client: Client,
    base: String,
}

impl Visitor {
    async fn send(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Value,
    ) -> Option<(StatusCode, Value)> {
        let request =
            self.client.request(method, format!("{}{path}", self.base)).bearer_auth(token).json(&body);
        let answer = request.send().await.ok()?;
        Some((answer.status(), answer.json().await.unwrap_or_default()))
    }

    async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.send(Method::POST, path, "", body).await.unwrap()
    }

    async fn beat(&self, token: &str, body: Value) -> Option<StatusCode> {
        self.send(Method::POST, "/api/users/heartbeat/", token, body).await.map(|(status, _)| status)
    }

    /// Makes an account, mistypes the password, logs in, renews the tokens, and beats from then on.
    async fn use_a_page(self, name: String) {
        let account = json!({"username": name, "email": format!("{name}@example.com"), "password": PASSWORD});
        assert_eq!(self.post("/api/auth/register/", account).await.0, StatusCode::CREATED);
        let wrong = self.post("/api/auth/login/", json!({"username": name, "password": "mistyped"})).await;
        assert_eq!(wrong.0, StatusCode::UNAUTHORIZED, "{wrong:?}");
        let answer = self.log_in(&name).await;
        let refresh = &answer["tokens"]["refresh"];
        assert_eq!(self.post("/api/auth/refresh/", json!({"refresh": refresh})).await.0, StatusCode::OK);
        let token = answer["tokens"]["access"].as_str().unwrap().to_owned();
        for number in 0_u32.. {
            let activity = if number % 4 == 3 { "idle" } else { "active" };
            self.beat(&token, json!({"activity": activity, "device": "web"})).await;
            if number % 6 == 0 {
                self.send(Method::PUT, "/api/presence/status/", &token, json!({"status": "busy"})).await;
            } else if number % 6 == 2 {
                self.send(Method::DELETE, "/api/presence/status/", &token, json!({})).await;
            }
            sleep(PACE).await;
        }
    }

    /// After a wrong password there is a wait.
    async fn log_in(&self, name: &str) -> Value {
        let body = json!({"username": name, "password": PASSWORD});
        let trying = async {
            loop {
                let (status, answer) = self.post("/api/auth/login/", body.clone()).await;
                if status == StatusCode::OK {
                    return answer;
                }
                sleep(PACE).await;
            }
        };
        timeout(PATIENCE, trying).await.expect("a login")
    }

    /// Tries passwords, each time with another name: one alone would soon be made to wait.
    async fn guess(self) {
        for number in 0_u32.. {
            let body = json!({"username": format!("nobody{number}"), "password": "a guess"});
            self.send(Method::POST, "/api/auth/login/", "", body).await;
            sleep(3 * PACE).await;
        }
    }

    /// One after the other comes, beats once, and is never heard of again.
    async fn fall_silent(self) {
        for number in 0_u32.. {
            self.beat(&token(&format!("silent{number}")), json!({})).await;
            sleep(PACE).await;
        }
    }
}

/// Watches everybody over a socket, and opens another one when it is closed.
async fn watch(base: String, token: String) {
    loop {
        let mut socket = Socket::open(&base, &token).await;
        socket.say(json!({"type": "hello", "device": "web"})).await;
        socket.say(json!({"type": "watch", "orgs": ["main"], "users": ["first"], "rooms": []})).await;
        loop {
            match timeout(PACE, socket.try_next()).await {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => socket.say(json!({"type": "heartbeat", "activity": "active"})).await,
            }
        }
        sleep(PACE).await;
    }
}
