//! A flood of bad logins: many connections, each sends its next guess when it has the answer to the last.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{CONTENT_TYPE, HOST};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::cli::bench::load::{connect, exchange};

/// Addresses for benchmarks begin here (RFC 2544).
const FIRST_ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 0);

/// How a flood is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flood {
    pub(super) connections: usize,
    /// The addresses that it seems to come from.
    pub(super) addresses: u32,
    pub(super) time: Duration,
}

/// How many answers there were, by status.
pub(super) type Answers = BTreeMap<u16, u64>;

impl Flood {
    /// Guesses passwords of names that exist and of others.
    pub(super) async fn run(self, address: String) -> anyhow::Result<Answers> {
        let (mut guessing, end) = (JoinSet::new(), Instant::now() + self.time);
        for number in 0..self.connections {
            guessing.spawn(guess(self, address.clone(), number, end));
        }
        let mut total = Answers::new();
        while let Some(answers) = guessing.join_next().await {
            for (status, count) in answers?? {
                *total.entry(status).or_default() += count;
            }
        }
        Ok(total)
    }
}

async fn guess(flood: Flood, address: String, number: usize, end: Instant) -> anyhow::Result<Answers> {
    let (mut sender, mut answers) = (connect(&address).await?, Answers::new());
    for turn in 0.. {
        if Instant::now() >= end {
            break;
        }
        let guess = number + turn * flood.connections;
        let from = FIRST_ADDRESS.to_bits() + u32::try_from(guess % flood.addresses as usize)?;
        let name =
            if guess.is_multiple_of(2) { format!("bench-{}", guess % 50) } else { format!("nobody-{guess}") };
        let body = format!(r#"{{"username":"{name}","password":"a guess {guess}"}}"#);
        let request = Request::post("/api/auth/login/")
            .header(HOST, address.as_str())
            .header(CONTENT_TYPE, "application/json")
            .header("x-forwarded-for", Ipv4Addr::from_bits(from).to_string())
            .body(Full::new(Bytes::from(body)))?;
        let status = exchange(&mut sender, request).await?.as_u16();
        *answers.entry(status).or_default() += 1;
    }
    Ok(answers)
}
