//! The accept loop: what it bounds, and how it ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use rollcall::http::{Drained, Limits, serve_router};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const LIMITS: Limits = Limits {
    max_connections: 100,
    header_timeout: Duration::from_millis(300),
    idle_timeout: Duration::from_secs(2),
    drain: Duration::from_secs(5),
};
/// More than any of the bounds under test; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(10);

struct Running {
    address: std::net::SocketAddr,
    shutdown: CancellationToken,
    ended: JoinHandle<Drained>,
    /// A handler of `/slow` has begun.
    begun: Arc<Notify>,
    /// Lets one handler of `/slow` finish.
    finish: Arc<Notify>,
}

async fn start(limits: Limits) -> Running {
    let (begun, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = {
        let (begun, finish) = (Arc::clone(&begun), Arc::clone(&finish));
        move || async move {
            begun.notify_one();
            finish.notified().await;
            "done"
        }
    };
    let router = Router::new().route("/", get(|| async { "here" })).route("/slow", get(slow));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let ended = tokio::spawn(serve_router(listener, router, limits, shutdown.clone()));
    Running { address, shutdown, ended, begun, finish }
}

impl Running {
    async fn connect(&self, first: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(first.as_bytes()).await.unwrap();
        stream
    }

    async fn stop(self) -> Drained {
        self.shutdown.cancel();
        timeout(PATIENCE, self.ended).await.unwrap().unwrap()
    }
}

/// Everything the server says until it closes.
async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut text)).await.expect("closed in time").unwrap();
    text
}

#[tokio::test]
async fn unfinished_headers_are_cut() {
    let server = start(LIMITS).await;
    // Nothing, the beginning of both protocols' first words, half a request, a request and then silence.
    for first in ["", "P", "PRI * HTTP", "GET / HT", "GET / HTTP/1.1\r\nhost: x\r\n"] {
        let started = Instant::now();
        let mut stream = server.connect(first).await;
        read_to_end(&mut stream).await;
        assert!(started.elapsed() >= LIMITS.header_timeout, "{first:?} was cut too early");
        assert!(started.elapsed() < LIMITS.idle_timeout, "{first:?} was cut too late");
    }
    assert!(server.stop().await.clean());
}

#[tokio::test]
async fn long_heads_are_refused() {
    let server = start(LIMITS).await;
    let many: String = (0..200).map(|number| format!("h{number}: x\r\n")).collect();
    let cases = [
        (format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(80_000)), "431"),
        (format!("GET / HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", "x".repeat(80_000)), "431"),
        (format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n"), "431"),
    ];
    for (head, status) in cases {
        let mut stream = server.connect(&head).await;
        let answer = read_to_end(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    let fits = format!("GET /?{} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", "x".repeat(8_000));
    let mut stream = server.connect(&fits).await;
    assert!(read_to_end(&mut stream).await.starts_with("HTTP/1.1 200 "));
    assert!(server.stop().await.clean());
}

#[tokio::test]
async fn idle_connections_are_kept_for_the_next_request_and_closed_in_the_end() {
    let server = start(LIMITS).await;
    // Silence, and the beginning of another request.
    for next in ["", "GET / HTTP/1.1\r\n"] {
        let mut stream = server.connect(&format!("GET / HTTP/1.1\r\nhost: x\r\n\r\n{next}")).await;
        let answered = Instant::now();
        assert!(read_to_end(&mut stream).await.ends_with("here"));
        assert!(answered.elapsed() >= LIMITS.idle_timeout, "{next:?}");
    }
}

#[tokio::test]
async fn at_the_cap_new_connections_wait() {
    let server = start(Limits { max_connections: 1, ..LIMITS }).await;
    let mut first = server.connect("GET /slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    timeout(PATIENCE, server.begun.notified()).await.unwrap();
    let mut second = server.connect("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    let mut byte = [0];
    assert!(
        timeout(Duration::from_millis(200), second.read(&mut byte)).await.is_err(),
        "served over the cap"
    );
    server.finish.notify_one();
    assert!(read_to_end(&mut first).await.ends_with("done"));
    assert!(read_to_end(&mut second).await.ends_with("here"));
    let drained = server.stop().await;
    assert!(drained.clean() && drained.saturated >= 1, "{drained:?}");
}

#[tokio::test]
async fn shutdown_finishes_what_is_in_flight() {
    let server = start(LIMITS).await;
    let mut stream = server.connect("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    timeout(PATIENCE, server.begun.notified()).await.unwrap();
    server.shutdown.cancel();
    // Not accepted any more: refused, or never answered.
    let refused = async {
        while let Ok(mut late) = TcpStream::connect(server.address).await {
            let _ = late.read(&mut [0]).await;
        }
    };
    timeout(PATIENCE, refused).await.expect("stops accepting");
    server.finish.notify_one();
    assert!(read_to_end(&mut stream).await.ends_with("done"));
    assert!(server.stop().await.clean());
}

#[tokio::test]
async fn shutdown_cuts_at_its_deadline() {
    let server = start(Limits { drain: Duration::from_millis(100), ..LIMITS }).await;
    let mut stream = server.connect("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    timeout(PATIENCE, server.begun.notified()).await.unwrap();
    let drained = server.stop().await;
    assert_eq!(drained.cut, 1);
    assert_eq!(read_to_end(&mut stream).await, "");
}
