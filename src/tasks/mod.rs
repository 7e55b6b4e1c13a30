//! What runs beside the requests. Every background task stands in the one list of [`Tasks::spawn`]; stopping means:
//! cancel, wait by a deadline, and say which of the two happened.

mod blocks;
mod copy;
mod erasures;
mod events;
mod expiry;
mod figures;
mod gates;
mod gauges;
mod housekeeping;
mod live;
mod logins;
mod nudge;
mod owned;
mod ownership;
mod restore;
mod rewound;
mod rounds;
mod seals;
mod service_keys;
mod sweep;
mod ticks;
mod transports;
mod trim;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::app::App;
use crate::live::Live;
use crate::store::Heard;
use crate::telemetry;
use owned::Owned;

/// What every task is given.
#[derive(Clone)]
struct Node {
    app: App,
    live: Live,
    owned: Arc<Owned>,
    stop: CancellationToken,
}

/// The running tasks of a node.
#[derive(Debug)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
    ended: mpsc::UnboundedReceiver<&'static str>,
}

impl Tasks {
    /// Starts every task there is.
    #[must_use]
    pub fn spawn(app: &App, live: &Live) -> Self {
        let stop = CancellationToken::new();
        let node = Node { app: app.clone(), live: live.clone(), owned: Arc::default(), stop: stop.clone() };
        // Bounded by the number of tasks: each sends once.
        let (ends, ended) = mpsc::unbounded_channel();
        let spawner = Spawner { tracker: TaskTracker::new(), ends };
        spawner.spawn("batcher", batcher(node.clone()));
        spawner.spawn("feed", feed(node.clone()));
        spawner.spawn("live", live::run(node.clone()));
        spawner.spawn("ownership", ownership::run(node.clone()));
        spawner.spawn("restore", restore::run(node.clone()));
        spawner.spawn("events", events::run(node.clone()));
        spawner.spawn("nudge", nudge::run(node.clone()));
        spawner.spawn("sweep", sweep::run(node.clone()));
        spawner.spawn("copy", copy::run(node.clone()));
        spawner.spawn("trim", trim::run(node.clone()));
        spawner.spawn("gauges", gauges::run(node.clone()));
        spawner.spawn("gates", gates::run(node.clone()));
        spawner.spawn("blocks", blocks::run(node.clone()));
        spawner.spawn("logins", logins::run(node.clone()));
        spawner.spawn("seals", seals::run(node.clone()));
        spawner.spawn("erasures", erasures::run(node.clone()));
        spawner.spawn("visibilities", visibilities(node.clone()));
        spawner.spawn("service_keys", service_keys::run(node.clone()));
        spawner.spawn("figures", figures::run(node.clone()));
        spawner.spawn("webhooks", webhooks::run(node.clone()));
        spawner.spawn("housekeeping", housekeeping::run(node));
        spawner.tracker.close();
        Self { tracker: spawner.tracker, stop, ended }
    }

    /// Waits until a task ends that should not: a defect, and a reason to stop the node. Answers its name.
    pub async fn crashed(&mut self) -> &'static str {
        match self.ended.recv().await {
            Some(name) => name,
            None => std::future::pending().await,
        }
    }

    /// Asks every task to end, and waits for it; answers whether all did in time.
    pub async fn stop(self, deadline: Duration) -> bool {
        self.stop.cancel();
        tokio::time::timeout(deadline, self.tracker.wait()).await.is_ok()
    }
}

struct Spawner {
    tracker: TaskTracker,
    ends: mpsc::UnboundedSender<&'static str>,
}

impl Spawner {
    fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let end = SayEnd { name, ends: self.ends.clone() };
        let span = tracing::info_span!(telemetry::TASK, name);
        let running = async move {
            let _end = end;
            task.await;
        };
        self.tracker.spawn(running.instrument(span));
    }
}

/// Says that a task is over, however it ended.
struct SayEnd {
    name: &'static str,
    ends: mpsc::UnboundedSender<&'static str>,
}

impl Drop for SayEnd {
    fn drop(&mut self) {
        let _ = self.ends.send(self.name);
    }
}

/// Sends heartbeats to Redis.
async fn batcher(node: Node) {
    tokio::select! {
        () = node.stop.cancelled() => {}
        () = node.app.store.work() => {}
    }
}

/// Tells the sockets what all nodes change.
async fn feed(node: Node) {
    let listener = |heard: Heard<'_>| node.live.hear(heard);
    tokio::select! {
        () = node.stop.cancelled() => {}
        () = node.app.store.follow(&listener) => {}
    }
}

/// Follows who may see when people were last seen.
async fn visibilities(node: Node) {
    tokio::select! {
        () = node.stop.cancelled() => {}
        () = node.app.visibilities.follow(&node.app.accounts) => {}
    }
}
