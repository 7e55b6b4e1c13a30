//! Gates: whether an account may be online is decided in Postgres, and Redis is told until it has confirmed it.
//!
//! Whoever decides tells Redis at once; that word gets lost when Redis is away or the node dies in between. And a
//! suspension that has come to its end in Redis ends in Postgres, too, so that both say the same.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};

use super::Node;
use super::ticks::Ticks;
use crate::accounts::{AccountGate, AccountId};

/// How often. A gate that Redis missed falls about so long after Redis is back.
const PERIOD: Duration = Duration::from_secs(1);

/// Gates read at once, and suspensions ended in one transaction.
const BATCH: u32 = 500;

/// Calls on Redis at a time: heartbeats come first.
const AT_ONCE: usize = 16;

/// A task.
pub(super) async fn run(node: Node) {
    let mut ticks = Ticks::every(PERIOD, &node.stop);
    while ticks.next().await {
        // What a stop cuts off, the next owner does.
        if let Some(Err(error)) = node.stop.run_until_cancelled(step(&node)).await {
            tracing::warn!(error = format!("{error:#}"), "redis may not know of every gate; trying again");
        }
    }
}

async fn step(node: &Node) -> anyhow::Result<()> {
    while node.app.accounts.end_suspensions(BATCH).await? == BATCH as usize {}
    let mut after = AccountId(0);
    loop {
        let gates = node.app.accounts.unconfirmed_gates(after, BATCH).await?;
        let Some(last) = gates.last() else {
            return Ok(());
        };
        after = last.account.id;
        let keys = node.app.store.keys();
        let ours = gates.into_iter().filter(|gate| node.owned.has(keys.shard_of(&gate.account.id.user())));
        let told: Vec<_> = ours.map(|gate| tell(node, gate)).collect();
        stream::iter(told).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
    }
}

async fn tell(node: &Node, gate: AccountGate) -> anyhow::Result<()> {
    let account = &gate.account;
    node.app.store.gate(&account.id.user(), &account.org, &gate.gate, gate.actor.as_deref()).await?;
    Ok(node.app.accounts.confirm_gate(account.id, gate.gate.version).await?)
}
