//! One client: a page that is open, and whoever sits before it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use reqwest::Method;
use rollcall::presence::Role;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Heard, Request, What, Witness, World, look};
use crate::times;

/// How a client behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It beats.
    Live { idle: bool },
    /// It says nothing any more, without having said so.
    Silent,
    /// It said goodbye, or logged out.
    Gone,
}

/// Changes come about so often, in ms.
pub(super) const WHIM: std::ops::Range<i64> = 4_000..40_000;
/// Absences last so long, in ms: some are shorter than a session lives.
pub(super) const AWAY: std::ops::Range<i64> = 2_000..25_000;
/// What a client may set for itself; `None` takes it back.
const CLAIMS: [Option<&str>; 4] = [Some("busy"), Some("away"), Some("invisible"), None];
/// Beats that contradict the status which a client has set, before it sets it again: one may tell what was before.
const CONTRADICTIONS: u32 = 3;
/// A step of waiting, so that a change and a stop are noticed.
const STEP: Duration = Duration::from_millis(100);

struct Client {
    world: Arc<World>,
    witness: Arc<Mutex<Witness>>,
    user: String,
    number: usize,
    rng: StdRng,
    node: usize,
    login: u32,
    token: String,
    /// The token of the login before, which has ended.
    ended: Option<String>,
    /// Has an account: logs in by name and password.
    account: Option<String>,
    /// Names its tab and its connection in each request, as the browser client does; old clients name neither.
    named: bool,
    connection: u64,
    hidden: bool,
    idle_since: i64,
    /// Beats in a row that told another status than the one it has set; as many as it takes where it does not know
    /// whether that was heard.
    contradicted: u32,
}

/// A client's life, until the crowd is stopped.
pub(super) async fn live(world: Arc<World>, witness: Arc<Mutex<Witness>>, number: usize, mut rng: StdRng) {
    let (user, account) = {
        let seen = look(&witness);
        (seen.user.clone(), seen.account.clone())
    };
    let client = Client {
        node: number % world.bases.len(),
        named: rng.random_bool(0.5),
        hidden: rng.random_bool(0.2),
        connection: rng.random(),
        world,
        witness,
        user,
        number,
        rng,
        login: 0,
        token: String::new(),
        ended: None,
        account,
        idle_since: 0,
        contradicted: 0,
    };
    client.run().await;
}

impl Client {
    async fn run(mut self) {
        // Pages do not all open at once.
        let start = Duration::from_millis(self.rng.random_range(0..2_000));
        tokio::time::sleep(start).await;
        while !self.log_in().await {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        self.set(Mode::Live { idle: false });
        let steady = look(&self.witness).steady;
        let mut next_change = times::now() + self.rng.random_range(WHIM);
        let mut next_beat = times::now();
        while !self.world.stopped.load(Ordering::Relaxed) {
            let now = times::now();
            let held = self.world.held.load(Ordering::Relaxed);
            if now >= next_change && !steady && !held {
                self.change().await;
                let span = if matches!(self.mode(), Mode::Live { .. }) { WHIM } else { AWAY };
                next_change = times::now() + self.rng.random_range(span);
                next_beat = times::now();
            } else if let Mode::Live { idle } = self.mode()
                && now >= next_beat
            {
                next_beat = times::now() + self.beat(idle).await;
                if self.contradicted >= CONTRADICTIONS {
                    let claim = look(&self.witness).claim;
                    self.claim(claim).await;
                }
            } else {
                tokio::time::sleep(STEP).await;
            }
        }
    }

    fn mode(&self) -> Mode {
        look(&self.witness).mode
    }

    fn set(&self, mode: Mode) {
        let mut witness = look(&self.witness);
        (witness.mode, witness.since) = (mode, times::now());
    }

    /// Gets a token of a new login; answers whether it has one.
    async fn log_in(&mut self) -> bool {
        self.login += 1;
        if self.account.is_some() {
            self.token.clear();
            return self.request(What::Login, self.node).await.is_some();
        }
        let token = self.world.token(&self.user, &format!("login-{}", self.login), Role::User);
        // The names are well-formed by construction.
        self.token = token.expect("user and login are names");
        true
    }

    /// Opens the page again.
    async fn come_back(&mut self) {
        self.node = self.rng.random_range(0..self.world.bases.len());
        self.connection = self.rng.random();
        if self.ended.is_some() {
            self.request(What::Ghost, self.node).await;
        }
        if !self.token.is_empty() || self.log_in().await {
            self.set(Mode::Live { idle: false });
        }
    }

    /// Does something else than before.
    async fn change(&mut self) {
        let Mode::Live { idle } = self.mode() else {
            return self.come_back().await;
        };
        match self.rng.random_range(0..12) {
            0..4 => self.set(Mode::Silent),
            4..6 => {
                // A page that closes sends this once and waits for nothing.
                self.set(Mode::Gone);
                self.request(What::Goodbye, self.node).await;
            }
            6 => {
                self.set(Mode::Gone);
                let is_done = self.request(What::Logout, self.node).await.is_some();
                // The next visit begins with a login, whatever became of this one.
                let ended = std::mem::take(&mut self.token);
                self.ended = is_done.then_some(ended);
            }
            7..9 => {
                let claim = CLAIMS[self.rng.random_range(0..CLAIMS.len())];
                look(&self.witness).claim = claim;
                self.claim(claim).await;
            }
            _ => {
                self.idle_since = times::now();
                self.set(Mode::Live { idle: !idle });
            }
        }
    }

    /// Sets the status, or takes it back.
    async fn claim(&mut self, claim: Option<&'static str>) {
        let is_done = self.request(What::Claim(claim), self.node).await.is_some();
        self.contradicted = if is_done { 0 } else { CONTRADICTIONS };
    }

    /// Beats at this node, or at the next that answers; answers after how many ms to beat again.
    async fn beat(&mut self, idle: bool) -> i64 {
        for _ in 0..self.world.bases.len() {
            let told = self.request(What::Beat { idle }, self.node).await;
            if let Some(told) = told {
                return told;
            }
            self.node = (self.node + 1) % self.world.bases.len();
        }
        self.rng.random_range(500..1_000)
    }

    fn body(&self, what: What) -> Value {
        let mut body = match what {
            What::Beat { idle: true } => {
                json!({"activity": "idle", "idle_ms": times::now() - self.idle_since})
            }
            What::Beat { idle: false } | What::Ghost => json!({"activity": "active"}),
            What::Goodbye => json!({"logout": true}),
            What::Pong => return json!({}),
            What::Logout => return json!({}),
            What::Login => return json!({"username": self.account, "password": super::PASSWORD}),
            What::Claim(Some(status)) => return json!({ "status": status }),
            What::Claim(None) => return json!({"status": "online"}),
        };
        if self.named {
            body["session"] = json!("tab");
            body["connection"] = json!(format!("c{:x}", self.connection));
            body["device"] = json!(["web", "mobile", "desktop"][self.number % 3]);
        }
        if self.hidden {
            body["hidden"] = json!(true);
        }
        body
    }

    /// Sends a request and remembers it; answers when to beat next, if it was done.
    async fn request(&mut self, what: What, node: usize) -> Option<i64> {
        let path = match what {
            What::Logout => "/api/auth/logout/",
            What::Login => "/api/auth/login/",
            What::Claim(_) => "/api/presence/status/",
            _ => "/api/users/heartbeat/",
        };
        let method = if matches!(what, What::Claim(_)) { Method::PUT } else { Method::POST };
        let url = format!("{}{path}", self.world.bases[node]);
        let mut request = self.world.http[node].request(method, url).json(&self.body(what));
        let token = if what == What::Ghost { self.ended.as_ref() } else { Some(&self.token) };
        if let Some(token) = token.filter(|_| what != What::Login) {
            request = request.bearer_auth(token);
        }
        let sent = times::now();
        let answer = async {
            let answer = request.send().await?;
            let status = answer.status().as_u16();
            Ok::<_, reqwest::Error>((status, answer.json::<Value>().await?))
        };
        let answer = answer.await.ok();
        let done = times::now();
        let body = answer.as_ref().map_or(&Value::Null, |(_, body)| body);
        let told = body["next_heartbeat_in_ms"].as_i64().unwrap_or(0);
        if let Some(token) = body["tokens"]["access"].as_str() {
            token.clone_into(&mut self.token);
        }
        let heard = answer.map_or(Heard::Nothing, |(status, body)| self.hear(status, &body));
        self.count(&heard);
        let is_done = matches!(heard, Heard::Done { .. });
        if let (What::Beat { idle }, Heard::Done { status, .. }) = (what, &heard) {
            // Somebody who is not idle and has taken `away` back sees that it was forgotten by being away still.
            let is_right = look(&self.witness).told(status, idle);
            self.contradicted = if is_right { 0 } else { self.contradicted + 1 };
        }
        let request = Request { sent, done, node, login: self.login, what, heard, by_socket: false };
        look(&self.witness).log.push(request);
        is_done.then_some(told)
    }

    fn hear(&self, status: u16, body: &Value) -> Heard {
        if status == 200 {
            let text = body["online_status"].as_str().unwrap_or_default().to_owned();
            return Heard::Done {
                status: text,
                since: moment(&body["since"]),
                at: moment(&body["server_time"]),
            };
        }
        let code = body["code"].as_str().unwrap_or_default().to_owned();
        // A store that did not answer may have done it; a shard that is closed says so before it writes.
        let ran = status >= 500 && code != "restoring";
        Heard::Refused { status, code, ran }
    }

    fn count(&self, heard: &Heard) {
        self.world.requests.fetch_add(1, Ordering::Relaxed);
        match heard {
            Heard::Done { .. } => drop(self.world.acknowledged.fetch_add(1, Ordering::Relaxed)),
            Heard::Refused { code, .. } if code == "overloaded" => {
                self.world.turned_away.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
    }
}

/// A moment of an answer, in ms; 0 if there is none.
pub(crate) fn moment(value: &Value) -> i64 {
    let text = value.as_str().unwrap_or_default();
    OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .and_then(|at| i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok())
        .unwrap_or(0)
}
