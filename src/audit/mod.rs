//! The history of presence in Postgres: every change of status once and for ever, and what is known of those whom
//! Redis has forgotten.
//!
//! Reading order: `copy` (one batch of a shard's outbox, one transaction), `fold` (what a batch means, purely),
//! `write` (its rows), `chain` (the hashes that bind it), `journal` (seals of the other logs), `verify` (all seals held
//! against their rows), `queries`, `timeline` and `at` (what is asked), `webhooks` (what other servers are told), `figures` (how
//! many, for how long), `rebuild` (what was derived, derived again). The schema explains itself in `migrations/0001_audit.sql`.

mod at;
pub mod chain;
mod checkup;
mod claims;
mod compare;
mod copy;
mod cursor;
mod erase;
mod error;
mod figures;
mod fold;
mod journal;
mod migrations;
mod position;
mod present;
mod quarantine;
mod queries;
mod rebuild;
mod retell;
mod retention;
mod rewind;
mod sight;
mod sql;
mod stored;
mod time;
mod timeline;
mod verify;
mod webhooks;
mod write;

pub use at::{Reach, WasPresent, WerePresent};
pub use checkup::{LateEvents, Quarantined, Reserve, Rights, Schema, Server};
pub use claims::ClaimRow;
pub use copy::Copied;
pub use cursor::{Cursor, InvalidCursor};
pub use erase::Footprint;
pub use error::{AuditError, CopyError};
pub use figures::{
    Among, Bucket, Concurrency, FIGURE_STATEMENTS, FiguresRebuilt, PeopleIn, PeopleKind, Period,
    PersonCursor, PersonTotal, PersonTotals, Point, SampleInterval, SessionLengths, Span, Step, Wanted, Zone,
};
pub use journal::Journal;
pub use migrations::{migrate, tidy};
pub use position::{NewEpoch, Position};
pub use present::Present;
pub use queries::{Filter, LastKnown, MAX_LIMIT, Page, Transition};
pub use rebuild::{Difference, Progress, Rebuilt};
pub use rewind::{Rewound, SetBack};
pub use sight::Sight;
pub use sql::STATEMENTS;
pub use timeline::{Stretch, Timeline, Told};
pub use verify::{Head, JournalHead, Kind, Place, Problem, ShardHead, Verified, VerifiedJournal, Window};
pub use webhooks::{Delivery, Leased, Missed, Next, PATIENCE, ShownChange};

use std::time::Duration;

use crate::database::Pool;

/// What the database takes, and how far ahead it is prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Size of the database on disk.
    pub bytes: u64,
    /// Until the last month that has partitions is over; 0 once it is.
    pub partitions_ahead: Duration,
}

/// The history of presence. Cheap to clone: clones share the pool.
#[derive(Clone, Debug)]
pub struct Audit {
    pool: Pool,
}

impl Audit {
    /// The history behind this pool.
    #[must_use]
    pub fn new(pool: impl Into<Pool>) -> Self {
        Self { pool: pool.into() }
    }

    /// Asks Postgres whether it answers.
    ///
    /// # Errors
    /// [`AuditError`] if it does not.
    pub async fn ping(&self) -> Result<(), AuditError> {
        sqlx::query(sql::PING).execute(&self.pool).await?;
        Ok(())
    }

    /// Leaves a system event: something that befell the service itself.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn tell(&self, kind: &'static str, detail: serde_json::Value) -> Result<(), AuditError> {
        sqlx::query(sql::SYSTEM_EVENT).bind(kind).bind(detail).execute(&self.pool).await?;
        Ok(())
    }

    /// How much room there is, on disk and in time.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn room(&self) -> Result<Room, AuditError> {
        let (bytes, seconds): (i64, f64) = sqlx::query_as(sql::ROOM).fetch_one(&self.pool).await?;
        let partitions_ahead = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        Ok(Room { bytes: bytes.unsigned_abs(), partitions_ahead })
    }

    /// How many connections the pool may have.
    #[must_use]
    pub fn most_connections(&self) -> u64 {
        self.pool.most().into()
    }

    /// Connections of the pool: waiting for work, and at work.
    #[must_use]
    pub fn connections(&self) -> (u64, u64) {
        let idle = self.pool.num_idle() as u64;
        (idle, u64::from(self.pool.size()).saturating_sub(idle))
    }
}
