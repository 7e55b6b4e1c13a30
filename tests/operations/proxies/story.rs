//! What people and operators rely on, whatever proxy stands before the nodes.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::Duration;

use futures::StreamExt;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::Proxy;
use super::upstream::Upstream;
use crate::support;
use crate::support::program::{Program, token};
use crate::support::service::{PASSWORD, SECRET};
use crate::support::socket::{Opening, Socket};

/// How long anything may take that should come at once.
const SOON: Duration = Duration::from_secs(10);

/// Where the client is: not where the proxy is, if this machine has a second address of its own.
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, if cfg!(target_os = "linux") { 2 } else { 1 }));

/// Whom the client pretends to be.
const FORGED: &str = "203.0.113.9";

/// Two nodes that trust the proxy, ping each second and keep whole addresses.
pub struct Nodes {
    all: Vec<Program>,
}

impl Nodes {
    /// Starts them, and waits until they have opened their shards.
    pub async fn start() -> Self {
        let (redis, database) = (support::stack().redis_url(), support::database_url().await);
        let prefix = support::prefix();
        let settings = [
            ("ROLLCALL_REDIS_PREFIX", prefix.as_str()),
            ("ROLLCALL_REDIS_SHARDS", "2"),
            ("ROLLCALL_TRUSTED_PROXIES", "127.0.0.1"),
            ("ROLLCALL_AUDIT_ADDRESSES", "full"),
            ("ROLLCALL_PRESENCE_SOCKET_PING", "1s"),
            ("ROLLCALL_PRESENCE_SOCKET_TTL", "4s"),
        ];
        let all = ["a", "b"].map(|name| Program::serve(name, &redis, &database, &settings));
        let nodes = Self { all: all.into() };
        create_boss(&database);
        for user in ["1", "2", "3", "4"] {
            let answered = async {
                while beat(&Client::new(), &nodes.all[0].base, &token(user)).await != StatusCode::OK {
                    sleep(Duration::from_millis(50)).await;
                }
            };
            timeout(SOON, answered).await.expect("the shards open");
        }
        nodes
    }

    /// Where the public ports are.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.all.iter().map(|node| node.base.trim_start_matches("http://").parse().unwrap()).collect()
    }

    /// Heartbeats that each has answered.
    async fn heartbeats(&self) -> Vec<f64> {
        let mut counts = Vec::new();
        for node in &self.all {
            let text =
                reqwest::get(format!("{}/metrics", node.internal)).await.unwrap().text().await.unwrap();
            let lines = text.lines().filter(|line| line.starts_with("rollcall_heartbeats_total"));
            counts.push(lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum());
        }
        counts
    }
}

/// An administrator, as operators make the first one.
fn create_boss(database: &str) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rollcall"))
        .args(["user", "create", "--username", "boss", "--email", "boss@example.com", "--role", "admin"])
        .arg("--password-stdin")
        .env("ROLLCALL_DATABASE_URL", database)
        .env("ROLLCALL_AUTH_SECRET", SECRET)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

async fn beat(client: &Client, base: &str, token: &str) -> StatusCode {
    let request = client.post(format!("{base}/api/users/heartbeat/")).bearer_auth(token).json(&json!({}));
    request.send().await.unwrap().status()
}

/// A browser at [`CLIENT`].
fn client() -> Client {
    Client::builder().local_address(CLIENT).build().unwrap()
}

/// Logs in, beats, keeps a socket and reads the event stream through the proxy; nothing leads to the internal port.
pub async fn people(nodes: &Nodes, proxy: &Proxy) {
    let (client, base) = (client(), proxy.base());
    let token = logs_in_from_where_the_client_is(&client, &base).await;
    let before = nodes.heartbeats().await;
    for _ in 0..30 {
        assert_eq!(beat(&client, &base, &token).await, StatusCode::OK);
    }
    let after = nodes.heartbeats().await;
    assert!(before.iter().zip(&after).all(|(before, after)| before < after), "{before:?}, {after:?}");
    bounds(&client, &base, &token).await;
    sockets(&base, &token).await;
    events(&client, &base, &token).await;
    for path in ["/metrics", "/livez", "/readyz"] {
        let answer = client.get(format!("{base}{path}")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let log = proxy.log();
    assert!(log.contains("/api/presence/events/"), "{log}");
    assert!(!log.contains(&token), "tokens are in no log");
}

async fn logs_in_from_where_the_client_is(client: &Client, base: &str) -> String {
    let login = client
        .post(format!("{base}/api/auth/login/"))
        .json(&json!({"username": "boss", "password": PASSWORD}))
        .header("x-forwarded-for", FORGED)
        .header("x-real-ip", FORGED)
        .header("forwarded", format!("for={FORGED};proto=https"));
    let login = login.send().await.unwrap();
    assert_eq!(login.status(), StatusCode::OK);
    let said: Value = login.json().await.unwrap();
    let token = said["tokens"]["access"].as_str().unwrap().to_owned();
    let sessions = client.get(format!("{base}/api/auth/sessions/")).bearer_auth(&token);
    let sessions: Value = sessions.send().await.unwrap().json().await.unwrap();
    assert_eq!(sessions["results"][0]["address"], CLIENT.to_string(), "{sessions}");
    token
}

/// What is too long ends at the proxy; what a node takes, it lets through.
async fn bounds(client: &Client, base: &str, token: &str) {
    let post = |path: &str, body: String| {
        let request =
            client.post(format!("{base}{path}")).bearer_auth(token).header("content-type", "text/csv");
        request.body(body).send()
    };
    let long = post("/api/users/heartbeat/", "x".repeat(100_000)).await.unwrap();
    assert_eq!(long.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let accounts: String = (0..4_000).map(|n| format!("person{n},person{n}@example.com\n")).collect();
    let import = "/api/users/admin/users/import/?dry_run=true";
    let import = post(import, format!("username,email\n{accounts}")).await.unwrap();
    assert_eq!(import.status(), StatusCode::OK, "{}", import.text().await.unwrap());
    let stranger = client.get(format!("{base}/api/auth/me/")).bearer_auth("x".repeat(8 * 1024));
    assert_eq!(stranger.send().await.unwrap().status(), StatusCode::UNAUTHORIZED, "as the node says");
}

/// A socket lives past pings, by the protocol of today and by the one before it.
async fn sockets(base: &str, token: &str) {
    let (mut socket, _) = Socket::hello(base, token, json!({})).await;
    let pinged = async {
        let mut pings = 0;
        while pings < 3 {
            if let Message::Ping(_) = socket.0.next().await.expect("an open socket").unwrap() {
                pings += 1;
            }
        }
    };
    timeout(SOON, pinged).await.expect("pings come through");
    socket.nothing_of("goodbye").await;
    let path = format!("/ws/presence/?token={token}");
    let older = Opening { base, path: &path, headers: Vec::new() }.open().await.unwrap();
    older.leave().await;
    socket.leave().await;
}

/// Events come one by one, and not when a buffer is full; a change at once.
async fn events(client: &Client, base: &str, token_of_boss: &str) {
    let answer = client.get(format!("{base}/api/presence/events/")).bearer_auth(token_of_boss).send();
    let answer = answer.await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let (mut stream, mut text) = (answer.bytes_stream(), String::new());
    // Answers in how many pieces so many of them came.
    let mut until = async |what: &str, count: usize| {
        let came = async {
            let mut pieces = 0;
            while text.matches(what).count() < count {
                text.push_str(
                    std::str::from_utf8(&stream.next().await.expect("an open stream").unwrap()).unwrap(),
                );
                pieces += 1;
            }
            pieces
        };
        timeout(SOON, came).await.unwrap_or_else(|_| panic!("no {what}"))
    };
    assert!(until("event: counts", 4).await > 1, "those of four seconds at once");
    assert_eq!(beat(client, base, &token("newcomer")).await, StatusCode::OK);
    until("\"user_id\":\"newcomer\"", 1).await;
}

/// HTTP/2 to the client, and the node knows that it was by TLS.
pub fn tls(proxy: &Proxy) {
    let url = format!("https://{}/api/presence/stats/", proxy.tls);
    let output =
        Command::new("curl").args(["-sk", "--http2", "-i", &url]).output().expect("curl is installed");
    let said = String::from_utf8_lossy(&output.stdout).to_lowercase();
    assert!(said.starts_with("http/2 401"), "{said}");
    assert!(said.contains("strict-transport-security: max-age="), "{said}");
}

/// What a node has taken and not answered is repeated at another one if it only asked; a heartbeat is not, and its client
/// learns of it. The log may tell of it, without the query.
pub async fn repeats(nodes: &Nodes, upstream: &Upstream, proxy: &Proxy) {
    let (client, base, token) = (client(), proxy.base(), token("7"));
    let reached = async |is_post: bool| loop {
        let before = upstream.requests();
        let request = if is_post {
            client.post(format!("{base}/api/users/heartbeat/?token={token}")).json(&json!({}))
        } else {
            client.get(format!("{base}/api/presence/stats/"))
        };
        let status = request.bearer_auth(&token).send().await.unwrap().status();
        let is_reached = upstream.requests() > before;
        let expected = if is_post && is_reached { StatusCode::BAD_GATEWAY } else { StatusCode::OK };
        assert_eq!(status, expected, "reached: {is_reached}");
        if is_reached {
            assert!(!is_post || upstream.requests() == before + 1, "it was sent once");
            return;
        }
        sleep(Duration::from_millis(50)).await;
    };
    timeout(SOON, reached(true)).await.expect("a heartbeat reaches it");
    timeout(SOON, reached(false)).await.expect("a question reaches it");
    assert!(!proxy.log().contains(&token), "tokens are in no log of errors");
    assert!(nodes.heartbeats().await[0] > 0.0);
}

/// A node that stops costs nobody a request.
pub async fn loses_a_node(mut nodes: Nodes, proxy: &Proxy) {
    assert!(nodes.all[1].stop(Duration::from_secs(25)).await);
    for _ in 0..20 {
        assert_eq!(beat(&client(), &proxy.base(), &token("7")).await, StatusCode::OK);
    }
}

/// Connections to a node are kept: ten requests take one or two.
pub async fn keeps(upstream: &Upstream, proxy: &Proxy) {
    for _ in 0..10 {
        let answer = reqwest::get(format!("{}/", proxy.base())).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
    assert_eq!(upstream.requests(), 10);
    assert!(upstream.connections() <= 2, "{}", upstream.connections());
}
