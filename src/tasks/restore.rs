//! A shard that came back empty gets back from Postgres what it must not be without: the rules in force, and the people
//! who were present. Until then it is closed, and its heartbeats get 503: failing open would let the banned in.
//!
//! All shards that were lost together are restored together, because Postgres is read once for all of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use serde_json::json;
use uuid::Uuid;

use super::Node;
use super::ticks::Ticks;
use crate::accounts::AccountId;
use crate::audit::LastKnown;
use crate::metrics::record;
use crate::presence::Millis;
use crate::store::{Lost, Past, Rule, Shard, Shown, StoreError};

/// How often it is looked whether a shard was lost.
const PERIOD: Duration = Duration::from_millis(50);

/// Calls on a store at a time.
const AT_ONCE: usize = 8;

/// Users whose gates or claims are read at a time.
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

#[tracing::instrument(parent = None, skip_all, fields(shards = lost.len()))]
async fn restore(node: &Node, lost: &BTreeMap<Shard, Option<i64>>) -> anyhow::Result<()> {
    let began = Instant::now();
    let begun = each(lost.iter().map(|(shard, begun)| (*shard, begin(node, *shard, *begun))).collect()).await;
    let mut shards: BTreeMap<Shard, Done> = begun.into_iter().collect();
    recall(node, &mut shards).await?;
    put_back(node, &mut shards).await?;
    let took = began.elapsed();
    each(shards.into_iter().map(|(shard, done)| (shard, open(node, shard, done, took))).collect()).await;
    Ok(())
}

/// Makes a call for each shard, [`AT_ONCE`] at a time; answers those that came to something. One that fails says so and
/// holds up no other: it is tried again from the beginning.
async fn each<T>(calls: Vec<(Shard, impl Future<Output = anyhow::Result<Option<T>>>)>) -> Vec<(Shard, T)> {
    let calls: Vec<_> = calls.into_iter().map(async |(shard, call)| (shard, call.await)).collect();
    let mut calls = stream::iter(calls).buffer_unordered(AT_ONCE);
    let mut done = Vec::new();
    while let Some((shard, outcome)) = calls.next().await {
        match outcome {
            Ok(came) => done.extend(came.map(|came| (shard, came))),
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(shard, error, "cannot restore the shard; its heartbeats get 503");
            }
        }
    }
    done
}

/// Begins the new life of a shard, or goes on with a restore that was broken off. `None` if it is open already.
async fn begin(node: &Node, shard: Shard, begun: Option<i64>) -> anyhow::Result<Option<Done>> {
    // What was heard of the shard may be older than the end of the last restore.
    if node.app.store.shard(shard).await?.is_some() {
        return Ok(None);
    }
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
    Ok(epoch.map(|epoch| Done { epoch, lost, ..Done::default() }))
}

/// Gates, ended tokens and claims, before anybody is there whom they could concern.
async fn recall(node: &Node, shards: &mut BTreeMap<Shard, Done>) -> anyhow::Result<()> {
    let mut rules: BTreeMap<Shard, Vec<Rule>> = BTreeMap::new();
    for rule in rules_in_force(node).await? {
        rules.entry(node.app.store.keys().shard_of(rule.user())).or_default().push(rule);
    }
    let calls = shards.iter().map(|(shard, done)| {
        let rules = rules.remove(shard).unwrap_or_default();
        (*shard, recall_shard(node, *shard, done.epoch, rules))
    });
    let told: BTreeMap<Shard, usize> = each(calls.collect()).await.into_iter().collect();
    shards.retain(|shard, done| {
        done.rules = told.get(shard).copied().unwrap_or(0);
        told.contains_key(shard)
    });
    Ok(())
}

/// The rules of a shard, and the claims on its users, page by page; answers how many.
async fn recall_shard(
    node: &Node,
    shard: Shard,
    epoch: i64,
    mut rules: Vec<Rule>,
) -> anyhow::Result<Option<usize>> {
    let (mut after, mut count) = (None, 0);
    loop {
        count += rules.len();
        if unless_over(node.app.store.recall(shard, epoch, &rules).await)?.is_none() {
            return Ok(None);
        }
        let page = node.app.audit.claims_of_shard(shard, after.as_ref(), USERS_OF_PAGE).await?;
        let Some(last) = page.last() else { return Ok(Some(count)) };
        after = Some(last.user.clone());
        rules = page.into_iter().map(|row| Rule::Claim(row.user, row.whose, row.claim)).collect();
    }
}

async fn rules_in_force(node: &Node) -> anyhow::Result<Vec<Rule>> {
    let (mut rules, mut after) = (Vec::new(), AccountId(0));
    loop {
        let gates = node.app.accounts.shut_gates(after, USERS_OF_PAGE).await?;
        let Some(last) = gates.last() else { break };
        after = last.account.id;
        let shut = gates.into_iter().filter(|gate| gate.gate.kind.is_some());
        rules.extend(shut.map(|gate| Rule::Gate(gate.account.id.user(), gate.gate)));
    }
    let mut after = Uuid::nil();
    loop {
        let erasures = node.app.accounts.erasures(after, USERS_OF_PAGE).await?;
        let Some(last) = erasures.last() else { break };
        after = last.id;
        // Where the gate's end has passed, nothing is left to be refused.
        let refused = erasures.into_iter().filter(|erasure| !erasure.is_over);
        rules.extend(refused.map(|erasure| Rule::Gate(erasure.user.clone(), erasure.gate())));
    }
    let ended = node.app.accounts.ended_since(None, node.app.config.auth.access_ttl.duration()).await?;
    rules.extend(ended.tokens.into_iter().map(|ended| Rule::Cut(ended.user, ended.version, ended.keep)));
    rules.extend(ended.logins.into_iter().map(|ended| Rule::Ended(ended.user, ended.login, ended.life)));
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
        people.retain(|shard, _| shards.contains_key(shard));
        let calls = people.iter().map(|(shard, people)| {
            let epoch = shards[shard].epoch;
            let call = async move { Ok(unless_over(node.app.store.restore(*shard, epoch, people).await)?) };
            (*shard, call)
        });
        let came: BTreeMap<Shard, u64> = each(calls.collect()).await.into_iter().collect();
        shards.retain(|shard, done| match (people.contains_key(shard), came.get(shard)) {
            (true, None) => false,
            (_, came) => {
                record::restored_users(came.copied().unwrap_or(0));
                done.people += came.copied().unwrap_or(0);
                true
            }
        });
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

/// Another node that restores the same shard may be faster, or Redis was emptied again; then there is nothing left to do.
fn unless_over<T>(outcome: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(StoreError::Open) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn open(node: &Node, shard: Shard, done: Done, took: Duration) -> anyhow::Result<Option<()>> {
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
    let opened = node.app.store.open_shard(shard, done.epoch).await?;
    node.owned.keep(shard, opened.epoch, opened.n);
    Ok(Some(()))
}
