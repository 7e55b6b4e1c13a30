//! The event path: Redis says that a lease has expired, and the shard's owner acts on it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;

use super::Node;
use super::expiry::expire;
use crate::metrics::labels::ExpiryPath;
use crate::presence::UserId;
use crate::store::{LeaseEvent, LeaseEvents, Shard};

/// For how long events are gathered, so that those of one moment become one call.
const GATHER: Duration = Duration::from_millis(2);

/// Most events gathered.
const MOST: usize = 500;

/// How often it is looked whether Redis has other primaries.
const WATCH: Duration = Duration::from_millis(500);

/// A task.
pub(super) async fn run(node: Node) {
    let mut events = node.app.store.lease_events();
    let mut watch = tokio::time::interval(WATCH);
    loop {
        tokio::select! {
            () = node.stop.cancelled() => return,
            _ = watch.tick() => events.watch(),
            event = events.next() => {
                let gathered = gather(&node, event, &mut events).await;
                let expired = join_all(gathered.into_iter().map(|(shard, users)| expire(&node, shard, users, ExpiryPath::Event)));
                for error in expired.await.into_iter().filter_map(Result::err) {
                    tracing::debug!(%error, "could not act on the end of leases; the nudge will");
                }
            }
        }
    }
}

/// Takes in what comes within [`GATHER`]. Missed events are no loss: the nudge runs every 50 ms.
async fn gather(node: &Node, first: LeaseEvent, events: &mut LeaseEvents) -> BTreeMap<Shard, Vec<UserId>> {
    let until = tokio::time::Instant::now() + GATHER;
    let mut gathered = BTreeMap::<Shard, Vec<UserId>>::new();
    let mut next = Some(first);
    let mut count = 0;
    while let Some(event) = next {
        match event {
            LeaseEvent::Expired(shard, user) if node.owned.has(shard) => {
                gathered.entry(shard).or_default().push(user);
            }
            LeaseEvent::Expired(..) => {}
            LeaseEvent::Missed(missed) => {
                tracing::debug!(missed, "missed the end of leases; the nudge finds them")
            }
        }
        count += 1;
        next = if count < MOST { tokio::time::timeout_at(until, events.next()).await.ok() } else { None };
    }
    gathered
}
