//! No secret is ever logged, whatever is asked of the program and whatever goes wrong: the real program says everything
//! it can (`trace`), is given secrets by every road there is, and its words are searched for them.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use sqlx::Connection;
use sqlx::postgres::PgConnection;

use crate::support;
use crate::support::program::Program;

/// What the program is started with.
const PREVIOUS: &str = "planted-previous-secret-of-32-bytes-and-more";
const REDIS: &str = "planted-redis-word";
const DATABASE: &str = "planted-database-word";

/// Secrets that came into being, by what they are.
#[derive(Default)]
struct Planted(BTreeMap<String, String>);

impl Planted {
    /// A new one.
    fn plant(&mut self, what: &str) -> String {
        let secret = format!("planted-{what}-{}", uuid::Uuid::new_v4().simple());
        self.found(what, &secret);
        secret
    }

    /// One that the program itself has made.
    fn found(&mut self, what: &str, secret: &str) {
        self.0.insert(what.to_owned(), secret.to_owned());
    }

    /// Fails if one of them is in the text.
    fn is_nowhere_in(&self, text: &str, place: &str) {
        for (what, secret) in &self.0 {
            if let Some(line) = text.lines().find(|line| line.contains(secret.as_str())) {
                panic!("{what} is in {place}: {line}");
            }
        }
    }
}

/// Sends requests to one program.
struct Sender {
    base: String,
    client: Client,
}

impl Sender {
    async fn send(&self, method: Method, path: &str, token: &str, body: &str) -> (StatusCode, Value) {
        let request = self.client.request(method, format!("{}{path}", self.base));
        let request = request.header("content-type", "application/json").body(body.to_owned());
        let response = request.bearer_auth(token).send().await.unwrap();
        let status = response.status();
        (status, response.json().await.unwrap_or_default())
    }

    async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        self.send(Method::POST, path, "", &body.to_string()).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_logged_or_recorded_holds_a_secret() {
    let stack = support::private_stack(|options| options.redis_tcp = true);
    let database = support::migrated(&stack).await;
    let asked = support::redis_command_to(&stack, &format!("CONFIG SET requirepass {REDIS}")).await;
    assert!(asked.starts_with("+OK"), "{asked}");
    let redis = stack.redis_tcp_url().unwrap().replace("//", &format!("//:{REDIS}@"));
    let with_password = database.replace("rollcall@", &format!("rollcall:{DATABASE}@"));
    let settings = [
        ("ROLLCALL_LOG", "info,rollcall=trace,sqlx=debug"),
        ("ROLLCALL_AUTH_PREVIOUS_SECRET", PREVIOUS),
        ("RUST_BACKTRACE", "1"),
        // More logins fail here than anybody is granted.
        ("ROLLCALL_LIMITS_ALLOW", "127.0.0.1"),
    ];
    let node = Program::serve("secretive", &redis, &with_password, &settings);
    let mut planted = Planted::default();
    for (what, secret) in [
        ("the secret", support::service::SECRET),
        ("the secret before it", PREVIOUS),
        ("Redis' password", REDIS),
        ("the database's password", DATABASE),
    ] {
        planted.found(what, secret);
    }
    let sender = Sender { base: node.base.clone(), client: Client::new() };
    let tokens = live(&sender, &mut planted).await;
    let database_now = PgConnection::connect(&database).await.unwrap();
    credentials(&sender, &mut planted, database_now).await;
    go_wrong(&sender, &mut planted).await;
    in_headers_and_queries(&sender, &mut planted).await;

    let mut connection = PgConnection::connect(&database).await.unwrap();
    let actions: Vec<String> = sqlx::query_scalar("SELECT row_to_json(a)::text FROM admin_actions a")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    assert!(actions.len() >= 3, "{actions:?}");
    planted.is_nowhere_in(&actions.join("\n"), "the record of actions");

    stack.postgres().kill();
    without_a_store(&sender, &mut planted, &tokens).await;
    stack.redis().kill();
    without_a_store(&sender, &mut planted, &tokens).await;

    let log = node.log();
    assert!(log.contains("answered") && log.contains("unavailable"), "it says everything: {log}");
    planted.is_nowhere_in(&log, "the log");
}

/// What people do with secrets when all is well; answers the tokens of a login.
async fn live(sender: &Sender, planted: &mut Planted) -> (String, String) {
    let password = planted.plant("password");
    let person = json!({"username": "ada", "password": password, "email": "ada@example.com"});
    let (status, answer) = sender.post("/api/auth/register/", &person).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    let mut note = |answer: &Value, pointer: &str, what: &str| {
        let token = answer.pointer(pointer).and_then(Value::as_str).unwrap().to_owned();
        // What is signed may not be there either: whoever has it can put the rest together.
        for (number, part) in token.split('.').enumerate().skip(1) {
            planted.found(&format!("{what}, part {number}"), part);
        }
        planted.found(what, &token);
        token
    };
    note(&answer, "/tokens/access", "an access token of a registration");
    note(&answer, "/tokens/refresh", "a refresh token of a registration");
    // A login is possible once shards are open, which takes a moment.
    let login = json!({"username": "ada", "password": password});
    let answer = crate::journeys::eventually("a login", Duration::from_secs(20), async || {
        let (status, answer) = sender.post("/api/auth/login/", &login).await;
        (status == StatusCode::OK).then_some(answer)
    })
    .await;
    note(&answer, "/tokens/access", "an access token");
    let refresh = note(&answer, "/tokens/refresh", "a refresh token");
    let (status, answer) = sender.post("/api/auth/refresh/", &json!({ "refresh": refresh })).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let access = note(&answer, "/access", "a renewed access token");
    let refresh = note(&answer, "/refresh", "a renewed refresh token");
    for path in ["/api/auth/verify/", "/api/users/heartbeat/"] {
        let body = if path.contains("verify") { json!({ "token": access }) } else { json!({}) };
        let (status, answer) = sender.send(Method::POST, path, &access, &body.to_string()).await;
        assert_eq!(status, StatusCode::OK, "{path} {answer}");
    }
    (access, refresh)
}

/// Service keys, links that set passwords, changed passwords, second factors.
async fn credentials(sender: &Sender, planted: &mut Planted, mut database: PgConnection) {
    let password = planted.plant("password-of-eve");
    let eve = json!({"username": "eve.admin", "password": password});
    let (status, answer) = sender.post("/api/auth/register/", &eve).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    sqlx::query("UPDATE users SET role = 'admin' WHERE username = 'eve.admin'")
        .execute(&mut database)
        .await
        .unwrap();
    database.close().await.unwrap();
    let token = answer["tokens"]["access"].as_str().unwrap().to_owned();
    let asked = async |path: &str, body: Value| {
        let (status, answer) = sender.send(Method::POST, path, &token, &body.to_string()).await;
        assert!(status.is_success(), "{path} {status} {answer}");
        answer
    };
    let made = asked(
        "/api/admin/service-keys/",
        json!({"name": "host", "scopes": ["activity:write", "presence:read"]}),
    )
    .await;
    let key = made["key"].as_str().unwrap().to_owned();
    planted.found("a service key", &key);
    let person = json!({"users": [{"id": "42"}]}).to_string();
    // Keys are read anew once a second.
    crate::journeys::eventually("the key is good", Duration::from_secs(10), async || {
        let (status, _) = sender.send(Method::POST, "/api/presence/activity/", &key, &person).await;
        status.is_success().then_some(())
    })
    .await;
    let (status, _) = sender.send(Method::GET, "/api/presence/stats/", &format!("{key}x"), "").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);

    let link =
        asked("/api/users/admin/users/1/reset-link/", json!({})).await["token"].as_str().unwrap().to_owned();
    planted.found("a link that sets a password", &link);
    let reset = json!({"token": link, "new_password": planted.plant("password-by-a-link")});
    assert!(sender.post("/api/auth/password/reset/", &reset).await.0.is_success());
    assert!(sender.post("/api/auth/password/reset/", &reset).await.0.is_client_error(), "good once");

    let next = planted.plant("changed-password");
    asked("/api/auth/password/", json!({"current_password": password, "new_password": next})).await;
    second_factor(sender, planted, &token, &next).await;
}

/// A second factor, its codes, and a login by one.
async fn second_factor(sender: &Sender, planted: &mut Planted, token: &str, password: &str) {
    let asked = async |path: &str, body: Value| {
        let (status, answer) = sender.send(Method::POST, path, token, &body.to_string()).await;
        assert!(status.is_success(), "{path} {status} {answer}");
        answer
    };
    let begun = asked("/api/auth/totp/", json!({ "password": password })).await;
    let secret = begun["secret"].as_str().unwrap();
    planted.found("a second factor", secret);
    let totp = totp_rs::Builder::new().with_secret(totp_rs::Secret::try_from_base32(secret).unwrap());
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let code = totp.build_noncompliant().generate(now).to_string();
    // Six digits also stand in a time; a code would be written as a field, or as text of a body.
    planted.found("a code", &format!("\"{code}\""));
    planted.found("a code in a field", &format!("totp={code}"));
    let confirmed = asked("/api/auth/totp/confirm/", json!({ "totp": code })).await;
    for (number, code) in confirmed["recovery_codes"].as_array().unwrap().iter().enumerate() {
        planted.found(&format!("recovery code {number}"), code.as_str().unwrap());
    }
    let code = confirmed["recovery_codes"][0].as_str().unwrap();
    let login = json!({"username": "eve.admin", "password": password, "totp": code});
    let (status, answer) = sender.post("/api/auth/login/", &login).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let login = json!({"username": "eve.admin", "password": password, "totp": planted.plant("wrong-code")});
    assert!(sender.post("/api/auth/login/", &login).await.0.is_client_error());
}

/// Secrets in requests that fail.
async fn go_wrong(sender: &Sender, planted: &mut Planted) {
    for path in [
        "/api/auth/login/",
        "/api/auth/register/",
        "/api/auth/refresh/",
        "/api/auth/verify/",
        "/api/auth/logout/",
        "/api/auth/password/reset/",
    ] {
        let mut secret = |what: &str| planted.plant(&format!("{what}-in{}", path.replace('/', "-")));
        let bodies = [
            json!({"username": "ada", "password": secret("wrong-password")}).to_string(),
            json!({"username": "nobody", "password": secret("password-of-nobody")}).to_string(),
            json!({"refresh": secret("refresh")}).to_string(),
            json!({"refresh_token": secret("refresh-token")}).to_string(),
            json!({"token": secret("token")}).to_string(),
            json!({"password": [secret("password-of-a-wrong-type")]}).to_string(),
            json!({"username": {"password": secret("password-in-a-wrong-place")}}).to_string(),
            json!({"pasword": secret("password-of-an-unknown-field")}).to_string(),
            json!({ secret("name-of-a-field"): 1 }).to_string(),
            format!("{{\"password\":\"{}", secret("cut-off")),
            secret("no-json"),
            json!({"username": "ada", "password": secret("too-long").repeat(10)}).to_string(),
            json!({"username": secret("name"), "password": "x"}).to_string(),
        ];
        for body in bodies {
            let (status, answer) = sender.send(Method::POST, path, "", &body).await;
            assert!(!status.is_server_error(), "{path} {body}: {status} {answer}");
        }
    }
}

/// Secrets in headers, and in addresses where they do not belong.
async fn in_headers_and_queries(sender: &Sender, planted: &mut Planted) {
    let junk = planted.plant("junk-token");
    let signed =
        format!("{}.{}.{}", planted.plant("head"), planted.plant("claims"), planted.plant("signature"));
    for token in [junk, signed] {
        for path in ["/api/auth/me/", "/api/users/heartbeat/", "/api/users/admin/users/"] {
            let (status, _) = sender.send(Method::GET, path, &token, "").await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
        }
    }
    let secret = planted.plant("query");
    for path in [
        "/api/auth/me/",
        "/api/nowhere/",
        "/api/presence/live/",
        "/ws/presence/",
        "/openapi.json",
        "/api/presence/transitions/",
    ] {
        let (status, _) =
            sender.send(Method::GET, &format!("{path}?token={secret}&access_token={secret}"), "", "").await;
        assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        let (status, _) = sender.send(Method::PUT, &format!("{path}?{secret}"), "", "").await;
        assert!(status.is_client_error(), "{path}");
    }
    let cookie = planted.plant("cookie");
    let request =
        sender.client.get(format!("{}/api/auth/me/", sender.base)).header("cookie", format!("s={cookie}"));
    let basic = request.basic_auth("ada", Some(planted.plant("basic"))).send().await.unwrap();
    assert_eq!(basic.status(), StatusCode::UNAUTHORIZED);
}

/// Secrets in requests that fail because a store does not answer.
async fn without_a_store(sender: &Sender, planted: &mut Planted, (access, refresh): &(String, String)) {
    let password = planted.plant("password-without-a-store");
    let requests = [
        ("/api/auth/login/", json!({"username": "ada", "password": password})),
        ("/api/auth/register/", json!({"username": "eve", "password": password})),
        ("/api/auth/refresh/", json!({ "refresh": refresh })),
        ("/api/auth/verify/", json!({ "token": access })),
        ("/api/users/heartbeat/", json!({})),
        ("/api/auth/logout/", json!({ "refresh_token": refresh })),
    ];
    let mut failed = 0;
    for (path, body) in requests {
        let (status, _) = sender.send(Method::POST, path, access, &body.to_string()).await;
        failed += usize::from(status == StatusCode::SERVICE_UNAVAILABLE);
    }
    assert!(failed >= 2, "the store is away");
}

/// A store that cannot be reached, or refuses, is told of without the password of its address.
#[test]
fn a_store_that_is_away_is_told_of_without_its_password() {
    let stack = support::stack();
    let (redis, postgres) = (stack.redis_url(), stack.database_url());
    let cases = [
        (format!("redis://:{REDIS}@127.0.0.1:1"), postgres.clone()),
        (format!("redis://planted:{REDIS}@no-such-host.invalid:6379/0"), postgres.clone()),
        (
            format!("redis-sentinel://:{REDIS}@127.0.0.1:1?sentinelServiceName=x&sentinelPassword={REDIS}"),
            postgres.clone(),
        ),
        (format!("redis-cluster://:{REDIS}@127.0.0.1:1"), postgres),
        (redis.clone(), format!("postgres://rollcall:{DATABASE}@127.0.0.1:1/rollcall")),
        (
            redis.clone(),
            format!("postgres://rollcall:{DATABASE}@no-such-host.invalid/rollcall?sslpassword={DATABASE}"),
        ),
        (format!("planted:{REDIS}@h"), format!("postgres://u:{DATABASE}@h/d")),
        (redis, format!("planted:{DATABASE}@h/d")),
    ];
    for (redis, database) in cases {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rollcall"))
            .args(["serve", "--redis-url", &redis, "--database-url", &database])
            .args(["--listen", "127.0.0.1:0", "--internal-listen", "127.0.0.1:0"])
            .env("ROLLCALL_AUTH_SECRET", support::service::SECRET)
            .env("ROLLCALL_LOG", "info,rollcall=trace,sqlx=debug")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let began = std::time::Instant::now();
        while child.try_wait().unwrap().is_none() && began.elapsed() < Duration::from_secs(3) {
            std::thread::sleep(Duration::from_millis(20));
        }
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(!said.is_empty(), "{redis} {database}");
        for secret in [REDIS, DATABASE, support::service::SECRET] {
            assert!(!said.contains(secret), "{redis} {database}: {said}");
        }
    }
}
