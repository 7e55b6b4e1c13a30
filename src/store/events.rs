//! The event path: Redis says that a lease has expired. Fire and forget, so it is only a trigger: what it misses the
//! nudge and the sweep find.

use std::time::Duration;

use fred::clients::Client;
use fred::prelude::*;
use fred::types::KeyspaceEvent;
use tokio::sync::broadcast;

use super::StoreError;
use super::keys::{Keys, Shard};
use super::link::{self, unavailable};
use crate::presence::UserId;

/// How long to wait before a subscription is tried again.
const RETRY: Duration = Duration::from_millis(200);

/// What the event path has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseEvent {
    /// A lease has expired.
    Expired(Shard, UserId),
    /// Events were lost (the ring was lapped, or the connection broke): look for yourself.
    Missed(u64),
}

/// A subscription to the end of leases.
pub struct LeaseEvents {
    client: Client,
    keys: Keys,
    channel: String,
    events: broadcast::Receiver<KeyspaceEvent>,
    connected: broadcast::Receiver<fred::types::config::Server>,
    /// Whether the present connections may not be subscribed yet.
    deaf: bool,
}

impl std::fmt::Debug for LeaseEvents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LeaseEvents").field("channel", &self.channel).finish_non_exhaustive()
    }
}

impl LeaseEvents {
    pub(super) async fn subscribe(url: &str, keys: Keys, database: u8) -> Result<Self, StoreError> {
        let client = link::subscriber(url).await?;
        let channel = format!("__keyevent@{database}__:expired");
        let (events, connected) = (client.keyspace_event_rx(), client.reconnect_rx());
        let subscription = Self { client, keys, channel, events, connected, deaf: false };
        subscription.listen().await?;
        Ok(subscription)
    }

    /// Subscribes on every connection there is; a cluster publishes a node's events on that node only.
    async fn listen(&self) -> Result<(), StoreError> {
        for server in self.client.active_connections() {
            let listening = if self.client.is_clustered() {
                self.client.with_cluster_node(server).subscribe(self.channel.as_str()).await
            } else {
                self.client.subscribe(self.channel.as_str()).await
            };
            listening.map_err(|error| unavailable(&error))?;
        }
        Ok(())
    }

    /// Waits for the next event. Cancel-safe: a subscription that is not finished is begun again.
    pub async fn next(&mut self) -> LeaseEvent {
        loop {
            if self.deaf {
                match self.listen().await {
                    Ok(()) => self.deaf = false,
                    Err(error) => {
                        tracing::warn!(%error, "cannot subscribe to the end of leases; sweeping meanwhile");
                        tokio::time::sleep(RETRY).await;
                        continue;
                    }
                }
                return LeaseEvent::Missed(0);
            }
            tokio::select! {
                event = self.events.recv() => match event {
                    Ok(event) => {
                        let key = event.key.as_str().and_then(|key| self.keys.parse_lease(key));
                        if let Some((shard, user)) = key {
                            return LeaseEvent::Expired(shard, user);
                        }
                    }
                    Err(broadcast::error::RecvError::Lagged(missed)) => return LeaseEvent::Missed(missed),
                    Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
                },
                _ = self.connected.recv() => self.deaf = true,
            }
        }
    }

    /// Notices a frozen server: a subscription writes nothing, so only a ping can tell.
    pub async fn watch(&self) {
        if self.client.ping::<Value>(None).await.is_err() {
            let _ = self.client.force_reconnection().await;
        }
    }
}
