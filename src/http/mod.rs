//! The public API over HTTP and the internal listener. The only module, with `live`, that knows axum and tower.
//!
//! Read `router` first: it is the table of every path. A request comes in through `server` (the accept loop),
//! passes the layers of [`middleware`], and reaches a handler in `routes` whose arguments ([`extract`]) have parsed
//! and checked everything; what goes wrong is an [`ApiError`].

mod assets;
mod copied;
mod demo;
mod dossier;
mod error;
pub mod explain;
pub mod extract;
mod failures;
mod fallback;
pub mod file;
mod guard;
mod health;
mod internal;
mod limits;
mod measured;
pub mod middleware;
mod offences;
mod openapi;
mod pages;
mod paths;
mod person;
mod pieces;
mod problem;
mod proof;
mod request_id;
mod router;
mod routes;
mod rows;
mod secure;
mod seen;
mod server;
mod sight;
mod time;
mod uncut;
mod words;

use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;

pub use demo::{Demo, Guest};
pub use error::{ApiError, FieldError};
pub use fallback::{not_allowed, not_found};
pub use health::{Lag, lags};
pub use measured::heartbeat as measure_heartbeat;
pub use problem::Problem;
pub use request_id::RequestId;
pub use router::{EXISTING_LIVE_PATH, LIVE_PATH, openapi_json};
pub use routes::audit_logs::{ActionPages, exported as exported_actions};
pub use routes::export::exported as exported_transitions;
pub use routes::heartbeat::jittered;
pub use routes::rooms;
pub use routes::rooms::{admit as may_join, joined};
pub use routes::status::{StatusBody, change as change_status};
pub use routes::transitions::TransitionPages;
pub use seen::{Seen, may_see_last_seen, see};
pub use server::{Admission, Drained, Limits, serve_router};
pub use time::Timestamp;

use crate::app::App;

/// How long a request may take, its body included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long connections are kept without a request. Longer than a hidden page is silent between two heartbeats (60 s and
/// a tenth), so that clients need not connect for each; and longer than common proxies keep theirs (60 s), so that none
/// sends a request into a connection that is just being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// Connections to the internal listener: scrapers and probes.
const INTERNAL_CONNECTIONS: usize = 100;

/// How a node serves, beside its settings.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long requests in flight may go on after shutdown began.
    pub drain: Duration,
    /// Mounts `/bench/token/`, which only verifies the token.
    pub bench_route: bool,
    /// Mounts `/demo/`, where a browser can be one of these people.
    pub demo: Option<Demo>,
}

impl Default for Options {
    fn default() -> Self {
        Self { drain: Duration::from_secs(10), bench_route: false, demo: None }
    }
}

/// Serves the public API on `listener` until `shutdown`, then finishes what is in flight. `live`: the routes of sockets
/// and streams.
///
/// # Errors
/// None that a caller could mend: the description of the API does not serialise.
pub async fn serve(
    listener: TcpListener,
    app: App,
    live: OpenApiRouter<App>,
    options: Options,
    shutdown: CancellationToken,
) -> serde_json::Result<Drained> {
    let http = &app.config.http;
    let limits = Limits {
        max_connections: http.max_connections as usize,
        header_timeout: http.header_timeout.duration(),
        idle_timeout: IDLE_TIMEOUT,
        drain: options.drain,
    };
    let rules = middleware::RequestRules {
        cors_origins: app.config.cors.origins.as_slice().to_vec(),
        body_limit: http.body_limit as usize,
        timeout: REQUEST_TIMEOUT,
        trusted_proxies: app.config.proxies.trusted.clone(),
    };
    let router = router::public(app, live, &rules, options)?;
    Ok(serve_router(listener, router, limits, shutdown).await)
}

/// Serves `/metrics`, `/livez` and `/readyz` on `listener` until `shutdown`. It should end after the public listener,
/// so that its probes see the draining.
pub async fn serve_internal(listener: TcpListener, app: App, shutdown: CancellationToken) -> Drained {
    let limits = Limits {
        max_connections: INTERNAL_CONNECTIONS,
        header_timeout: app.config.http.header_timeout.duration(),
        idle_timeout: IDLE_TIMEOUT,
        drain: Duration::from_secs(1),
    };
    serve_router(listener, internal::router(app), limits, shutdown).await
}
