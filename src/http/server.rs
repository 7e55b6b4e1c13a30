//! The accept loop. Our own because `axum::serve` neither limits connections nor the time a client may take to
//! send its headers: a few thousand sockets that never finish a request would be enough to stop the service.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// Pause after the system refused a connection (no file descriptors, say): trying at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// An HTTP/2 client that is silent for this long is asked whether it still lives ...
const HTTP2_PING: Duration = Duration::from_secs(20);
/// ... and has this long to answer.
const HTTP2_PING_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests that one HTTP/2 connection may have in flight.
const HTTP2_STREAMS: u32 = 128;
/// Bytes of a request's head: its address and its headers. The longest token that is looked at is an eighth of it.
const HEAD_LIMIT: u32 = 64 * 1024;

/// The bounds of a listener.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time. At the cap new ones wait in the kernel's queue: idle ones close after
    /// `idle_timeout`, so places come free, and a client that waits is better off than one refused.
    pub max_connections: usize,
    /// How long a new connection may take to send the headers of its first request.
    pub header_timeout: Duration,
    /// How long an HTTP/1 connection may take from one answer to the headers of the next request, idle or not: a client
    /// that sends them slowly holds no more than one that sends nothing. At least `header_timeout`.
    pub idle_timeout: Duration,
    /// How long requests in flight may go on after shutdown began.
    pub drain: Duration,
}

/// How a listener ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections still busy at the deadline, which were cut.
    pub cut: usize,
    /// How often the cap on connections made new ones wait.
    pub saturated: u64,
}

impl Drained {
    /// Whether every request was finished.
    #[must_use]
    pub const fn clean(self) -> bool {
        self.cut == 0
    }
}

/// A place among the connections of a listener. A request carries it, so that a socket that outlives its request keeps it.
#[derive(Clone, Debug)]
pub struct Admission(
    #[expect(dead_code, reason = "held, and given back by being dropped")] Arc<OwnedSemaphorePermit>,
);

/// What every connection of a listener shares.
struct Shared {
    builder: Builder<TokioExecutor>,
    router: Router,
    header_timeout: Duration,
    /// Finish what is in flight, take nothing new.
    closing: CancellationToken,
    /// Stop now.
    cutting: CancellationToken,
}

/// Serves `router` on `listener` until `shutdown`; returns when every connection has ended, at the latest
/// `limits.drain` later.
pub async fn serve_router(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: CancellationToken,
) -> Drained {
    let shared = Arc::new(Shared {
        builder: builder(limits.idle_timeout.max(limits.header_timeout)),
        router,
        header_timeout: limits.header_timeout,
        closing: shutdown.clone(),
        cutting: CancellationToken::new(),
    });
    let connections = TaskTracker::new();
    let saturated = accept(&listener, limits.max_connections, &shared, &connections).await;
    drop(listener);
    connections.close();
    let in_time = tokio::time::timeout(limits.drain, connections.wait()).await.is_ok();
    let cut = if in_time { 0 } else { connections.len() };
    shared.cutting.cancel();
    connections.wait().await;
    Drained { cut, saturated }
}

fn builder(idle_timeout: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // hyper's clock for headers begins to run when it waits for a request, with the first byte or without.
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(idle_timeout)
        .max_buf_size(HEAD_LIMIT as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HTTP2_PING)
        .keep_alive_timeout(HTTP2_PING_TIMEOUT)
        .max_concurrent_streams(HTTP2_STREAMS)
        .max_header_list_size(HEAD_LIMIT);
    builder
}

/// Accepts until shutdown; says how often the cap made new connections wait.
async fn accept(
    listener: &TcpListener,
    max_connections: usize,
    shared: &Arc<Shared>,
    connections: &TaskTracker,
) -> u64 {
    let places = Arc::new(Semaphore::new(max_connections));
    let mut saturated = 0;
    loop {
        if places.available_permits() == 0 {
            saturated += 1;
            tracing::warn!(max_connections, "every connection is taken: new ones wait");
        }
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.ok()?;
            Some((place, listener.accept().await))
        };
        let (place, accepted) = tokio::select! {
            () = shared.closing.cancelled() => return saturated,
            next = next => match next {
                Some(next) => next,
                None => return saturated,
            },
        };
        match accepted {
            Ok((stream, peer)) => {
                connections.spawn(connection(stream, peer, Arc::clone(shared), place));
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The client went away before it was accepted: nothing to do with the listener.
fn is_about_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Serves one connection to its end.
async fn connection(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>, place: OwnedSemaphorePermit) {
    // Answers are small: waiting to fill a packet would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a socket keeps Nagle's algorithm");
    }
    let began = Arc::new(AtomicBool::new(false));
    let admission = Admission(Arc::new(place));
    let service = service_fn({
        let router = shared.router.clone();
        let admission = admission.clone();
        let began = Arc::clone(&began);
        move |mut request: Request<Incoming>| {
            began.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(admission.clone());
            super::paths::end_with_slash(&mut request);
            router.clone().oneshot(request)
        }
    });
    let mut served = pin!(shared.builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    // hyper has one clock for all requests of a connection, which idle ones need to be slow: for the first request
    // there is this one.
    let mut silence = pin!(tokio::time::sleep(shared.header_timeout));
    let (mut silence_over, mut closing) = (false, false);
    loop {
        tokio::select! {
            result = served.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(%error, %peer, "a connection ended with an error");
                }
                break;
            }
            () = silence.as_mut(), if !silence_over => {
                silence_over = true;
                if !began.load(Ordering::Relaxed) {
                    break;
                }
            }
            () = shared.closing.cancelled(), if !closing => {
                closing = true;
                served.as_mut().graceful_shutdown();
            }
            () = shared.cutting.cancelled() => break,
        }
    }
    drop(admission);
}
