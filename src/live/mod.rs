//! Presence as it happens: sockets and event streams. Read `protocol` (what may be said), `session` (what happens then),
//! `socket` (when), and `hub` (who is told).

mod act;
mod activity;
mod acts;
mod bucket;
mod events;
mod existing;
mod goodbye;
mod handshake;
mod hub;
mod protocol;
mod rooms;
mod session;
mod snapshot;
mod socket;
mod watching;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::routing::any;
use rand::RngExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use hub::Hub;
pub use protocol::Counts;

use crate::accounts::Usernames;
use crate::app::App;
use crate::http;
use crate::presence::{Millis, Org};
use crate::store::Heard;

/// Clients that are told to come back each second, when a node stops.
const RETURNING_PER_SECOND: usize = 500;

/// Everything live on a node. Cheap to clone.
#[derive(Clone)]
pub struct Live {
    app: App,
    hub: Arc<Hub>,
    /// What people are called, for clients that show it.
    usernames: Arc<Usernames>,
    /// Cancelled when the node stops.
    closing: CancellationToken,
    /// Counts sockets and streams.
    sockets: TaskTracker,
}

impl Live {
    /// For this node.
    #[must_use]
    pub fn new(app: &App) -> Self {
        Self {
            app: app.clone(),
            hub: Arc::default(),
            usernames: Arc::new(Usernames::new(app.accounts.clone())),
            closing: CancellationToken::new(),
            sockets: TaskTracker::new(),
        }
    }

    /// The routes, with their description.
    pub fn routes(&self) -> OpenApiRouter<App> {
        described()
            .route(http::LIVE_PATH, any(handshake::open))
            .route(http::EXISTING_LIVE_PATH, any(handshake::open_existing))
            .layer(Extension(self.clone()))
    }

    /// What the node hears of the outboxes.
    pub fn hear(&self, heard: Heard<'_>) {
        self.hub.hear(heard, self.app.store.keys());
    }

    /// How far this node's clock is before that of Redis, in seconds.
    pub fn set_skew(&self, seconds: f64) {
        self.hub.set_skew(seconds);
    }

    /// Sockets that carry a session.
    #[must_use]
    pub fn sockets(&self) -> u64 {
        self.hub.carrying()
    }

    /// Organisations that somebody watches.
    #[must_use]
    pub fn watched_orgs(&self) -> Vec<Org> {
        self.hub.orgs()
    }

    /// What time alone brings; to be called some times a second.
    pub fn tick(&self) {
        self.hub.tick(self.audience(), Instant::now());
    }

    /// How many are present of an organisation now.
    pub fn count(&self, org: &Org, counts: Counts) {
        self.hub.count(org, counts, self.audience());
    }

    /// Of organisations with more people only counts are told.
    fn audience(&self) -> u64 {
        u64::from(self.app.config.live.audience)
    }

    /// Tells all clients to come back elsewhere, each at another time, and waits until they have gone; answers whether they
    /// had by the deadline.
    pub async fn drain(&self, deadline: Duration) -> bool {
        self.closing.cancel();
        self.sockets.close();
        tokio::time::timeout(deadline, self.sockets.wait()).await.is_ok()
    }

    /// When one of the clients of a node that stops should come back: all of them within a time that spares the others, and
    /// early enough that no session ends meanwhile.
    fn return_after(&self) -> Duration {
        let rhythm = self.app.policy.socket;
        let Millis(slack) = rhythm.ttl - rhythm.interval;
        let spread = Duration::from_secs((self.sockets.len() / RETURNING_PER_SECOND) as u64);
        let most = Duration::from_millis(u64::try_from(slack / 2).unwrap_or_default());
        let spread = spread.max(Duration::from_secs(1)).min(most).max(Duration::from_millis(1));
        rand::rng().random_range(Duration::ZERO..spread)
    }
}

/// What can be described of the routes: sockets cannot.
fn described() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(events::stream))
}

/// The description of the whole API, as `/openapi.json` answers it.
///
/// # Errors
/// None that a caller could mend: the document does not serialise.
pub fn openapi_json() -> serde_json::Result<String> {
    http::openapi_json(described())
}
