//! The seals of the two logs that have many writers: administrators' actions and system events.
//!
//! Writers only take a number (`seq`), so that no login waits for another. Numbers become visible in another order than
//! they were given, and some never: their transaction was rolled back. So whoever seals reads the newest number, waits until
//! every transaction has ended that was writing to the log then, and seals what has come up to that number; nothing below
//! it can still come. Locks tell who is writing, and not transaction numbers: those of a restored database begin anew, and
//! a long transaction elsewhere would hold up the seals. Every node tries; a lock lets one of them.

use std::time::{Duration, Instant};

use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::time::OffsetDateTime;

use super::chain::{GENESIS, Hash, JournalRow, Seal, mark};
use super::verify::Kept;
use super::{Audit, AuditError, sql};
use crate::database::Connection;

/// Rows of one seal, at most.
const ROWS: i64 = 1_000;
/// How long writers are waited for; then the next round tries again.
const PATIENCE: Duration = Duration::from_secs(3);
/// Between two looks at the writers.
const LOOK: Duration = Duration::from_millis(10);

/// A log whose rows Postgres numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Journal {
    /// What administrators and the security of accounts did.
    Actions,
    /// What befell the service itself.
    Events,
}

impl Journal {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Actions, Self::Events];

    /// Its table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Actions => "admin_actions",
            Self::Events => "system_events",
        }
    }

    const fn newest(self) -> &'static str {
        match self {
            Self::Actions => sql::NEWEST_ACTION,
            Self::Events => sql::NEWEST_EVENT,
        }
    }

    /// Rows behind `$1` up to `$2`, `$3` at most, by number.
    pub(super) const fn rows(self) -> &'static str {
        match self {
            Self::Actions => sql::ACTION_ROWS,
            Self::Events => sql::EVENT_ROWS,
        }
    }
}

/// Where the chain of a log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tip {
    pub(super) n: i64,
    pub(super) last_seq: i64,
    pub(super) hash: Hash,
}

impl Audit {
    /// Seals what can no longer change of both logs; answers how many rows that were. Leaves to others what they are
    /// sealing, and to the next call what somebody is still writing.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn seal_journals(&self) -> Result<usize, AuditError> {
        let mut sealed = 0;
        for journal in Journal::ALL {
            sealed += self.seal_journal(journal).await?;
        }
        Ok(sealed)
    }

    async fn seal_journal(&self, journal: Journal) -> Result<usize, AuditError> {
        let newest: i64 = sqlx::query_scalar(journal.newest()).fetch_one(&self.pool).await?;
        let tip = tip(&mut self.pool.acquire().await?, journal).await?;
        if newest <= tip.last_seq || !self.is_settled(journal).await? {
            return Ok(0);
        }
        let mut sealed = 0;
        while let Some(rows) = self.seal_next(journal, newest).await? {
            sealed += rows;
        }
        Ok(sealed)
    }

    /// Whether everybody has ended who was writing when this was called.
    async fn is_settled(&self, journal: Journal) -> Result<bool, AuditError> {
        let until = Instant::now() + PATIENCE;
        let mut writers: Vec<String> = self.writers(journal).await?;
        while !writers.is_empty() {
            if Instant::now() > until {
                return Ok(false);
            }
            tokio::time::sleep(LOOK).await;
            let still = self.writers(journal).await?;
            writers.retain(|writer| still.contains(writer));
        }
        Ok(true)
    }

    async fn writers(&self, journal: Journal) -> Result<Vec<String>, AuditError> {
        Ok(sqlx::query_scalar(sql::WRITERS).bind(journal.as_str()).fetch_all(&self.pool).await?)
    }

    /// Writes the next seal, over rows up to `newest`; none if there are none, or another node is at it.
    async fn seal_next(&self, journal: Journal, newest: i64) -> Result<Option<usize>, AuditError> {
        let mut tx = self.pool.begin().await?;
        let sealed = seal(&mut tx, journal, newest).await?;
        // Also where nothing was written: a transaction that is only dropped keeps the lock for a while.
        tx.commit().await?;
        Ok(sealed)
    }
}

async fn seal(
    connection: &mut Connection,
    journal: Journal,
    newest: i64,
) -> Result<Option<usize>, AuditError> {
    let is_ours: bool =
        sqlx::query_scalar(sql::SEAL_LOCK).bind(journal.as_str()).fetch_one(&mut *connection).await?;
    if !is_ours {
        return Ok(None);
    }
    let tip = tip(connection, journal).await?;
    let rows = sqlx::query(journal.rows()).bind(tip.last_seq).bind(newest).bind(ROWS);
    let rows = rows.fetch_all(&mut *connection).await?;
    let rows = rows.iter().map(journal_row).collect::<Result<Vec<_>, _>>()?;
    let Some(last) = rows.last() else {
        return Ok(None);
    };
    // A full seal ends with its last row; the next one goes on from there.
    let last_seq = if rows.len() as i64 == ROWS { last.seq } else { newest };
    insert(connection, journal, tip, last_seq, &rows).await?;
    Ok(Some(rows.len()))
}

async fn insert(
    connection: &mut Connection,
    journal: Journal,
    tip: Tip,
    last_seq: i64,
    rows: &[JournalRow],
) -> Result<(), AuditError> {
    let (n, first_seq) = (tip.n + 1, tip.last_seq + 1);
    let mut seal = Seal::of_journal(&tip.hash, journal.as_str(), n, first_seq, last_seq);
    let mut marks = Vec::with_capacity(rows.len());
    for row in rows {
        let hash = row.hash();
        seal.row(&hash);
        marks.push(mark(&hash));
    }
    let from = rows.iter().map(|row| row.occurred_at).min().unwrap_or_default();
    let from = OffsetDateTime::from_unix_timestamp_nanos(i128::from(from) * 1_000);
    sqlx::query(sql::SEAL_INSERT)
        .bind(journal.as_str())
        .bind(n)
        .bind(first_seq)
        .bind(last_seq)
        .bind(rows.iter().map(|row| row.seq).collect::<Vec<_>>())
        .bind(marks.concat())
        .bind(from.map_err(|error| AuditError::Schema(error.to_string()))?)
        .bind(tip.hash)
        .bind(seal.finish())
        .execute(connection)
        .await?;
    Ok(())
}

/// The last seal of a log, or what was the last when months were dropped with all seals; the beginning of the chain if
/// there never was one.
async fn tip(connection: &mut Connection, journal: Journal) -> Result<Tip, AuditError> {
    let last = sqlx::query(sql::SEAL_LAST).bind(journal.as_str()).fetch_optional(&mut *connection).await?;
    if let Some(row) = last {
        let (n, last_seq, hash) = (row.try_get("n")?, row.try_get("last_seq")?, row.try_get("hash")?);
        return Ok(Tip { n, last_seq, hash });
    }
    let kept = Kept::read(connection).await?;
    Ok(kept.journal(journal).unwrap_or(Tip { n: 0, last_seq: 0, hash: GENESIS }))
}

/// A row as it is sealed.
pub(super) fn journal_row(row: &PgRow) -> Result<JournalRow, AuditError> {
    let at: OffsetDateTime = row.try_get("occurred_at")?;
    let occurred_at = i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000))
        .map_err(|error| AuditError::Schema(format!("occurred_at: {error}")))?;
    Ok(JournalRow { seq: row.try_get("seq")?, occurred_at, fields: row.try_get("fields")? })
}
