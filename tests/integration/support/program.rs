//! The real program as a process of its own, for tests that kill it or read its metrics.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rollcall::auth::{AuthSettings, Grant, Tokens};
use rollcall::presence::{LoginId, Org, Role, UserId};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use time::OffsetDateTime;

use super::service::SECRET;

/// A running `rollcall serve`. It ends with the test.
pub struct Program {
    child: Child,
    pub base: String,
    pub internal: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Program {
    /// Starts a node and waits until it says that it is ready.
    pub fn serve(node: &str, redis: &str, database: &str, settings: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rollcall"))
            .arg("serve")
            .env("ROLLCALL_NODE", node)
            .env("ROLLCALL_REDIS_URL", redis)
            .env("ROLLCALL_DATABASE_URL", database)
            .env("ROLLCALL_AUTH_SECRET", SECRET)
            .env("ROLLCALL_LISTEN", "127.0.0.1:0")
            .env("ROLLCALL_INTERNAL_LISTEN", "127.0.0.1:0")
            .env("ROLLCALL_LOG_FORMAT", "json")
            .envs(settings.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let (say, said) = std::sync::mpsc::channel();
        // Somebody must read to the end, or the program waits for its own log.
        let kept = Arc::new(Mutex::new(Vec::new()));
        std::thread::spawn({
            let kept = Arc::clone(&kept);
            move || {
                for line in log.map_while(Result::ok) {
                    kept.lock().unwrap().push(line.clone());
                    drop(say.send(line));
                }
            }
        });
        let mut seen = Vec::new();
        let ready = loop {
            let Ok(line) = said.recv_timeout(Duration::from_secs(20)) else {
                panic!("the program did not become ready: {}", seen.join("\n"));
            };
            let entry: Value = serde_json::from_str(&line).unwrap_or_default();
            if entry["message"] == "ready" {
                break entry;
            }
            seen.push(line);
        };
        let address = |name: &str| format!("http://{}", ready[name].as_str().unwrap());
        Self { base: address("public"), internal: address("internal"), child, log: kept }
    }

    /// Everything it has said so far, panics included.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// Ends the process as a lost machine would: without a word.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the process to end, and waits; answers whether it says that the end was clean.
    pub async fn stop(&mut self, limit: Duration) -> bool {
        let process = Pid::from_child(&self.child);
        kill_process(process, Signal::TERM).unwrap();
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            assert!(started.elapsed() < limit, "the program did not end within {limit:?}: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The value of a series of this node, with its labels as they are rendered.
    pub async fn metric(&self, series: &str) -> f64 {
        let text = reqwest::get(format!("{}/metrics", self.internal)).await.unwrap().text().await.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{series} is not among the metrics")).parse().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A token that every node of these tests accepts.
pub fn token(user: &str) -> String {
    let settings = AuthSettings {
        secret: Some(SECRET.into()),
        issuer: "rollcall".into(),
        audience: "rollcall".into(),
        access_ttl: Duration::from_secs(900),
        ..AuthSettings::default()
    };
    let grant = Grant {
        user: UserId::parse(user).unwrap(),
        org: Org::default(),
        login: LoginId::parse("tab").unwrap(),
        token_version: 0,
        role: Role::User,
    };
    Tokens::new(&settings).unwrap().issue(&grant, OffsetDateTime::now_utc())
}
