//! The copy: one batch of a shard's outbox becomes rows in one transaction, together with the position that says so.
//! Therefore every entry is stored once, whatever crashes, and however many nodes believe they own the shard.

use serde_json::json;

use super::chain::{Hash, MARK, Seal, SealedRow, mark};
use super::fold::{Folded, Logged};
use super::position::{self, Locked, Position, column};
use super::quarantine::{park, park_raw};
use super::stored::{self, Sorted};
use super::time::to_postgres;
use super::write::{kind, write};
use super::{Audit, AuditError, CopyError, sql};
use crate::database::Connection;
use crate::presence::{Device, Entry, Outgoing};

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// The new position: the last entry of the batch.
    pub position: Position,
    /// Entries that are rows now.
    pub rows: usize,
    /// Entries that could not be read or stored and lie in quarantine.
    pub quarantined: usize,
    /// Entries under whose number something was stored already: always a sign that the position was set back. Those
    /// that differ from what is stored count as quarantined too.
    pub conflicts: usize,
    /// Transitions that occurred before the status they end had begun; their interval got no length.
    pub late: usize,
}

/// Where a batch belongs.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) shard: u16,
    pub(super) epoch: i64,
}

impl Audit {
    /// Copies the entries of one shard that follow `expected`. Best in batches of 1000. Those that were not understood
    /// go to quarantine as they came.
    ///
    /// # Errors
    /// [`CopyError`]: nothing of the batch was written, or (only if Postgres vanished during the commit) all of it,
    /// which the next call reports as [`CopyError::Moved`].
    pub async fn copy(
        &self,
        shard: u16,
        expected: Position,
        epoch: i64,
        batch: &[Outgoing],
    ) -> Result<Copied, CopyError> {
        follows(expected, epoch, batch)?;
        let Some(last) = batch.last() else {
            return Ok(Copied { position: expected, ..Copied::default() });
        };
        let place = Place { shard, epoch };
        let mut tx = self.pool.begin().await?;
        let Some(Locked { position: actual, mut hash }) = position::lock(&mut tx, shard).await? else {
            return Err(CopyError::Moved(Position::default()));
        };
        if !actual.same_entry(&expected) {
            return Err(CopyError::Moved(actual));
        }
        let detected_at = last.detected_at();
        let heard_at = if actual.is_spared { actual.heard_at } else { actual.heard_at.max(detected_at) };
        let position = Position { n: last.n(), detected_at, heard_at, ..actual };
        let mut copied = Copied { position, ..Copied::default() };
        for raw in batch.iter().filter_map(Outgoing::raw) {
            park_raw(&mut tx, shard, epoch, raw).await?;
            copied.quarantined += 1;
        }
        let entries: Vec<&Entry> = batch.iter().filter_map(Outgoing::entry).collect();
        let sorted = stored::sort(&mut tx, shard, epoch, &entries).await?;
        copied.quarantined += sorted.parked;
        if sorted.equal + sorted.different.len() > 0 {
            hash = settle_conflicts(&mut tx, place, &sorted, hash, &mut copied).await?;
        }
        let log = store(&mut tx, place, &sorted.fresh, &mut copied).await?;
        hash = seal(&mut tx, place, &log, hash).await?;
        position::move_to(&mut tx, shard, copied.position, hash).await?;
        tx.commit().await?;
        Ok(copied)
    }
}

/// Whether the entries are the next ones of this life of the shard.
fn follows(expected: Position, epoch: i64, batch: &[Outgoing]) -> Result<(), CopyError> {
    if epoch != expected.epoch {
        return Err(CopyError::Epoch { expected: expected.epoch, found: epoch });
    }
    for (found, expected) in batch.iter().map(Outgoing::n).zip(expected.n + 1..) {
        if found != expected {
            return Err(CopyError::Gap { expected, found });
        }
    }
    Ok(())
}

/// Parks what differs from what is stored, leaves a system event, and returns the true end of the chain.
async fn settle_conflicts(
    connection: &mut Connection,
    place: Place,
    sorted: &Sorted<'_>,
    hash: Hash,
    copied: &mut Copied,
) -> Result<Hash, AuditError> {
    let Place { shard, epoch } = place;
    for entry in &sorted.different {
        park(connection, shard, epoch, entry, "another entry is stored under this number").await?;
    }
    copied.quarantined += sorted.different.len();
    copied.conflicts = sorted.equal + sorted.different.len();
    let different: Vec<i64> = sorted.different.iter().map(|entry| entry.n).collect();
    sqlx::query(sql::SYSTEM_EVENT)
        .bind("copy_conflict")
        .bind(json!({ "shard": shard, "epoch": epoch, "equal": sorted.equal, "different": different }))
        .execute(&mut *connection)
        .await?;
    let tip = sqlx::query_scalar(sql::LAST_BATCH)
        .bind(column(shard)?)
        .bind(epoch)
        .fetch_optional(connection)
        .await?;
    Ok(tip.unwrap_or(hash))
}

/// Stores the entries; halves what is refused until the entry that is to blame stands alone and can be parked.
pub(super) async fn store<'a>(
    connection: &mut Connection,
    place: Place,
    entries: &[&'a Entry],
    copied: &mut Copied,
) -> Result<Vec<Logged<'a>>, AuditError> {
    let mut log = Vec::with_capacity(entries.len());
    let mut waiting = vec![entries];
    while let Some(part) = waiting.pop() {
        match attempt(connection, place, part).await {
            Ok(folded) => {
                copied.rows += folded.log.len();
                copied.late += folded.late;
                log.extend(folded.log);
            }
            Err(AuditError::Refused(problem)) => match part {
                [] => {}
                [entry] if make_room(connection, entry).await? => waiting.push(part),
                [entry] => {
                    park(connection, place.shard, place.epoch, entry, &problem).await?;
                    copied.quarantined += 1;
                }
                _ => {
                    let (left, right) = part.split_at(part.len() / 2);
                    waiting.extend([right, left]);
                }
            },
            Err(error) => return Err(error),
        }
    }
    Ok(log)
}

/// Writes a part, or nothing of it.
async fn attempt<'a>(
    connection: &mut Connection,
    place: Place,
    entries: &[&'a Entry],
) -> Result<Folded<'a>, AuditError> {
    if entries.is_empty() {
        return Ok(Folded::default());
    }
    connection.savepoint().await?;
    let folded = write(connection, place.shard, place.epoch, entries).await;
    match folded {
        Ok(_) => connection.release().await?,
        Err(AuditError::Refused(_)) => connection.undo().await?,
        // The whole transaction is given up.
        Err(_) => {}
    }
    folded
}

/// Makes the month of an entry that was refused; whether it was missing, so that the entry may be tried again.
async fn make_room(connection: &mut Connection, entry: &Entry) -> Result<bool, AuditError> {
    let Ok(moment) = to_postgres("detected_at", entry.detected_at) else {
        return Ok(false);
    };
    connection.savepoint().await?;
    let made: Result<i32, _> =
        sqlx::query_scalar(sql::ENSURE_MONTH).bind(moment).fetch_one(&mut *connection).await;
    match made.map_err(AuditError::from) {
        Ok(made) => {
            connection.release().await?;
            Ok(made > 0)
        }
        Err(AuditError::Refused(_)) => {
            connection.undo().await?;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Seals the rows as one batch behind `previous` and returns the new end of the chain.
pub(super) async fn seal(
    connection: &mut Connection,
    place: Place,
    log: &[Logged<'_>],
    previous: Hash,
) -> Result<Hash, AuditError> {
    let (Some(first), Some(last)) = (log.first(), log.last()) else {
        return Ok(previous);
    };
    let mut seal = Seal::of_batch(&previous, place.shard, place.epoch);
    let numbers = usize::try_from(last.entry.n - first.entry.n + 1).unwrap_or(usize::MAX);
    let mut marks = vec![0; numbers.saturating_mul(MARK)];
    let (mut from, mut to) = (first.entry.detected_at, first.entry.detected_at);
    for row in log {
        let session = row.entry.session.as_ref().map(ToString::to_string);
        let hash = sealed(row, session.as_deref()).hash();
        seal.row(&hash);
        let at = usize::try_from(row.entry.n - first.entry.n).unwrap_or(usize::MAX).saturating_mul(MARK);
        marks[at..at + MARK].copy_from_slice(&mark(&hash));
        (from, to) = (from.min(row.entry.detected_at), to.max(row.entry.detected_at));
    }
    let hash = seal.finish();
    let rows =
        i32::try_from(log.len()).map_err(|_| AuditError::Refused("the batch is too large".to_owned()))?;
    sqlx::query(sql::INSERT_BATCH)
        .bind(column(place.shard)?)
        .bind(place.epoch)
        .bind(first.entry.n)
        .bind(last.entry.n)
        .bind(rows)
        .bind(marks)
        .bind(to_postgres("detected_at", from)?)
        .bind(to_postgres("detected_at", to)?)
        .bind(previous)
        .bind(hash)
        .execute(connection)
        .await?;
    Ok(hash)
}

fn sealed<'a>(row: &Logged<'a>, session: Option<&'a str>) -> SealedRow<'a> {
    let Entry { from, to, reason, .. } = row.entry;
    SealedRow {
        n: row.entry.n,
        kind: kind(row.entry.kind),
        subject: row.subject,
        org: row.entry.org.as_str(),
        sequence: row.sequence,
        from: from.as_str(),
        to: to.as_str(),
        reason: reason.as_str(),
        occurred_at: row.entry.occurred_at,
        detected_at: row.entry.detected_at,
        last_seen: row.entry.last_seen,
        uncertainty_ms: row.entry.uncertainty_ms,
        session,
        device: row.entry.device.map(Device::as_str),
        actor: row.entry.actor.as_deref(),
    }
}
