//! Erasures: Postgres has forgotten an account, and here the rest follows. Redis refuses the tokens that are still about
//! and forgets sessions and claims; when the copy has passed the entries that say so, the history is unlinked; when the
//! last token has expired, nothing is left to be refused, and the erasure itself is forgotten.
//!
//! Each step may be repeated, so that whoever owns the shard goes on where another node died. A shard that may have
//! forgotten what it was told is told again, and then the history is unlinked again.

use std::time::Duration;

use anyhow::Context;
use uuid::Uuid;

use super::Node;
use super::owned::Life;
use super::ticks::Ticks;
use crate::accounts::{AccountId, Erasure, Told};
use crate::presence::{Org, Whose};
use crate::store::Shard;

/// How often. The history of somebody is unlinked about so long after the copy has passed their last entry.
const PERIOD: Duration = Duration::from_secs(1);

/// Erasures read at once.
const BATCH: u32 = 500;

/// A task.
pub(super) async fn run(node: Node) {
    let mut told = Vec::new();
    let mut ticks = Ticks::every(PERIOD, &node.stop);
    while ticks.next().await {
        // What a stop cuts off, the next owner does.
        if let Some(Err(error)) = node.stop.run_until_cancelled(step(&node, &mut told)).await {
            tracing::warn!(
                error = format!("{error:#}"),
                "somebody is not yet erased everywhere; trying again"
            );
        }
    }
}

/// Takes every erasure of the owned shards a step further. One that fails holds up no other.
async fn step(node: &Node, told: &mut Vec<Life>) -> anyhow::Result<()> {
    let lives = node.owned.lives();
    let (mut after, mut outcome) = (Uuid::nil(), Ok(()));
    loop {
        let page = node.app.accounts.erasures(after, BATCH).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for erasure in page {
            let shard = node.app.store.keys().shard_of(&erasure.user);
            let Some(life) = lives.iter().find(|(ours, _)| *ours == shard) else { continue };
            outcome = advance(node, shard, &erasure, told.contains(life)).await.and(outcome);
        }
    }
    if outcome.is_ok() {
        *told = lives;
    }
    outcome
}

/// `is_sure`: whether this node knows that the shard remembers what it was told.
async fn advance(node: &Node, shard: Shard, erasure: &Erasure, is_sure: bool) -> anyhow::Result<()> {
    let accounts = &node.app.accounts;
    // A number is nobody's again. A host's people may have come back once their old tokens were over: they are not told
    // to go a second time.
    let is_account = AccountId::of(&erasure.user).is_some();
    let is_unlinked = erasure.unlinked_at.is_some() && (is_sure || erasure.is_over && !is_account);
    if !is_unlinked {
        let passed = match erasure.told {
            Some(told) if is_sure => told,
            _ => tell(node, shard, erasure).await?,
        };
        if !node.app.audit.unlink(&erasure.user, shard, passed).await? {
            return Ok(());
        }
        accounts.erasure_unlinked(erasure.id, passed).await?;
    }
    if !erasure.is_over {
        return Ok(());
    }
    let is_gone = node.app.store.forget(&erasure.user, erasure.gate().version).await?;
    if is_account {
        if !is_gone {
            // Redis was set back to when the person was here.
            return tell(node, shard, erasure).await.map(drop);
        }
        // What still came in under the number, before its tokens were refused, is nobody's.
        node.app.audit.unlink(&erasure.user, shard, (0, 0)).await?;
    }
    accounts.end_erasure(erasure).await?;
    tracing::info!(erasure = %erasure.id, "somebody was erased");
    Ok(())
}

/// Says it to Redis; answers the newest entry after that.
async fn tell(node: &Node, shard: Shard, erasure: &Erasure) -> anyhow::Result<Told> {
    let (store, user, org) = (&node.app.store, &erasure.user, Org::default());
    let actor = erasure.request_id.as_deref();
    store.gate(user, &org, &erasure.gate(), actor).await?;
    for whose in [Whose::Manual, Whose::Admin] {
        store.claim(user, &org, whose, None, actor).await?;
    }
    let head = store.shard(shard).await?.context("the shard came back empty")?;
    let told = (head.epoch, head.n);
    node.app.accounts.erasure_told(erasure.id, told).await?;
    Ok(told)
}
