//! The chain of a log that Postgres numbers: its seals and their rows. What is not sealed yet is counted.

use futures::TryStreamExt;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::head::{JournalHead, to_hex};
use super::judge::{Stored, Tips, judge};
use super::kept::Kept;
use super::problem::{Kind, Place};
use super::{PAGE_LIMIT, Verified, VerifiedJournal, Window};
use crate::audit::chain::{GENESIS, Hash, MARK, Mark, Seal};
use crate::audit::journal::{Journal, Tip, journal_row};
use crate::audit::{Audit, AuditError, sql};
use crate::database::Connection;

/// Seals that are held at a time.
const PAGE: i64 = 50;

/// A seal as it is stored.
struct StoredSeal {
    n: i64,
    first_seq: i64,
    last_seq: i64,
    stored: Stored,
}

struct Walk<'a> {
    journal: Journal,
    tips: Tips,
    /// The last seal passed; 0 if it is not known.
    n: i64,
    /// Rows up to here are done, or were dropped.
    rows_up_to: i64,
    found: VerifiedJournal,
    verified: &'a mut Verified,
}

impl Audit {
    /// Verifies one log; `tell` hears of every page.
    pub(super) async fn verify_journal(
        &self,
        journal: Journal,
        window: Window,
        kept: &Kept,
        verified: &mut Verified,
        tell: &mut impl FnMut(&Verified),
    ) -> Result<(), AuditError> {
        let (first, last) = self.bounds(journal, window).await?;
        let dropped = kept.journal(journal);
        let begin = dropped.unwrap_or(Tip { n: 0, last_seq: 0, hash: GENESIS });
        let is_whole = window.since.is_none();
        let mut walk = Walk {
            journal,
            tips: if is_whole { Tips::known(&begin.hash) } else { Tips::any() },
            n: if is_whole { begin.n } else { first - 1 },
            rows_up_to: dropped.map_or(i64::MIN, |dropped| dropped.last_seq),
            found: VerifiedJournal::of(journal),
            verified,
        };
        loop {
            let mut tx = self.pool.begin().await?;
            sqlx::query(sql::SNAPSHOT).execute(&mut *tx).await?;
            tx.take_time(PAGE_LIMIT).await?;
            let seals = sqlx::query(sql::SEALS).bind(journal.as_str()).bind(walk.n).bind(last).bind(PAGE);
            let seals = seals.fetch_all(&mut *tx).await?;
            let seals = seals.iter().map(stored_seal).collect::<Result<Vec<_>, _>>()?;
            let is_last = (seals.len() as i64) < PAGE;
            walk.page(&mut tx, &seals, is_whole).await?;
            if is_last && window.until.is_none() {
                walk.rest(&mut tx).await?;
            }
            tx.rollback().await?;
            tell(walk.verified);
            if is_last {
                let found = walk.found;
                verified.journals.push(found);
                return Ok(());
            }
        }
    }

    /// Between which seals a window lies.
    async fn bounds(&self, journal: Journal, window: Window) -> Result<(i64, i64), AuditError> {
        let (mut first, mut last) = (1, i64::MAX);
        if let Some(since) = window.moment(window.since)? {
            let found = sqlx::query_scalar(sql::SEAL_SINCE).bind(journal.as_str()).bind(since);
            first = found.fetch_one(&self.pool).await?;
        }
        if let Some(until) = window.moment(window.until)? {
            let found = sqlx::query_scalar(sql::SEAL_UNTIL).bind(journal.as_str()).bind(until);
            last = found.fetch_one(&self.pool).await?;
        }
        Ok((first, last))
    }
}

impl Walk<'_> {
    async fn page(
        &mut self,
        connection: &mut Connection,
        seals: &[StoredSeal],
        is_whole: bool,
    ) -> Result<(), AuditError> {
        let (Some(first), Some(last)) = (seals.first(), seals.last()) else {
            return Ok(());
        };
        if !is_whole && self.found.seals == 0 {
            self.rows_up_to = first.first_seq - 1;
        }
        let mut rows = sqlx::query(self.journal.rows())
            .bind(self.rows_up_to)
            .bind(last.last_seq)
            .bind(i64::MAX)
            .fetch(connection)
            .map_err(AuditError::from)
            .and_then(|row| std::future::ready(journal_row(&row)));
        let mut next = rows.try_next().await?;
        for seal in seals {
            let mut of_seal = Vec::new();
            while let Some(row) = next.take_if(|row| row.seq <= seal.last_seq) {
                if row.seq < seal.first_seq {
                    self.found.rows += 1;
                    self.verified.problems.add(Kind::RowAdded, self.place(row.seq));
                } else {
                    of_seal.push((row.seq, row.hash()));
                }
                next = rows.try_next().await?;
            }
            self.seal(seal, &of_seal);
        }
        self.rows_up_to = last.last_seq;
        Ok(())
    }

    fn seal(&mut self, seal: &StoredSeal, rows: &[(i64, Hash)]) {
        let log = self.journal.as_str();
        let verdict = judge(&self.tips, &seal.stored, rows, |previous| {
            let mut again = Seal::of_journal(previous, log, seal.n, seal.first_seq, seal.last_seq);
            rows.iter().for_each(|(_, hash)| again.row(hash));
            again.finish()
        });
        if verdict.is_loose || seal.n != self.n + 1 {
            self.verified.problems.add(Kind::SealRemoved, self.place(seal.n));
        }
        if verdict.is_changed {
            self.verified.problems.add(Kind::SealChanged, self.place(seal.n));
        }
        for (kind, seq) in verdict.rows {
            self.verified.problems.add(kind, self.place(seq));
        }
        (self.tips, self.n) = (verdict.tips, seal.n);
        self.found.seals += 1;
        self.found.rows += rows.len() as u64;
        self.verified.read += rows.len() as u64;
        let head = JournalHead { log: log.to_owned(), n: seal.n, hash: to_hex(&seal.stored.hash) };
        match self.verified.head.journals.last_mut() {
            Some(last) if last.log == log => *last = head,
            _ => self.verified.head.journals.push(head),
        }
    }

    /// Rows behind the last seal: the next one will cover them.
    async fn rest(&mut self, connection: &mut Connection) -> Result<(), AuditError> {
        let mut rows = sqlx::query(self.journal.rows())
            .bind(self.rows_up_to)
            .bind(i64::MAX)
            .bind(i64::MAX)
            .fetch(connection);
        while rows.try_next().await?.is_some() {
            self.found.unsealed += 1;
        }
        Ok(())
    }

    const fn place(&self, at: i64) -> Place {
        Place::Rows { log: self.journal.as_str(), first: at, last: at }
    }
}

fn stored_seal(row: &PgRow) -> Result<StoredSeal, AuditError> {
    let seqs: Vec<i64> = row.try_get("seqs")?;
    let marks = row.try_get::<&[u8], _>("marks")?.chunks_exact(MARK);
    let marks = seqs.into_iter().zip(marks.map(|bytes| {
        let mut mark = Mark::default();
        mark.copy_from_slice(bytes);
        mark
    }));
    let stored =
        Stored { marks: marks.collect(), previous: row.try_get("previous")?, hash: row.try_get("hash")? };
    let (first_seq, last_seq) = (row.try_get("first_seq")?, row.try_get("last_seq")?);
    Ok(StoredSeal { n: row.try_get("n")?, first_seq, last_seq, stored })
}
