//! A server that webhooks are told by: a real one, which keeps what it was sent and answers as it is told to.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Says nothing, for ever.
pub const SILENCE: u16 = 0;

/// A letter as it came.
#[derive(Clone, Debug)]
pub struct Received {
    pub headers: HeaderMap,
    pub body: String,
    pub json: Value,
    /// What was answered.
    pub answer: u16,
}

impl Received {
    /// Checks the signature as docs/webhooks.md says; answers which of the header's signatures each secret made.
    pub fn signed_by(&self, secret: &str) -> Vec<bool> {
        let header = self.headers["rollcall-signature"].to_str().unwrap();
        let parts: Vec<(&str, &str)> = header.split(',').map(|part| part.split_once('=').unwrap()).collect();
        assert_eq!(parts[0].0, "t", "{header}");
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = hmac::sign(&key, format!("{}.{}", parts[0].1, self.body).as_bytes());
        let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        parts[1..].iter().map(|(name, value)| *name == "v1" && *value == hex).collect()
    }
}

#[derive(Default)]
struct Kept {
    letters: Mutex<Vec<Received>>,
    answer: AtomicU16,
}

/// The server. It ends with the test.
pub struct Receiver {
    pub url: String,
    kept: Arc<Kept>,
    _stop: DropGuard,
}

impl Receiver {
    /// Takes everything, until it is told otherwise.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?token=sesame", listener.local_addr().unwrap());
        let kept = Arc::new(Kept { answer: AtomicU16::new(200), ..Kept::default() });
        let router = Router::new().fallback(take).with_state(Arc::clone(&kept));
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        tokio::spawn(async move {
            tokio::select! {
                _ = axum::serve(listener, router) => {}
                () = stopped => {}
            }
        });
        Self { url, kept, _stop: stop.drop_guard() }
    }

    /// From now on this is answered.
    pub fn answer(&self, status: u16) {
        self.kept.answer.store(status, Ordering::SeqCst);
    }

    /// Everything that came, in order.
    pub fn letters(&self) -> Vec<Received> {
        self.kept.letters.lock().unwrap().clone()
    }

    /// The events of a webhook in what was taken, in order.
    pub fn taken(&self, webhook: &str) -> Vec<Value> {
        let letters = self.letters().into_iter();
        let taken = letters.filter(|letter| letter.answer == 200 && letter.json["webhook"] == webhook);
        taken.flat_map(|letter| letter.json["events"].as_array().unwrap().clone()).collect()
    }

    /// Those about somebody.
    pub fn about(&self, webhook: &str, user: &str) -> Vec<Value> {
        self.taken(webhook).into_iter().filter(|event| event["user_id"] == user).collect()
    }
}

async fn take(State(kept): State<Arc<Kept>>, headers: HeaderMap, body: String) -> (StatusCode, &'static str) {
    let answer = kept.answer.load(Ordering::SeqCst);
    let json = serde_json::from_str(&body).unwrap_or_default();
    kept.letters.lock().unwrap().push(Received { headers, body, json, answer });
    if answer == SILENCE {
        std::future::pending::<()>().await;
    }
    (StatusCode::from_u16(answer).unwrap(), "thank you")
}
