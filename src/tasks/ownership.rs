//! Which node looks after which shard: each takes its share of those that nobody keeps. Those that came back empty are
//! left to the restore.

use std::time::Duration;

use futures::future::join_all;

use super::Node;
use super::owned::Heard;
use super::ticks::Ticks;
use crate::metrics::record;
use crate::moment;
use crate::store::{Ownership, Shard, StoreError, Told};

/// How often ownership is kept; it lasts three times as long.
const PERIOD: Duration = Duration::from_secs(1);

/// Over so long a node's shards are kept, one after the other: all at once they take some 4 ms of Redis, behind which
/// whoever asks it anything else would wait.
const SPREAD: Duration = Duration::from_millis(250);

/// Shards asked for at once.
const AT_ONCE: usize = 16;

/// A task: keeps, takes and gives up shards; at the end gives up all of them, so that others need not wait.
pub(super) async fn run(node: Node) {
    let mut ticks = Ticks::every(PERIOD, &node.stop);
    let mut nodes = 1;
    while ticks.next().await {
        if let Err(error) = step(&node, &mut nodes).await {
            tracing::warn!(%error, "cannot keep shards");
        }
        record::shards_owned(node.owned.shards().len() as u64, u64::from(node.app.store.keys().shards()));
    }
    let released = async {
        let owned = node.owned.shards();
        join_all(owned.iter().map(|shard| node.app.store.release(*shard))).await;
        node.app.store.hide_node().await
    };
    if let Err(error) = released.await {
        tracing::warn!(%error, "could not give shards up; others take them in a few seconds");
    }
}

/// `nodes`: how many lived when Redis was last heard: their list may be on a server that is down, while the shards are not.
async fn step(node: &Node, nodes: &mut u64) -> Result<(), StoreError> {
    let shown = node.app.store.show_node(&told(node)).await;
    *nodes = shown.as_ref().map_or(*nodes, |shown| (*shown).max(1));
    let all = node.app.store.keys().shards();
    let share = usize::from(all).div_ceil(usize::try_from(*nodes).unwrap_or(usize::MAX));
    let mut mine = node.owned.shards();
    for shard in mine.split_off(mine.len().min(share)) {
        node.owned.lose(shard);
        node.app.store.release(shard).await?;
    }
    keep_all(node, &mine).await;
    take(node, all, share).await;
    shown.map(drop)
}

/// None waits for the answer to another: a silent one is as late as it would be alone.
async fn keep_all(node: &Node, mine: &[Shard]) {
    let pause = SPREAD.checked_div(u32::try_from(mine.len()).unwrap_or(u32::MAX)).unwrap_or_default();
    let turns = mine.iter().zip(0..).map(|(shard, turn)| async move {
        tokio::time::sleep(pause * turn).await;
        keep(node, *shard).await;
    });
    join_all(turns).await;
}

/// What this node tells of itself.
fn told(node: &Node) -> Told {
    Told {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        sockets: node.live.sockets(),
        since: node.app.started_at,
        clock: moment::now(),
    }
}

/// Takes shards that nobody keeps, up to this node's share. Every shard is asked for: which are free is not known.
async fn take(node: &Node, all: Shard, share: usize) {
    let others: Vec<Shard> = (0..all).filter(|shard| !node.owned.has(*shard)).collect();
    let mut left = others.as_slice();
    while !left.is_empty() {
        let room = share.saturating_sub(node.owned.shards().len());
        if room == 0 {
            return;
        }
        let (now, rest) = left.split_at(room.min(AT_ONCE).min(left.len()));
        join_all(now.iter().map(|shard| keep(node, *shard))).await;
        left = rest;
    }
}

async fn keep(node: &Node, shard: Shard) {
    match node.app.store.own(shard, node.owned.pressure()).await {
        Ok(Ownership::Own { epoch, n, restored_until, rules, server }) => {
            node.owned.keep(shard, epoch, n);
            node.owned.spares_until(shard, restored_until);
            node.owned.heard(shard, Heard { n, rules, server });
        }
        Ok(Ownership::Lost { begun }) => node.owned.lost(shard, begun),
        Ok(Ownership::Other) => node.owned.lose(shard),
        Err(error) => {
            node.owned.lose(shard);
            tracing::warn!(shard, %error, "cannot keep the shard");
        }
    }
}
