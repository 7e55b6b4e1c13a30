//! One client that holds a socket: it answers pings, beats, watches others, and comes back after a pause when it loses the
//! connection, or when it is told to.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use rand::RngExt;
use rand::rngs::StdRng;
use rollcall::presence::Role;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::client::{AWAY, Mode, WHIM, moment};
use super::{Heard, PATIENCE, Request, Sights, What, Witness, World, look};
use crate::times;

/// Between two heartbeats, in ms.
const BEAT: i64 = 1_500;
/// The longest pause before coming back, in ms.
const PAUSE: i64 = 500;
/// Users whom a client watches.
const WATCHED: usize = 15;
/// A step of waiting, so that a change and a stop are noticed.
const STEP: Duration = Duration::from_millis(100);

type Ws = WebSocketStream<TcpStream>;

/// Somebody with a socket.
struct Holder {
    world: Arc<World>,
    witness: Arc<Mutex<Witness>>,
    token: String,
    rng: StdRng,
    node: usize,
    idle_since: i64,
    next_change: i64,
    /// Whom it watches; nobody, often.
    watches: Vec<String>,
}

/// Why a connection is at its end.
enum End {
    /// It broke, or the node does not answer.
    Lost,
    /// The node sent it away for so many ms.
    Told(i64),
    /// The client itself has closed or dropped it, or the run is over.
    Left,
}

/// A client's life, until the crowd is stopped. `others`: whom it may watch.
pub(super) async fn live(
    world: Arc<World>,
    witness: Arc<Mutex<Witness>>,
    number: usize,
    mut rng: StdRng,
    others: Arc<Vec<String>>,
) {
    let user = look(&witness).user.clone();
    let token = world.token(&user, "login", Role::User).expect("user and login are names");
    let watches = if rng.random_bool(0.5) {
        (0..WATCHED).map(|_| others[rng.random_range(0..others.len())].clone()).collect()
    } else {
        Vec::new()
    };
    let node = number % world.bases.len();
    let start = Duration::from_millis(rng.random_range(0..2_000));
    tokio::time::sleep(start).await;
    let next_change = times::now() + rng.random_range(WHIM);
    Holder { world, witness, token, rng, node, idle_since: 0, next_change, watches }.run().await;
}

impl Holder {
    async fn run(mut self) {
        self.set(Mode::Live { idle: false });
        while !self.is_over() {
            if !matches!(look(&self.witness).mode, Mode::Live { .. }) {
                self.stay_away().await;
                continue;
            }
            let end = match self.connect().await {
                Some(ws) => self.hold(ws).await,
                None => End::Lost,
            };
            look(&self.witness).sights = None;
            let pause = match end {
                End::Left => continue,
                End::Told(pause) => pause,
                End::Lost => self.rng.random_range(0..PAUSE),
            };
            self.node = (self.node + 1) % self.world.bases.len();
            tokio::time::sleep(Duration::from_millis(pause.unsigned_abs())).await;
        }
    }

    fn is_over(&self) -> bool {
        self.world.stopped.load(Ordering::Relaxed)
    }

    fn set(&self, mode: Mode) {
        let mut witness = look(&self.witness);
        (witness.mode, witness.since) = (mode, times::now());
    }

    /// Whether it is time to do something else than before.
    fn is_due(&self) -> bool {
        let held = self.world.held.load(Ordering::Relaxed);
        !held && !look(&self.witness).steady && times::now() >= self.next_change
    }

    async fn stay_away(&mut self) {
        tokio::time::sleep(STEP).await;
        if self.is_due() {
            self.next_change = times::now() + self.rng.random_range(WHIM);
            self.node = self.rng.random_range(0..self.world.bases.len());
            self.set(Mode::Live { idle: false });
        }
    }

    fn note(&self, sent: i64, what: What, heard: Heard) {
        self.world.requests.fetch_add(1, Ordering::Relaxed);
        if matches!(heard, Heard::Done { .. }) {
            self.world.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        let request =
            Request { sent, done: times::now(), node: self.node, login: 1, what, heard, by_socket: true };
        look(&self.witness).log.push(request);
    }

    /// What it says of itself, with this type.
    fn said(&self, kind: &str) -> (What, Value) {
        let idle = matches!(look(&self.witness).mode, Mode::Live { idle: true });
        let mut frame = json!({"type": kind, "activity": if idle { "idle" } else { "active" }});
        if idle {
            frame["idle_ms"] = json!(times::now() - self.idle_since);
        }
        (What::Beat { idle }, frame)
    }

    /// Opens a socket and says hello; answers it once it is welcomed.
    async fn connect(&mut self) -> Option<Ws> {
        let (what, mut hello) = self.said("hello");
        hello["session"] = json!("tab");
        hello["connection"] = json!(format!("c{:x}", self.rng.random::<u64>()));
        let sent = times::now();
        let opened = timeout(PATIENCE, self.open(&hello)).await.ok().flatten();
        let (ws, at) = match opened {
            Some((ws, at)) => (Some(ws), at),
            None => (None, 0),
        };
        // A welcome says when, and not how the user stands.
        let done = Heard::Done { status: String::new(), since: 0, at };
        self.note(sent, what, if ws.is_some() { done } else { Heard::Nothing });
        ws
    }

    async fn open(&self, hello: &Value) -> Option<(Ws, i64)> {
        let authority = self.world.bases[self.node].trim_start_matches("http://");
        let mut request = format!("ws://{authority}/api/presence/live/").into_client_request().ok()?;
        let protocols = HeaderValue::from_str(&format!("rollcall.v1, bearer.{}", self.token)).ok()?;
        request.headers_mut().insert("sec-websocket-protocol", protocols);
        let stream = TcpStream::connect(authority).await.ok()?;
        let (mut ws, _) = client_async(request, stream).await.ok()?;
        ws.send(Message::text(hello.to_string())).await.ok()?;
        while let Some(Ok(message)) = ws.next().await {
            let Message::Text(text) = message else { continue };
            let frame: Value = serde_json::from_str(&text).ok()?;
            if frame["type"] == "welcome" {
                return Some((ws, moment(&frame["server_time"])));
            }
        }
        None
    }

    /// Lives with the socket until it ends.
    async fn hold(&mut self, mut ws: Ws) -> End {
        if !self.watches.is_empty() {
            let watch = json!({"type": "watch", "users": self.watches}).to_string();
            if ws.send(Message::text(watch)).await.is_err() {
                return End::Lost;
            }
        }
        let mut sights = Sights::default();
        let mut next_beat = times::now();
        // When the heartbeat was sent that is not answered yet, and what it was.
        let mut waiting: Option<(i64, What)> = None;
        loop {
            if self.is_over() {
                return End::Left;
            }
            if self.is_due() && waiting.is_none() {
                self.next_change = times::now() + self.rng.random_range(WHIM);
                match self.rng.random_range(0..4) {
                    0 => {
                        self.next_change = times::now() + self.rng.random_range(AWAY);
                        self.set(Mode::Silent);
                        return End::Left;
                    }
                    1 => return self.say_goodbye(ws).await,
                    _ => self.turn(),
                }
                next_beat = times::now();
            }
            if waiting.is_none() && times::now() >= next_beat {
                let (what, frame) = self.said("heartbeat");
                waiting = Some((times::now(), what));
                next_beat = times::now() + BEAT;
                if ws.send(Message::text(frame.to_string())).await.is_err() {
                    self.give_up(&mut waiting);
                    return End::Lost;
                }
            }
            let is_late = |(sent, _): (i64, What)| times::now() - sent > PATIENCE.as_millis() as i64;
            if waiting.is_some_and(is_late) {
                self.give_up(&mut waiting);
                return End::Lost;
            }
            let Ok(message) = timeout(STEP, ws.next()).await else { continue };
            match message {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).unwrap_or_default();
                    if let Some(end) = self.hear(&frame, &mut waiting, &mut sights) {
                        self.give_up(&mut waiting);
                        return end;
                    }
                }
                // The answer is a sign of life, and nobody says that it was heard.
                Some(Ok(Message::Ping(_))) => self.note(times::now(), What::Pong, Heard::Nothing),
                Some(Ok(Message::Close(_)) | Err(_)) | None => {
                    self.give_up(&mut waiting);
                    return End::Lost;
                }
                Some(Ok(_)) => {}
            }
        }
    }

    /// A heartbeat that was sent gets no answer any more: it may have been heard.
    fn give_up(&self, waiting: &mut Option<(i64, What)>) {
        if let Some((sent, what)) = waiting.take() {
            self.note(sent, what, Heard::Nothing);
        }
    }

    fn turn(&mut self) {
        let idle = matches!(look(&self.witness).mode, Mode::Live { idle: true });
        self.idle_since = times::now();
        self.set(Mode::Live { idle: !idle });
    }

    /// Closes as a page does, and waits a moment for the answer.
    async fn say_goodbye(&mut self, mut ws: Ws) -> End {
        self.next_change = times::now() + self.rng.random_range(AWAY);
        self.set(Mode::Gone);
        let sent = times::now();
        let frame = CloseFrame { code: CloseCode::Away, reason: "".into() };
        let closing = async {
            if ws.send(Message::Close(Some(frame))).await.is_ok() {
                while let Some(Ok(_)) = ws.next().await {}
            }
        };
        let _ = timeout(PATIENCE, closing).await;
        self.note(sent, What::Goodbye, Heard::Nothing);
        End::Left
    }

    /// What a frame means; answers the end, if it is one.
    fn hear(&self, frame: &Value, waiting: &mut Option<(i64, What)>, sights: &mut Sights) -> Option<End> {
        match frame["type"].as_str()? {
            "pong" => {
                let (sent, what) = waiting.take()?;
                let status = frame["status"].as_str().unwrap_or_default().to_owned();
                let at = moment(&frame["server_time"]);
                self.note(sent, what, Heard::Done { status, since: 0, at });
            }
            "snapshot" => {
                frame["views"].as_array().into_iter().flatten().for_each(|view| sights.show(view));
                if frame["complete"] == true {
                    look(&self.witness).sights = Some(sights.clone());
                }
            }
            "presence" => {
                sights.hear(frame);
                if let Some(seen) = &mut look(&self.witness).sights {
                    seen.clone_from(sights);
                }
            }
            "goodbye" => return Some(End::Told(frame["reconnect_in_ms"].as_i64().unwrap_or(PAUSE))),
            _ => {}
        }
        None
    }
}
