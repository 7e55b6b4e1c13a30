//! `rollcall serve`: one node, from its settings to its orderly end.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{descriptors, start_log, stop};
use crate::app::App;
use crate::config::{Config, Listen};
use crate::http::{self, Drained, Options};
use crate::live::Live;
use crate::tasks::Tasks;

/// How long background tasks may take to end; the copy writes what it has.
const TASKS_DEADLINE: Duration = Duration::from_secs(10);

/// Options of `serve`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Also serve /bench/token/, which verifies a token and does nothing else
    #[arg(long, hide = true)]
    bench_route: bool,
    /// Stop when standard input closes, as well: whoever started this is gone then
    #[arg(long, hide = true)]
    stop_with_stdin: bool,
}

/// Serves until a signal; answers whether the end was clean.
pub(super) async fn run(
    config: Config,
    args: &Args,
    settings: &BTreeMap<String, String>,
) -> anyhow::Result<bool> {
    let started = Instant::now();
    config.check_serving()?;
    let _telemetry = start_log(&config)?;
    descriptors::raise_for(config.http.max_connections);
    let shutdown = stop::on_signal()?;
    if args.stop_with_stdin {
        stop::with_stdin(shutdown.clone());
    }
    let node = config.listen.node_name();
    let listen = config.listen.clone();
    let app = App::build(config).await?;
    let listeners = Listeners::bind(&listen).await?;
    tracing::info!(
        %node,
        public = %listeners.public.local_addr()?,
        internal = %listeners.internal.local_addr()?,
        millis = started.elapsed().as_millis(),
        "ready"
    );
    let options = Options { bench_route: args.bench_route, ..Options::default() };
    // Beside it, and not before: Postgres may be away, and heartbeats do not wait for it.
    let noting = note_settings(app.clone(), &node, settings);
    let serving = run_node_with(listeners.public, listeners.internal, app, options, shutdown);
    let (clean, ()) = tokio::join!(serving, noting);
    if clean {
        tracing::info!("stopped: every request was finished and every task ended");
    } else {
        tracing::error!("stopped, but not cleanly");
    }
    Ok(clean)
}

/// Leaves an action if the settings are not those of the last start. Without Postgres the next start does it.
async fn note_settings(app: App, node: &str, settings: &BTreeMap<String, String>) {
    match app.accounts.record_settings(node, settings).await {
        Ok(true) => {
            tracing::info!("the settings are not those of the last start; see SYSTEM_SETTINGS_CHANGED")
        }
        Ok(false) => {}
        Err(error) => tracing::warn!(%error, "cannot note with which settings this node was started"),
    }
}

/// The two places where a node listens.
#[derive(Debug)]
pub(super) struct Listeners {
    pub(super) public: TcpListener,
    pub(super) internal: TcpListener,
}

impl Listeners {
    /// Takes both addresses.
    pub(super) async fn bind(listen: &Listen) -> anyhow::Result<Self> {
        Ok(Self {
            public: bind(listen.public, "--listen", "ROLLCALL_LISTEN").await?,
            internal: bind(listen.internal, "--internal-listen", "ROLLCALL_INTERNAL_LISTEN").await?,
        })
    }
}

async fn bind(address: SocketAddr, flag: &str, variable: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}: choose another address by {flag} ({variable})"))
}

/// Runs a node on these listeners until `shutdown`, or until a part of it fails: background tasks, the public API,
/// the internal pages. Answers whether it stopped cleanly.
pub async fn run_node(
    public: TcpListener,
    internal: TcpListener,
    app: App,
    shutdown: CancellationToken,
) -> bool {
    run_node_with(public, internal, app, Options::default(), shutdown).await
}

/// [`run_node`] with other options than those of the service.
///
/// Probes learn first that the node stops; then sockets are told to come back elsewhere, requests are finished, and only then background tasks are asked to
/// end, so that the copy writes what the last requests did. The internal pages go last: they show all of it.
pub(super) async fn run_node_with(
    public: TcpListener,
    internal: TcpListener,
    app: App,
    options: Options,
    shutdown: CancellationToken,
) -> bool {
    let live = Live::new(&app);
    let mut tasks = Tasks::spawn(&app, &live);
    let (close_public, close_internal) = (CancellationToken::new(), CancellationToken::new());
    let public_ended = CancellationToken::new();
    let drain = options.drain;
    let serving = tokio::spawn({
        let (app, close, ended) = (app.clone(), close_public.clone(), public_ended.clone());
        let routes = live.routes();
        async move {
            let _ended = ended.drop_guard();
            http::serve(public, app, routes, options, close).await
        }
    });
    let probed = tokio::spawn(http::serve_internal(internal, app.clone(), close_internal.clone()));
    let wanted = tokio::select! {
        () = shutdown.cancelled() => true,
        task = tasks.crashed() => {
            tracing::error!(task, "a background task ended that never should: stopping");
            false
        }
        () = public_ended.cancelled() => {
            tracing::error!("the public listener ended by itself: stopping");
            false
        }
    };
    app.start_draining();
    tracing::info!("stopping");
    close_public.cancel();
    let left = live.drain(drain).await;
    if !left {
        tracing::warn!("some sockets did not close in time");
    }
    let drained = serving.await.context("serving").and_then(|served| Ok(served?));
    let finished = told_drained(drained);
    let ended = tasks.stop(TASKS_DEADLINE).await;
    if !ended {
        tracing::error!("background tasks did not end within {TASKS_DEADLINE:?}");
    }
    close_internal.cancel();
    // Probes that are cut lose nothing.
    let probed = probed.await.is_ok();
    wanted && left && finished && ended && probed
}

/// Says what became of the requests that were in flight; whether all were finished.
fn told_drained(drained: anyhow::Result<Drained>) -> bool {
    match drained {
        Ok(drained) if drained.clean() => true,
        Ok(drained) => {
            tracing::warn!(connections = drained.cut, "connections were cut in the middle of requests");
            false
        }
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "serving failed");
            false
        }
    }
}
