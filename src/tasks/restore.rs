//! A shard that came back empty gets back from Postgres what it must not be without: the rules in force, and the people
//! who were present. Until then it is closed, and its heartbeats get 503: failing open would let the banned in.
//!
//! All shards that were lost together are restored together, because Postgres is read once for all of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;

use super::Node;
use super::ticks::Ticks;
use crate::audit::LastKnown;
use crate::metrics::record;
use crate::presence::Millis;
use crate::store::{Lost, Past, Rule, Shard, Shown, StoreError};

/// How often it is looked whether a shard was lost.
const PERIOD: Duration = Duration::from_millis(50);

/// Calls on a store at a time.
const AT_ONCE: usize = 8;

/// Users whose claims are read at a time.
const USERS_OF_PAGE: u32 = 1_000;

/// How seldom the copy notes that it heard of a shard; a loss may be so much later than what is known of it.
const HEARD_EVERY: Millis = Millis(5_000);

/// A task.
pub(super) async fn run(node: Node) {
    let mut ticks = Ticks::every(PERIOD, &node.stop);
    while ticks.next().await {
        let lost = node.owned.take_lost();
        if lost.is_empty() {
            continue;
        }
        // What a stop cuts off, the next owner goes on with.
        if let Some(Err(error)) = node.stop.run_until_cancelled(restore(&node, &lost)).await {
            tracing::warn!(
                shards = lost.len(),
                error = format!("{error:#}"),
                "cannot restore shards that came back empty; their heartbeats get 503"
            );
        }
    }
}

/// What one restore has done in a shard.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    epoch: i64,
    lost: Lost,
    rules: usize,
    people: u64,
}

async fn restore(node: &Node, lost: &BTreeMap<Shard, Option<i64>>) -> anyhow::Result<()> {
    let began = Instant::now();
    let begun = some_at_once(lost.iter().map(|(shard, begun)| begin(node, *shard, *begun)).collect()).await?;
    let mut shards: BTreeMap<Shard, Done> = begun.into_iter().flatten().collect();
    recall(node, &mut shards).await?;
    put_back(node, &mut shards).await?;
    let took = began.elapsed();
    some_at_once(shards.into_iter().map(|(shard, done)| open(node, shard, done, took)).collect()).await?;
    Ok(())
}

/// Makes calls, [`AT_ONCE`] at a time, until one fails.
async fn some_at_once<T, E>(calls: Vec<impl Future<Output = Result<T, E>>>) -> Result<Vec<T>, E> {
    stream::iter(calls).buffer_unordered(AT_ONCE).try_collect().await
}

/// Begins the new life of a shard, or goes on with a restore that was broken off. `None` if it is open already.
async fn begin(node: &Node, shard: Shard, begun: Option<i64>) -> anyhow::Result<Option<(Shard, Done)>> {
    let position = node.app.audit.position(shard).await?;
    let (drawn, heard_at) = match begun {
        Some(epoch) if epoch == position.epoch => (epoch, position.heard_at),
        _ => {
            let new = node.app.audit.next_epoch(shard, "empty").await?;
            record::epoch_change();
            (new.epoch, new.before.heard_at)
        }
    };
    let uncertainty = node.app.policy.longest_ttl() + HEARD_EVERY;
    let lost = Lost { at: heard_at.unwrap_or_default(), uncertainty };
    let epoch = node.app.store.begin_shard(shard, drawn, lost).await?;
    Ok(epoch.map(|epoch| (shard, Done { epoch, lost, ..Done::default() })))
}

/// Gates, ended tokens and claims, before anybody is there whom they could concern.
async fn recall(node: &Node, shards: &mut BTreeMap<Shard, Done>) -> anyhow::Result<()> {
    let mut rules: BTreeMap<Shard, Vec<Rule>> = BTreeMap::new();
    for rule in rules_in_force(node).await? {
        let shard = node.app.store.keys().shard_of(rule.user());
        if let Some(done) = shards.get_mut(&shard) {
            done.rules += 1;
            rules.entry(shard).or_default().push(rule);
        }
    }
    let calls = shards.keys().map(async |shard| {
        unless_open(node.app.store.recall(*shard, rules.get(shard).map_or(&[], Vec::as_slice)).await)?;
        recall_claims(node, *shard).await.map(|claims| (*shard, claims))
    });
    for (shard, claims) in some_at_once(calls.collect()).await? {
        shards.entry(shard).and_modify(|done| done.rules += claims);
    }
    Ok(())
}

/// The claims on a shard's users, page by page; answers how many.
async fn recall_claims(node: &Node, shard: Shard) -> anyhow::Result<usize> {
    let (mut after, mut count) = (None, 0);
    loop {
        let page = node.app.audit.claims_of_shard(shard, after.as_ref(), USERS_OF_PAGE).await?;
        let Some(last) = page.last() else { return Ok(count) };
        after = Some(last.user.clone());
        count += page.len();
        let claims: Vec<Rule> =
            page.into_iter().map(|row| Rule::Claim(row.user, row.whose, row.claim)).collect();
        unless_open(node.app.store.recall(shard, &claims).await)?;
    }
}

async fn rules_in_force(node: &Node) -> anyhow::Result<Vec<Rule>> {
    let gates = node.app.accounts.gates().await?.into_iter().filter(|gate| gate.gate.kind.is_some());
    let mut rules: Vec<Rule> = gates.map(|gate| Rule::Gate(gate.account.id.user(), gate.gate)).collect();
    let ended = node.app.accounts.ended_since(node.app.config.auth.access_ttl.duration()).await?;
    rules.extend(ended.tokens.into_iter().map(|ended| Rule::Cut(ended.user, ended.version, ended.keep)));
    rules.extend(ended.logins.into_iter().map(|ended| Rule::Ended(ended.user, ended.login)));
    Ok(rules)
}

async fn put_back(node: &Node, shards: &mut BTreeMap<Shard, Done>) -> anyhow::Result<()> {
    let names: Vec<Shard> = shards.keys().copied().collect();
    let mut present = node.app.audit.present(&names).await?;
    loop {
        let page = present.next().await?;
        if page.is_empty() {
            return Ok(());
        }
        let mut people: BTreeMap<Shard, Vec<Past>> = BTreeMap::new();
        for (shard, last) in page {
            people.entry(shard).or_default().push(past(last));
        }
        let calls = people.iter().map(async |(shard, people)| {
            unless_open(node.app.store.restore(*shard, people).await).map(|came| (*shard, came.unwrap_or(0)))
        });
        for (shard, came) in some_at_once(calls.collect()).await? {
            record::restored_users(came);
            shards.entry(shard).and_modify(|done| done.people += came);
        }
    }
}

fn past(last: LastKnown) -> Past {
    Past {
        status: last.status,
        since: last.since,
        online_since: last.online_since,
        last_seen: last.last_seen,
        shown: Shown {
            status: last.status.shown(),
            since: last.shown_since,
            online_since: last.shown_online_since,
            last_seen: last.shown_last_seen,
            version: last.shown_version,
        },
        user: last.user,
        org: last.org,
    }
}

/// Another node that restores the same shard may be faster; then there is nothing left to do.
fn unless_open<T>(outcome: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(StoreError::Open) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn open(node: &Node, shard: Shard, done: Done, took: Duration) -> anyhow::Result<()> {
    // The first life of a shard has lost nothing.
    if done.lost.at > Millis(0) {
        let Done { epoch, lost, rules, people } = done;
        tracing::warn!(shard, epoch, people, rules, ?took, "restored a shard that came back empty");
        let detail = json!({
            "shard": shard, "epoch": epoch, "people": people, "rules": rules, "heard_at": lost.at,
            "uncertainty_ms": lost.uncertainty, "took_ms": took.as_millis() as u64,
        });
        node.app.audit.tell("store_lost", detail).await?;
    }
    let opened = node.app.store.open_shard(shard).await?;
    node.owned.keep(shard, opened.epoch, opened.n);
    Ok(())
}
