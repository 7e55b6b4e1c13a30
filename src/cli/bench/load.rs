//! Load over keep-alive HTTP/1 connections: as fast as answers come, or on a schedule.
//!
//! A request that is late because an earlier one was slow has waited, too: on a schedule latency counts from when the
//! request was due, else a stalled server would look fast (coordinated omission).

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// What every request says: an ordinary page.
const BODY: &str = r#"{"activity":"active"}"#;
/// Timers of the runtime are that coarse; so much lateness is ours and not counted.
const TIMER: Duration = Duration::from_millis(1);

/// A keep-alive connection.
pub(super) type Sender = SendRequest<Full<Bytes>>;

/// Opens one.
pub(super) async fn connect(address: &str) -> anyhow::Result<Sender> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Sends a request and reads the answer to its end.
pub(super) async fn exchange(
    sender: &mut Sender,
    request: Request<Full<Bytes>>,
) -> anyhow::Result<StatusCode> {
    let response = match sender.send_request(request).await {
        Ok(response) => response,
        Err(error) => bail!("the connection broke: {error}"),
    };
    let status = response.status();
    response.into_body().collect().await?;
    Ok(status)
}

/// Many people's tokens, and where they send them.
#[derive(Debug)]
pub(super) struct People {
    pub(super) address: String,
    /// One `Authorization` header each.
    pub(super) tokens: Vec<HeaderValue>,
}

/// What came of a run.
pub(super) struct Outcome {
    /// Latencies in microseconds.
    pub(super) latencies: Histogram<u64>,
    /// Answers that were no success.
    pub(super) failed: u64,
    pub(super) elapsed: Duration,
}

impl Outcome {
    /// Answers a second.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub(super) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// Latency that this share of requests does not exceed, in milliseconds.
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a run are far below 2^52")]
    pub(super) fn millis(&self, quantile: f64) -> f64 {
        self.latencies.value_at_quantile(quantile) as f64 / 1000.0
    }

    fn new() -> anyhow::Result<Self> {
        Ok(Self { latencies: Histogram::new(3)?, failed: 0, elapsed: Duration::ZERO })
    }

    fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.latencies.add(&other.latencies)?;
        self.failed += other.failed;
        self.elapsed = self.elapsed.max(other.elapsed);
        Ok(())
    }
}

/// How requests follow each other.
#[derive(Clone, Copy, Debug)]
pub(super) enum Plan {
    /// Each connection sends its next request when it has the answer, for so long.
    AsFastAsPossible(Duration),
    /// So many a second over all connections, for so long, whatever the answers do.
    Scheduled(f64, Duration),
    /// Each person sends one request.
    OnceEach,
}

/// Sends to `path` over so many connections.
pub(super) async fn run(
    people: &Arc<People>,
    path: &'static str,
    connections: usize,
    plan: Plan,
) -> anyhow::Result<Outcome> {
    let mut open = Vec::new();
    for number in 0..connections {
        open.push(Connection::open(Arc::clone(people), path, number, connections).await?);
    }
    let start = Instant::now();
    let mut running = JoinSet::new();
    for connection in open {
        running.spawn(connection.run(plan, start));
    }
    let mut total = Outcome::new()?;
    while let Some(outcome) = running.join_next().await {
        total.add(&outcome??)?;
    }
    Ok(total)
}

struct Connection {
    sender: Sender,
    people: Arc<People>,
    uri: Uri,
    host: HeaderValue,
    /// Its number, and how many there are: person `number + k * of` is the k-th to send over it.
    number: usize,
    of: usize,
}

impl Connection {
    async fn open(people: Arc<People>, path: &'static str, number: usize, of: usize) -> anyhow::Result<Self> {
        let sender = connect(&people.address).await?;
        let host = HeaderValue::from_str(&people.address)?;
        Ok(Self { sender, people, uri: Uri::from_static(path), host, number, of })
    }

    async fn run(mut self, plan: Plan, start: Instant) -> anyhow::Result<Outcome> {
        let mut outcome = Outcome::new()?;
        for turn in 0_usize.. {
            let person = self.number + turn * self.of;
            let from = match plan {
                Plan::AsFastAsPossible(time) if start.elapsed() < time => Instant::now(),
                Plan::OnceEach if person < self.people.tokens.len() => Instant::now(),
                Plan::Scheduled(rate, time) => match due(rate, time, person) {
                    Some(after) => self.wait_for(start + after).await,
                    None => break,
                },
                Plan::AsFastAsPossible(_) | Plan::OnceEach => break,
            };
            if !self.send(person).await? {
                outcome.failed += 1;
            }
            let micros = u64::try_from(from.elapsed().as_micros()).unwrap_or(u64::MAX);
            outcome.latencies.record(micros)?;
        }
        outcome.elapsed = start.elapsed();
        Ok(outcome)
    }

    /// Waits until a request is due; answers from when its latency counts.
    async fn wait_for(&self, due: Instant) -> Instant {
        sleep_until(due).await;
        Instant::now().min(due + TIMER)
    }

    /// Sends a person's request; whether the answer was a success.
    async fn send(&mut self, person: usize) -> anyhow::Result<bool> {
        let token = &self.people.tokens[person % self.people.tokens.len()];
        let request = Request::post(self.uri.clone())
            .header(HOST, self.host.clone())
            .header(AUTHORIZATION, token.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(Full::new(Bytes::from_static(BODY.as_bytes())))?;
        Ok(exchange(&mut self.sender, request).await?.is_success())
    }
}

/// When the n-th request of a schedule is due; `None` after its end.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn due(rate: f64, time: Duration, number: usize) -> Option<Duration> {
    let after = Duration::from_secs_f64(number as f64 / rate);
    (after < time).then_some(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_has_its_rate_and_its_end() {
        let second = Duration::from_secs(1);
        assert_eq!((0..).map_while(|n| due(100.0, second, n)).count(), 100);
        assert_eq!(due(100.0, second, 50), Some(Duration::from_millis(500)));
    }
}
