//! Shards: each has an owner, is open, and its outbox is copied. What changes hands within seconds is looked at again
//! before it is called wrong.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use super::Patient;
use super::report::Check;
use crate::audit::Position;
use crate::http::{Lag, lags};
use crate::moment::Timestamp;
use crate::presence::Millis;
use crate::store::{LiveNode, OWNERSHIP, Shard, ShardFacts, Store, StoreError};

/// A dead node's shards are taken within this time, and so is an epoch followed.
const PATIENCE: Duration = Duration::from_secs(OWNERSHIP.as_secs() + 2);
const PAUSE: Duration = Duration::from_millis(500);
/// Entries that wait for longer are told, and called a failure from a minute on.
const LATE: Millis = Millis(10_000);
const TOO_LATE: Millis = Millis(60_000);

/// How shards stand, in their order.
type Standing = Vec<Result<ShardFacts, StoreError>>;

/// Looks at all shards.
pub(super) async fn check(patient: &Patient, store: &Store, nodes: &[LiveNode]) -> Vec<Check> {
    let (mut facts, mut positions) = (store.shard_facts().await, patient.positions.clone());
    let mut nodes = nodes.to_vec();
    let deadline = Instant::now() + PATIENCE;
    while !nodes.is_empty() && is_unsettled(&facts, &nodes, positions.as_ref()) && Instant::now() < deadline {
        tokio::time::sleep(PAUSE).await;
        // One that came since may have taken shards.
        nodes = store.nodes().await.unwrap_or(nodes);
        facts = store.shard_facts().await;
        positions = patient.audit.positions().await.ok();
    }
    let mut checks = silent(&facts).map_or_else(Vec::new, |check| vec![check]);
    checks.push(owners(&facts, &nodes));
    checks.push(open(&facts, positions.as_ref()));
    checks.push(match positions {
        Some(positions) => outbox(store, &facts, &positions).await,
        None => uncopied(&facts),
    });
    checks
}

fn numbered(facts: &Standing) -> impl Iterator<Item = (Shard, &ShardFacts)> {
    (0..).zip(facts).filter_map(|(shard, facts)| Some((shard, facts.as_ref().ok()?)))
}

fn is_unsettled(facts: &Standing, nodes: &[LiveNode], positions: Option<&HashMap<u16, Position>>) -> bool {
    numbered(facts).any(|(shard, of)| {
        let position = positions.map(|positions| positions.get(&shard).copied().unwrap_or_default());
        has_no_owner(of, nodes)
            || of.epoch.is_none()
            || position.is_some_and(|position| of.epoch.is_some_and(|epoch| epoch != position.epoch))
    })
}

fn has_no_owner(facts: &ShardFacts, nodes: &[LiveNode]) -> bool {
    !facts.owner.as_ref().is_some_and(|owner| nodes.iter().any(|node| node.name == *owner))
}

fn silent(facts: &Standing) -> Option<Check> {
    let failed =
        (0..).zip(facts).filter_map(|(shard, facts): (Shard, _)| Some((shard, facts.as_ref().err()?)));
    let failed: Vec<String> = failed.map(|(shard, error)| format!("shard {shard}: {error}")).collect();
    (!failed.is_empty()).then(|| {
        Check::failure(
            "shards.readable",
            format!("{} of {} shards could not be read", failed.len(), facts.len()),
            "their people get 503",
            "See what is said of Redis above",
        )
        .of(failed)
    })
}

fn owners(facts: &Standing, nodes: &[LiveNode]) -> Check {
    let name = "shards.owners";
    let lacking: Vec<String> = numbered(facts)
        .filter(|(_, of)| has_no_owner(of, nodes))
        .map(|(shard, of)| match &of.owner {
            Some(owner) => format!("shard {shard}: {owner}, which does not live"),
            None => format!("shard {shard}: nobody"),
        })
        .collect();
    if !lacking.is_empty() {
        return Check::failure(
            name,
            format!("{} of {} shards have no owner that lives", lacking.len(), facts.len()),
            "who falls silent there goes offline a second late, and nothing of it is copied into the history",
            "Look in the logs of the nodes for `cannot keep`; a node that is stuck is to be restarted",
        )
        .of(lacking);
    }
    let mut of = BTreeMap::<&str, usize>::new();
    numbered(facts)
        .filter_map(|(_, of)| of.owner.as_deref())
        .for_each(|owner| *of.entry(owner).or_default() += 1);
    let told: Vec<String> = of.into_iter().map(|(owner, count)| format!("{owner} {count}")).collect();
    Check::ok(name, format!("each has one: {}", told.join(", ")))
}

fn open(facts: &Standing, positions: Option<&HashMap<u16, Position>>) -> Check {
    let name = "shards.open";
    let had = |shard| positions.is_none_or(|all| all.get(&shard).is_some_and(|position| position.epoch > 0));
    let closed: Vec<_> = numbered(facts).filter(|(_, of)| of.epoch.is_none()).collect();
    let said = closed.iter().map(|(shard, of)| match of.restoring {
        Some(epoch) => format!("shard {shard}: is being restored under epoch {epoch}"),
        None => format!("shard {shard}: has no data"),
    });
    let said: Vec<String> = said.collect();
    if closed.iter().any(|(shard, of)| of.restoring.is_some() || had(*shard)) {
        return Check::failure(
            name,
            format!("{} of {} shards are closed", closed.len(), facts.len()),
            "their people get 503 until the shard is restored from Postgres",
            "It takes seconds while a node and Postgres are there; else see the checks of both, and `restore` in the logs",
        )
        .of(said);
    }
    if !closed.is_empty() {
        return Check::warning(
            name,
            format!("{} of {} shards were never opened", closed.len(), facts.len()),
            "no node has looked after them yet",
            "Start one: `rollcall serve`",
        );
    }
    let graced = numbered(facts).map(|(_, of)| of.grace_until).max().unwrap_or_default();
    let epochs: Vec<i64> = numbered(facts).filter_map(|(_, of)| of.epoch).collect();
    let found = match (epochs.iter().min(), epochs.iter().max()) {
        (Some(first), Some(last)) => format!("all {} are open, in epochs {first} to {last}", facts.len()),
        _ => format!("{} shards", facts.len()),
    };
    match Timestamp::unless_never(graced) {
        Some(until) => {
            Check::ok(name, format!("{found}; the last grace after a stall ended, or ends, at {until}"))
        }
        None => Check::ok(name, found),
    }
}

async fn outbox(store: &Store, facts: &Standing, positions: &HashMap<u16, Position>) -> Check {
    let name = "outbox";
    let (mut strayed, mut kept) = (Vec::new(), 0);
    for (shard, of) in numbered(facts) {
        let position = positions.get(&shard).copied().unwrap_or_default();
        kept += of.entries;
        if let Some(epoch) = of.epoch.filter(|epoch| *epoch != position.epoch) {
            strayed.push(format!("shard {shard}: Redis has epoch {epoch}, the history {}", position.epoch));
        }
    }
    if !strayed.is_empty() {
        return Check::failure(
            name,
            format!("{} shards have another epoch than the history", strayed.len()),
            "what happens there is kept in Redis and not copied",
            "The owner follows within seconds; if it does not, look for `cannot copy` in its log",
        )
        .of(strayed);
    }
    match lags(store, facts, positions).await {
        Ok(lags) => judged(lags, kept),
        Err(error) => Check::not_checked(name, error.to_string()),
    }
}

fn judged(mut lags: Vec<Lag>, kept: u64) -> Check {
    let name = "outbox";
    lags.sort_by_key(|lag| std::cmp::Reverse(lag.age));
    let entries: i64 = lags.iter().map(|lag| lag.entries).sum();
    let age = lags.first().map_or(Millis(0), |lag| lag.age);
    let found =
        format!("{entries} entries wait to be copied, the oldest for {}; {kept} are kept", seconds(age));
    let (means, advice) = (
        "nothing is lost, but the history, webhooks and whatever is asked about the past are behind by that, and the outbox \
         takes memory of Redis",
        "See whether shards have owners and Postgres answers; look for `cannot copy` in the logs of the owners",
    );
    let line = |lag: &Lag| {
        format!("shard {}: {} entries, the oldest for {}", lag.shard, lag.entries, seconds(lag.age))
    };
    let check = match age {
        age if age >= TOO_LATE => Check::failure(name, found, means, advice),
        age if age >= LATE => Check::warning(name, found, means, advice),
        _ => return Check::ok(name, found),
    };
    check.of(lags.iter().map(line).collect())
}

/// Without Postgres nobody knows what is copied.
fn uncopied(facts: &Standing) -> Check {
    let kept: u64 = numbered(facts).map(|(_, of)| of.entries).sum();
    let oldest = numbered(facts).filter(|(_, of)| of.entries > 1).filter_map(|(_, of)| of.oldest).min();
    let since = oldest.map_or_else(String::new, |at| format!(", the oldest since {}", Timestamp::from(at)));
    Check::warning(
        "outbox",
        format!("Postgres does not say what is copied; {kept} entries are kept{since}"),
        "nothing is lost: the outbox keeps what Postgres does not take, for as long as Redis has memory",
        "Bring Postgres back, and watch how full Redis is",
    )
}

fn seconds(span: Millis) -> String {
    format!("{} s", span.0.max(0) / 1_000)
}
