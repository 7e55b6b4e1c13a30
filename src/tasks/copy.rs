//! The copy: entries of the outbox become rows in Postgres, each once, in order. Presence never waits for it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use moka::sync::Cache;

use super::owned::State;
use super::ticks::Ticks;
use super::{Node, rewound};
use crate::audit::{AuditError, CopyError, Position};
use crate::metrics::labels::AuditRow;
use crate::metrics::record;
use crate::presence::{Entry, EntryKind, Millis, Outgoing, Status, UserId};
use crate::store::{Shard, StoreError};

/// How often outboxes are looked at.
const PERIOD: Duration = Duration::from_millis(200);

/// Entries of one transaction.
const BATCH: u64 = 1_000;

/// Shards copied at once: more would take all connections from the requests.
const AT_ONCE: usize = 4;

/// Whoever comes back within this time was gone too briefly: a flap.
const FLAP: Duration = Duration::from_secs(60);

/// A task.
pub(super) async fn run(node: Node) {
    let mut copier = Copier {
        gone: Cache::builder().max_capacity(100_000).time_to_live(FLAP * 2).build(),
        positions: BTreeMap::new(),
        first: 0,
    };
    let mut ticks = Ticks::every(PERIOD, &node.stop);
    let mut is_up = true;
    while ticks.next().await {
        is_up = copier.step(&node).await;
    }
    // What was said before the stop is copied before the end; what does not fit waits for another node. A store that
    // has just not answered is not waited for again: that would outlast the time a stop has.
    if is_up {
        copier.step(&node).await;
    }
}

struct Copier {
    /// Users who went offline lately, and when.
    gone: Cache<UserId, Millis>,
    /// How far each shard is copied, as this node last heard.
    positions: BTreeMap<Shard, Position>,
    /// The shard to begin with: the one behind that at which the last step was left, so that a shard which alone gets
    /// no answer does not keep the others waiting.
    first: Shard,
}

impl Copier {
    /// Copies what the owned shards have. Leaves off where a store does not answer: each further shard would wait for
    /// the same, and the end of it be noticed only after the last. Answers whether both stores answered.
    async fn step(&mut self, node: &Node) -> bool {
        let mut owned = node.owned.states();
        self.positions.retain(|shard, _| owned.iter().any(|(mine, _)| mine == shard));
        let first = owned.partition_point(|(shard, _)| *shard < self.first);
        owned.rotate_left(first);
        let mut waiting = owned.into_iter();
        let mut running = FuturesUnordered::new();
        let mut is_up = true;
        loop {
            while is_up
                && running.len() < AT_ONCE
                && let Some((shard, state)) = waiting.next()
            {
                running.push(drain(node, shard, state, self.positions.get(&shard).copied(), &self.gone));
            }
            let Some((shard, outcome)) = running.next().await else {
                return is_up;
            };
            match outcome {
                Ok(position) => drop(self.positions.insert(shard, position)),
                Err(error) => {
                    self.positions.remove(&shard);
                    if is_unavailable(&error) {
                        (is_up, self.first) = (false, shard + 1);
                    }
                    tracing::warn!(
                        shard,
                        error = format!("{error:#}"),
                        "cannot copy; the outbox keeps everything"
                    );
                }
            }
        }
    }
}

/// Whether a store did not answer, which says nothing against the shard.
fn is_unavailable(error: &anyhow::Error) -> bool {
    use AuditError::{TimedOut, Unavailable};
    matches!(error.downcast_ref(), Some(Unavailable(_) | TimedOut(_)))
        || matches!(error.downcast_ref(), Some(CopyError::Audit(Unavailable(_) | TimedOut(_))))
        || matches!(error.downcast_ref(), Some(StoreError::Unavailable(_)))
}

/// Copies everything that a shard has; answers the new position.
async fn drain(
    node: &Node,
    shard: Shard,
    state: State,
    known: Option<Position>,
    gone: &Cache<UserId, Millis>,
) -> (Shard, anyhow::Result<Position>) {
    let outcome = async {
        let mut position = match known {
            Some(position) if position.epoch == state.epoch => position,
            _ => node.app.audit.position(shard).await?,
        };
        if position.epoch < state.epoch {
            position = adopt(node, shard, state.epoch).await?;
        }
        loop {
            let is_followed = position.epoch == state.epoch && !state.set_back;
            let unread = if is_followed { unread(node, shard, position).await? } else { None };
            let Some(entries) = unread else {
                return rewound::follow(node, shard, state.epoch, position).await;
            };
            let Some(first) = entries.first() else {
                node.owned.copied(shard, position, None);
                return Ok(position);
            };
            node.owned.copied(shard, position, first.detected_at());
            position = copy(node, shard, state.epoch, position, &entries, gone).await?;
        }
    };
    (shard, outcome.await)
}

/// The entries behind the position; `None` if the entry at the position is gone or another, so that the store must have
/// been set back.
async fn unread(node: &Node, shard: Shard, position: Position) -> Result<Option<Vec<Outgoing>>, StoreError> {
    let mut entries = node.app.store.entries(shard, position.n - 1, BATCH + 1).await?;
    let is_there = entries.first().is_some_and(|entry| entry.n() == position.n);
    let copied = is_there.then(|| entries.remove(0));
    let is_same = copied.is_some_and(|copied| copied.detected_at() == position.detected_at);
    Ok((is_same || position.detected_at.is_none()).then_some(entries))
}

/// Copies a batch, as far as it has no gap; answers where to go on.
#[tracing::instrument(parent = None, skip_all, fields(shard = shard, entries = entries.len()))]
async fn copy(
    node: &Node,
    shard: Shard,
    epoch: i64,
    position: Position,
    entries: &[Outgoing],
    gone: &Cache<UserId, Millis>,
) -> anyhow::Result<Position> {
    let started = Instant::now();
    let entries = unbroken(entries);
    match node.app.audit.copy(shard, position, epoch, entries).await {
        Ok(copied) => {
            record::audit_flush(started.elapsed());
            record::audit_rows(AuditRow::Stored, copied.rows as u64);
            record::audit_rows(AuditRow::Quarantined, copied.quarantined as u64);
            record::audit_rows(AuditRow::Duplicate, copied.conflicts as u64);
            entries.iter().filter_map(Outgoing::entry).for_each(|entry| tell(entry, gone));
            if let Some(raw) = entries.iter().find_map(Outgoing::raw) {
                let problem = &raw.problem;
                tracing::error!(
                    shard,
                    epoch,
                    n = raw.n,
                    problem,
                    "an entry cannot be read; see the quarantine"
                );
            }
            Ok(copied.position)
        }
        // Another node was faster, or our last commit was not acknowledged: go on from where it is.
        Err(CopyError::Moved(actual)) => Ok(actual),
        Err(CopyError::Gap { expected, found }) if found > expected => {
            skip(node, shard, position, found).await
        }
        Err(error) => {
            record::audit_rows(AuditRow::Retried, entries.len() as u64);
            Err(error.into())
        }
    }
}

/// The entries before the first number that is missing between them.
fn unbroken(entries: &[Outgoing]) -> &[Outgoing] {
    let whole = entries.windows(2).take_while(|pair| pair[1].n() == pair[0].n() + 1).count();
    &entries[..entries.len().min(whole + 1)]
}

/// Goes on behind entries that are gone for good: waiting for them would only lose those that follow, too.
async fn skip(node: &Node, shard: Shard, position: Position, found: i64) -> anyhow::Result<Position> {
    match node.app.audit.skip_gap(shard, position, found).await {
        Ok(moved) => {
            let (epoch, from, to) = (moved.epoch, position.n + 1, moved.n);
            tracing::error!(
                shard,
                epoch,
                from,
                to,
                "entries are missing in redis; see the system event `gap`"
            );
            Ok(moved)
        }
        Err(CopyError::Moved(actual)) => Ok(actual),
        Err(error) => Err(error.into()),
    }
}

/// Counts a transition, and whoever was gone for less than a minute.
fn tell(entry: &Entry, gone: &Cache<UserId, Millis>) {
    if entry.kind != EntryKind::Transition {
        return;
    }
    record::transition(entry.from, entry.to, entry.reason);
    if entry.to == Status::Offline {
        gone.insert(entry.user.clone(), entry.occurred_at);
    } else if entry.from == Status::Offline
        && let Some(left) = gone.remove(&entry.user)
        && u128::try_from(entry.occurred_at.0 - left.0).is_ok_and(|away| away < FLAP.as_millis())
    {
        record::flaps(1);
    }
}

/// The life of the shard in Redis is not the one that Postgres knows: two nodes opened it at once, or Postgres
/// was put back to an older state. Redis has the entries, so Postgres follows.
#[tracing::instrument(parent = None, skip_all, fields(shard = shard, epoch = epoch))]
async fn adopt(node: &Node, shard: Shard, epoch: i64) -> anyhow::Result<Position> {
    let first = node.app.store.entries(shard, 0, 1).await?.first().map_or(0, |entry| entry.n() - 1);
    tracing::warn!(shard, epoch, after = first, "the history follows the epoch that redis has");
    Ok(node.app.audit.adopt_epoch(shard, epoch, first).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presence::RawEntry;

    #[test]
    fn a_batch_is_copied_up_to_its_first_gap() {
        let numbered = |n| {
            let (fields, problem) = (BTreeMap::new(), String::new());
            Outgoing::Raw(RawEntry { n, user: None, detected_at: None, fields, problem })
        };
        for (numbers, before_gap) in
            [(&[][..], 0), (&[7], 1), (&[7, 8, 9], 3), (&[7, 9, 10], 1), (&[7, 8, 8], 2)]
        {
            let entries: Vec<_> = numbers.iter().copied().map(numbered).collect();
            assert_eq!(unbroken(&entries), &entries[..before_gap]);
        }
    }
}
