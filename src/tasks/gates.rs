//! Gates: whether an account may be online is decided in Postgres, and Redis is told until it has confirmed it.
//!
//! Whoever decides tells Redis at once; that word gets lost when Redis is away or the node dies in between. And a
//! suspension that has come to its end in Redis ends in Postgres, too, so that both say the same.

use std::time::Duration;

use futures::{StreamExt, stream};

use super::Node;
use super::owned::Life;
use super::ticks::Ticks;
use crate::accounts::{AccountGate, AccountId};
use crate::store::Shard;

/// How often. A gate that Redis missed falls about so long after Redis is back.
const PERIOD: Duration = Duration::from_secs(1);

/// Gates read at once, and suspensions ended in one transaction.
const BATCH: u32 = 500;

/// Calls on Redis at a time: heartbeats come first.
const AT_ONCE: usize = 16;

/// A task.
pub(super) async fn run(node: Node) {
    let mut told = Vec::new();
    let mut ticks = Ticks::every(PERIOD, &node.stop);
    while ticks.next().await {
        // What a stop cuts off, the next owner does.
        if let Some(Err(error)) = node.stop.run_until_cancelled(step(&node, &mut told)).await {
            tracing::warn!(error = format!("{error:#}"), "redis may not know of every gate; trying again");
        }
    }
}

/// Tells of gates that Redis has not confirmed; and of all gates a shard that may have forgotten them.
async fn step(node: &Node, told: &mut Vec<Life>) -> anyhow::Result<()> {
    while node.app.accounts.end_suspensions(BATCH).await? == BATCH as usize {}
    let unconfirmed = pages(node, Which::Unconfirmed, &node.owned.shards()).await;
    let lives = node.owned.lives();
    let unsure: Vec<Shard> =
        lives.iter().filter(|life| !told.contains(life)).map(|(shard, _)| *shard).collect();
    if !unsure.is_empty() {
        pages(node, Which::All, &unsure).await?;
        *told = lives;
    }
    unconfirmed
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Unconfirmed,
    All,
}

/// Tells those gates that belong to these shards, page by page.
async fn pages(node: &Node, which: Which, shards: &[Shard]) -> anyhow::Result<()> {
    let (keys, accounts) = (node.app.store.keys(), &node.app.accounts);
    let (mut after, mut outcome) = (AccountId(0), Ok(()));
    loop {
        let gates = match which {
            Which::Unconfirmed => accounts.unconfirmed_gates(after, BATCH).await?,
            Which::All => accounts.gates(after, BATCH).await?,
        };
        let Some(last) = gates.last() else {
            return outcome;
        };
        after = last.account.id;
        let ours = gates.into_iter().filter(|gate| shards.contains(&keys.shard_of(&gate.account.id.user())));
        let calls: Vec<_> = ours.map(|gate| tell(node, gate, which)).collect();
        // One that Redis refuses hides nobody else.
        let told: Vec<_> = stream::iter(calls).buffer_unordered(AT_ONCE).collect().await;
        outcome = told.into_iter().find(Result::is_err).unwrap_or(outcome);
    }
}

async fn tell(node: &Node, gate: AccountGate, which: Which) -> anyhow::Result<()> {
    let account = &gate.account;
    node.app.store.gate(&account.id.user(), &account.org, &gate.gate, gate.actor.as_deref()).await?;
    if which == Which::Unconfirmed {
        node.app.accounts.confirm_gate(account.id, gate.gate.version).await?;
    }
    Ok(())
}
