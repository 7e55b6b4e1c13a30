//! The event path: Redis says that a lease has expired. Fire and forget, so it is only a trigger: what it misses the
//! nudge and the sweep find.
//!
//! A cluster publishes a server's events on that server only, so there is an ear at every primary.

use std::sync::Arc;
use std::time::Duration;

use fred::prelude::*;
use fred::types::{ConnectHandle, KeyspaceEvent};
use futures::stream::{self, BoxStream, SelectAll, StreamExt};
use tokio::sync::broadcast;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::canary::Canary;
use super::keys::{Keys, Shard};
use super::link::Link;
use super::primary::{self, Primary, unavailable};
use super::{StoreError, settings};
use crate::presence::UserId;

/// How long to wait before a subscription is tried again.
const RETRY: Duration = Duration::from_millis(200);

/// How often a server is asked whether it is there: a subscription writes nothing, so only that can tell.
const PULSE: Duration = Duration::from_secs(2);

/// The rings of keyspace events that a subscriber may lag behind, all together; fred's default of 32 loses nearly all of
/// a burst. Four times as many took 35 MB more at rest; what a larger burst loses the nudge finds.
const EVENT_RING: usize = 16_384;

/// The least of it that each server gets.
const LEAST_RING: usize = 2_048;

/// What the event path has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseEvent {
    /// A lease has expired.
    Expired(Shard, UserId),
    /// Events were lost (the ring was lapped, or the connection broke): look for yourself.
    Missed(u64),
}

/// A subscription to the end of leases, at every primary.
pub struct LeaseEvents {
    link: Link,
    keys: Keys,
    channel: String,
    node: String,
    ears: Vec<Ear>,
    heard: SelectAll<BoxStream<'static, LeaseEvent>>,
}

impl std::fmt::Debug for LeaseEvents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LeaseEvents").field("channel", &self.channel).finish_non_exhaustive()
    }
}

/// That a primary is listened to. Its stream ends with it.
struct Ear {
    primary: String,
    _end: DropGuard,
}

impl LeaseEvents {
    pub(super) fn subscribe(link: Link, keys: Keys, database: u8, node: &str) -> Self {
        let channel = format!("__keyevent@{database}__:expired");
        let node = node.to_owned();
        let mut events = Self { link, keys, channel, node, ears: Vec::new(), heard: SelectAll::new() };
        events.watch();
        events
    }

    /// Waits for the next event. Cancel-safe: a subscription that is not finished goes on.
    pub async fn next(&mut self) -> LeaseEvent {
        match self.heard.next().await {
            Some(event) => event,
            // No primary is known; `watch` will tell.
            None => std::future::pending().await,
        }
    }

    /// Listens to primaries that are new, and no longer to those that are none any more. Call it on a timer.
    pub fn watch(&mut self) {
        let primaries = self.link.primaries();
        self.ears.retain(|ear| primaries.iter().any(|primary| primary.name == ear.primary));
        let ring = (EVENT_RING / primaries.len().max(1)).max(LEAST_RING);
        for primary in primaries {
            if self.ears.iter().any(|ear| ear.primary == primary.name) {
                continue;
            }
            let canary = self.canary(&primary).map(Canary::new);
            match Listener::begin(&primary, ring, self.keys.clone(), self.channel.clone(), canary) {
                Ok(listener) => {
                    let end = CancellationToken::new();
                    self.heard.push(listener.events().take_until(end.clone().cancelled_owned()).boxed());
                    self.ears.push(Ear { primary: primary.name.clone(), _end: end.drop_guard() });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot listen to the end of leases; sweeping meanwhile")
                }
            }
        }
    }
}

impl LeaseEvents {
    /// A key of the node's own that lives at a primary.
    fn canary(&self, primary: &Primary) -> Option<String> {
        let mut keys = (0..self.keys.shards()).map(|shard| self.keys.canary(shard, &self.node));
        keys.find(|key| self.link.primary(key).is_ok_and(|holder| holder.name == primary.name))
    }
}

/// The connection of one ear.
struct Listener {
    primary: Arc<Primary>,
    canary: Option<Canary>,
    client: Client,
    connection: ConnectHandle,
    keys: Keys,
    channel: String,
    events: broadcast::Receiver<KeyspaceEvent>,
    connected: broadcast::Receiver<Server>,
    pulse: tokio::time::Interval,
    /// Whether the present connection may not be subscribed yet.
    deaf: bool,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Listener {
    fn begin(
        primary: &Arc<Primary>,
        ring: usize,
        keys: Keys,
        channel: String,
        canary: Option<Canary>,
    ) -> Result<Self, StoreError> {
        let config = Config { fail_fast: false, ..primary.config().clone() };
        let client = primary::client(&config, ring)?;
        let (events, connected) = (client.keyspace_event_rx(), client.reconnect_rx());
        let connection = client.connect();
        let pulse = tokio::time::interval(PULSE);
        let primary = Arc::clone(primary);
        Ok(Self { primary, canary, client, connection, keys, channel, events, connected, pulse, deaf: false })
    }

    fn events(self) -> impl stream::Stream<Item = LeaseEvent> + Send + 'static {
        stream::unfold(self, |mut listener| async move {
            let event = listener.next().await?;
            Some((event, listener))
        })
    }

    /// The next event; `None` when there will be none.
    async fn next(&mut self) -> Option<LeaseEvent> {
        loop {
            if self.deaf {
                self.listen().await;
                return Some(LeaseEvent::Missed(0));
            }
            tokio::select! {
                event = self.events.recv() => match event {
                    Ok(event) => {
                        let Some(key) = event.key.as_str() else { continue };
                        if self.canary.as_mut().is_some_and(|canary| canary.hears(key)) {
                            continue;
                        }
                        if let Some((shard, user)) = self.keys.parse_lease(key) {
                            return Some(LeaseEvent::Expired(shard, user));
                        }
                    }
                    Err(broadcast::error::RecvError::Lagged(missed)) => return Some(LeaseEvent::Missed(missed)),
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
                // A lagged receiver has been told of connections all the same.
                _ = self.connected.recv() => self.deaf = true,
                _ = self.pulse.tick() => self.feel().await,
            }
        }
    }

    /// Subscribes, trying until it is done or the connection is another.
    async fn listen(&mut self) {
        while let Err(error) = self.client.subscribe(self.channel.as_str()).await.map_err(|e| unavailable(&e))
        {
            tracing::warn!(%error, "cannot subscribe to the end of leases; sweeping meanwhile");
            tokio::time::sleep(RETRY).await;
        }
        self.deaf = false;
    }

    /// Gives the connection up if its server does not answer, and listens anew if it answers but tells nothing.
    async fn feel(&mut self) {
        if !self.client.is_connected() {
            return;
        }
        if self.client.ping::<Value>(None).await.is_err() {
            primary::reconnect(&self.client).await;
        } else if let Some(canary) = &mut self.canary
            && canary.beat(&self.client).await
        {
            tracing::warn!(
                primary = self.primary.name,
                "redis does not tell of the end of leases; the nudge finds them meanwhile"
            );
            // Somebody may have switched events off.
            if let Err(error) = settings::enable_events(&self.primary).await {
                tracing::warn!(%error, "cannot see whether redis publishes expired keys");
            }
            self.deaf = true;
        }
    }
}
