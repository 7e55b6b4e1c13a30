//! The chain of one shard: its batches, their rows, its numbers, and its end.

use futures::TryStreamExt;
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::time::OffsetDateTime;

use super::head::{ShardHead, to_hex};
use super::judge::{Stored, Tips, judge};
use super::kept::{DroppedBatch, Kept};
use super::numbers::Numbers;
use super::problem::{Kind, Place};
use super::{PAGE_LIMIT, Verified, Window};
use crate::audit::chain::{GENESIS, Hash, MARK, Mark, Seal, SealedRow};
use crate::audit::position::{Position, column};
use crate::audit::queries::moment;
use crate::audit::{Audit, AuditError, sql};
use crate::database::Connection;
use crate::presence::Millis;

/// Batches that are held at a time, with the hashes of one batch's rows.
const PAGE: i64 = 50;

/// A batch as it is stored.
struct Batch {
    epoch: i64,
    first_n: i64,
    last_n: i64,
    stored: Stored,
    /// Numbers between the first and the last that are no row of it.
    holes: Vec<i64>,
    /// How many rows it says it has.
    rows: i32,
}

/// A row, by its number and hash.
struct Found {
    epoch: i64,
    n: i64,
    hash: Hash,
}

/// How far one shard has come.
struct Walk<'a> {
    shard: u16,
    tips: Tips,
    numbers: Numbers,
    /// The last batch passed.
    end: Option<(i64, i64)>,
    /// Rows up to here are done, or belong to batches that were dropped.
    rows_up_to: (i64, i64),
    verified: &'a mut Verified,
}

impl Audit {
    /// Verifies one shard; `tell` hears of every page.
    pub(super) async fn verify_shard(
        &self,
        shard: u16,
        window: Window,
        kept: &Kept,
        verified: &mut Verified,
        tell: &mut impl FnMut(&Verified),
    ) -> Result<(), AuditError> {
        let mut connection = self.pool.acquire().await?;
        let dropped = kept.shard(shard);
        let bounds = bounds(&mut connection, shard, window).await?;
        let begins = window.since.is_none();
        let mut walk = Walk {
            shard,
            tips: match dropped {
                _ if !begins => Tips::any(),
                Some(DroppedBatch { hash, .. }) => Tips::known(&hash),
                None if kept.since.is_some() => Tips::any(),
                None => Tips::known(&GENESIS),
            },
            numbers: Numbers::read(&mut connection, shard, kept, begins).await?,
            end: None,
            rows_up_to: dropped.map_or((i64::MIN, i64::MIN), |dropped| (dropped.epoch, dropped.n)),
            verified,
        };
        drop(connection);
        let mut after = (bounds.0.0, bounds.0.1 - 1);
        if !begins {
            walk.rows_up_to = after;
        }
        loop {
            let mut tx = self.pool.begin().await?;
            sqlx::query(sql::SNAPSHOT).execute(&mut *tx).await?;
            tx.take_time(PAGE_LIMIT).await?;
            let batches = batches(&mut tx, shard, after, bounds.1).await?;
            let is_last = (batches.len() as i64) < PAGE;
            walk.page(&mut tx, &batches, is_last && window.until.is_none()).await?;
            tx.rollback().await?;
            tell(walk.verified);
            match batches.last() {
                Some(last) if !is_last => after = (last.epoch, last.first_n),
                _ => return Ok(()),
            }
        }
    }
}

impl Walk<'_> {
    /// Verifies these batches; `is_end`: nothing may be behind them.
    async fn page(
        &mut self,
        connection: &mut Connection,
        batches: &[Batch],
        is_end: bool,
    ) -> Result<(), AuditError> {
        let last = batches.last().map(|batch| (batch.epoch, batch.last_n));
        let Some(up_to) = last.filter(|_| !is_end).or_else(|| is_end.then_some((i64::MAX, i64::MAX))) else {
            return Ok(());
        };
        self.rows(connection, batches, up_to).await?;
        self.rows_up_to = up_to;
        if is_end {
            let row = sqlx::query(sql::POSITION).bind(column(self.shard)?).fetch_optional(&mut *connection);
            if let Some(row) = row.await? {
                self.end_at(crate::audit::position::read(&row)?.position, row.try_get("hash")?);
            }
        }
        self.numbers.explain(connection, &mut self.verified.problems).await
    }

    /// Holds every row up to an entry against the batch that should have it.
    async fn rows(
        &mut self,
        connection: &mut Connection,
        batches: &[Batch],
        up_to: (i64, i64),
    ) -> Result<(), AuditError> {
        let (from, to) = (self.rows_up_to, up_to);
        let mut rows = sqlx::query(sql::ENTRY_ROWS)
            .bind(column(self.shard)?)
            .bind(from.0)
            .bind(from.1)
            .bind(to.0)
            .bind(to.1)
            .fetch(connection)
            .map_err(AuditError::from)
            .and_then(|row| std::future::ready(found(&row)));
        let mut next = rows.try_next().await?;
        for batch in batches {
            let mut of_batch = Vec::new();
            while let Some(row) = next.take_if(|row| (row.epoch, row.n) <= (batch.epoch, batch.last_n)) {
                if (row.epoch, row.n) < (batch.epoch, batch.first_n) {
                    self.stray(&row);
                } else {
                    of_batch.push((row.n, row.hash));
                }
                next = rows.try_next().await?;
            }
            self.batch(batch, &of_batch);
        }
        while let Some(row) = next {
            self.stray(&row);
            next = rows.try_next().await?;
        }
        Ok(())
    }

    /// A row that no batch has: both are written at once, so it was put there, or its seal was taken away.
    fn stray(&mut self, row: &Found) {
        self.verified.entries += 1;
        self.verified.read += 1;
        self.verified.problems.add(Kind::RowAdded, Place::entries(self.shard, row.epoch, row.n, row.n));
    }

    fn batch(&mut self, batch: &Batch, rows: &[(i64, Hash)]) {
        let Batch { epoch, first_n, last_n, .. } = *batch;
        self.numbers.come_to(epoch, first_n);
        self.numbers.pass(epoch, last_n, batch.holes.iter().copied());
        let verdict = judge(&self.tips, &batch.stored, rows, |previous| {
            let mut seal = Seal::of_batch(previous, self.shard, epoch);
            rows.iter().for_each(|(_, hash)| seal.row(hash));
            seal.finish()
        });
        let problems = &mut self.verified.problems;
        let place = Place::entries(self.shard, epoch, first_n, last_n);
        if verdict.is_loose {
            problems.add(Kind::SealRemoved, place.clone());
        }
        if verdict.is_changed || usize::try_from(batch.rows) != Ok(batch.stored.marks.len()) {
            problems.add(Kind::SealChanged, place);
        }
        for (kind, n) in verdict.rows {
            problems.add(kind, Place::entries(self.shard, epoch, n, n));
        }
        self.tips = verdict.tips;
        self.end = Some((epoch, last_n));
        self.verified.batches += 1;
        self.verified.entries += rows.len() as u64;
        self.verified.read += rows.len() as u64;
        let head = ShardHead { shard: self.shard, epoch, first_n, hash: to_hex(&batch.stored.hash) };
        match self.verified.head.shards.last_mut() {
            Some(last) if last.shard == self.shard => *last = head,
            _ => self.verified.head.shards.push(head),
        }
    }

    /// Nothing follows: the copy's position must name this very end.
    fn end_at(&mut self, position: Position, hash: Vec<u8>) {
        if !self.tips.admit(&hash) {
            let (epoch, n) = self.end.unwrap_or_default();
            self.verified.problems.add(Kind::CutOff, Place::entries(self.shard, epoch, n, n));
        }
        if self.end.is_none_or(|end| (position.epoch, position.n) >= end) {
            self.numbers.come_to(position.epoch, position.n + 1);
        }
    }
}

/// Between which batches a window lies, by epoch and first number; those between are one piece of the chain.
async fn bounds(
    connection: &mut Connection,
    shard: u16,
    window: Window,
) -> Result<((i64, i64), (i64, i64)), AuditError> {
    let (mut from, mut to) = ((0, 0), (i64::MAX, i64::MAX));
    if let Some(since) = window.moment(window.since)? {
        let first = sqlx::query_as(sql::BATCH_SINCE).bind(column(shard)?).bind(since);
        from = first.fetch_optional(&mut *connection).await?.unwrap_or(to);
    }
    if let Some(until) = window.moment(window.until)? {
        let last = sqlx::query_as(sql::BATCH_UNTIL).bind(column(shard)?).bind(until);
        to = last.fetch_optional(&mut *connection).await?.unwrap_or((0, 0));
    }
    Ok((from, to))
}

async fn batches(
    connection: &mut Connection,
    shard: u16,
    after: (i64, i64),
    up_to: (i64, i64),
) -> Result<Vec<Batch>, AuditError> {
    let rows = sqlx::query(sql::BATCHES)
        .bind(column(shard)?)
        .bind(after.0)
        .bind(after.1)
        .bind(up_to.0)
        .bind(up_to.1)
        .bind(PAGE)
        .fetch_all(connection)
        .await?;
    rows.iter().map(batch).collect()
}

fn batch(row: &PgRow) -> Result<Batch, AuditError> {
    let (first_n, last_n): (i64, i64) = (row.try_get("first_n")?, row.try_get("last_n")?);
    let (mut marks, mut holes) = (Vec::new(), Vec::new());
    for (n, bytes) in (first_n..=last_n).zip(row.try_get::<&[u8], _>("marks")?.chunks_exact(MARK)) {
        let mut mark = Mark::default();
        mark.copy_from_slice(bytes);
        if mark == Mark::default() {
            holes.push(n);
        } else {
            marks.push((n, mark));
        }
    }
    let stored = Stored { marks, previous: row.try_get("previous")?, hash: row.try_get("hash")? };
    Ok(Batch { epoch: row.try_get("epoch")?, first_n, last_n, stored, holes, rows: row.try_get("rows")? })
}

fn found(row: &PgRow) -> Result<Found, AuditError> {
    let n = row.try_get("n")?;
    let sealed = SealedRow {
        n,
        kind: row.try_get("kind")?,
        subject: row.try_get("subject")?,
        org: row.try_get("org")?,
        sequence: row.try_get("sequence")?,
        from: row.try_get("from_status")?,
        to: row.try_get("to_status")?,
        reason: row.try_get("reason")?,
        occurred_at: exact(row, "occurred_at")?,
        detected_at: exact(row, "detected_at")?,
        last_seen: exact(row, "last_seen")?,
        uncertainty_ms: row.try_get("uncertainty_ms")?,
        session: row.try_get("session_id")?,
        device: row.try_get("device")?,
        actor: row.try_get("actor")?,
    };
    Ok(Found { epoch: row.try_get("epoch")?, n, hash: sealed.hash() })
}

/// A moment of the log. The program writes milliseconds; anything finer is somebody else's and must not be cut off here.
fn exact(row: &PgRow, column: &str) -> Result<Millis, AuditError> {
    let at: OffsetDateTime = row.try_get(column)?;
    let is_ours = at.nanosecond().is_multiple_of(1_000_000);
    if is_ours { moment(row, column) } else { Ok(Millis(i64::MIN)) }
}
