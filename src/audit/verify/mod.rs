//! `rollcall audit verify`: whether the history is as it was written.
//!
//! Every chain is walked from its beginning, or from the last seal that was dropped with its month, to its end: rows are
//! hashed again and held against their seals, seals against the ones before them, and the numbers of entries must have
//! no gap without a reason. Pages are read one by one, each in a snapshot of its own, in which rows and their seals
//! agree; so the memory needed does not grow with the log, and nothing is held up. The rights of the service suffice.
//!
//! Reading order: `judge` (one seal, purely), `numbers` (gaps), `shards` and `journals` (the walks), `head` (what to keep
//! elsewhere, since whoever owns the database can write a whole chain anew), `kept` (what retention left).

mod head;
mod journals;
mod judge;
mod kept;
mod numbers;
mod problem;
mod shards;

use std::time::Duration;

use sqlx::types::time::OffsetDateTime;

pub use head::{Head, JournalHead, ShardHead};
pub(super) use kept::Kept;
use problem::Problems;
pub use problem::{Kind, Place, Problem};

use super::journal::Journal;
use super::time::to_postgres;
use super::{Audit, AuditError, sql};
use crate::presence::Millis;

/// How long a statement may take that reads a page.
const PAGE_LIMIT: Duration = Duration::from_secs(600);

/// Which part of the history; all of it if both are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// From the first seal with something of this moment or later. What was before it is taken as it is.
    pub since: Option<Millis>,
    /// To the last seal with something from before this moment.
    pub until: Option<Millis>,
}

impl Window {
    #[allow(clippy::unused_self, reason = "reads as what it is: a moment of this window")]
    fn moment(self, at: Option<Millis>) -> Result<Option<OffsetDateTime>, AuditError> {
        at.map(|at| to_postgres("a moment", at)).transpose()
    }
}

/// What was verified of a log that Postgres numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedJournal {
    /// The log.
    pub journal: Journal,
    /// Seals.
    pub seals: u64,
    /// Rows that they cover, or should.
    pub rows: u64,
    /// Rows behind the last seal.
    pub unsealed: u64,
}

impl VerifiedJournal {
    const fn of(journal: Journal) -> Self {
        Self { journal, seals: 0, rows: 0, unsealed: 0 }
    }
}

/// What a verification found.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// Shards.
    pub shards: u64,
    /// Batches of theirs.
    pub batches: u64,
    /// Entries of the log of transitions.
    pub entries: u64,
    /// Rows of all logs, as far as it has come.
    pub read: u64,
    /// The other logs.
    pub journals: Vec<VerifiedJournal>,
    /// Nothing older is kept.
    pub kept_since: Option<Millis>,
    /// Where the chains end.
    pub head: Head,
    problems: Problems,
}

impl Verified {
    /// Problems, the first thousand of them.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems.told
    }

    /// How many there are besides.
    #[must_use]
    pub const fn more(&self) -> u64 {
        self.problems.more
    }

    /// Whether everything is as it was written.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.problems.told.is_empty()
    }
}

impl Audit {
    /// Verifies a window of the history, and that it contains `expected`. `tell` hears now and then how far it has come.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails, or months were dropped meanwhile: then it says nothing.
    pub async fn verify(
        &self,
        window: Window,
        expected: Option<&Head>,
        mut tell: impl FnMut(&Verified),
    ) -> Result<Verified, AuditError> {
        let kept = Kept::read(&mut self.pool.acquire().await?).await?;
        let mut verified = Verified { kept_since: kept.since, ..Verified::default() };
        let shards: Vec<i16> = sqlx::query_scalar(sql::SHARDS).fetch_all(&self.pool).await?;
        for shard in shards {
            let shard = u16::try_from(shard).map_err(|error| AuditError::Schema(error.to_string()))?;
            self.verify_shard(shard, window, &kept, &mut verified, &mut tell).await?;
            verified.shards += 1;
        }
        for journal in Journal::ALL {
            self.verify_journal(journal, window, &kept, &mut verified, &mut tell).await?;
        }
        if let Some(head) = expected {
            self.expect(head, &kept, &mut verified.problems).await?;
        }
        if Kept::read(&mut self.pool.acquire().await?).await? != kept {
            let why = "months were dropped while the history was verified: verify it again";
            return Err(AuditError::Unavailable(why.to_owned()));
        }
        Ok(verified)
    }
}
