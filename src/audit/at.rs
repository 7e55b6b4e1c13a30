//! Who was present at a moment of the past, exactly: from intervals, with the moments between which the answer holds.

use std::collections::HashMap;

use sqlx::postgres::PgRow;
use sqlx::types::time::OffsetDateTime;
use sqlx::{Postgres, Row};

use super::queries::{moment, needed, shard, word};
use super::time::{from_postgres, to_postgres};
use super::{Audit, AuditError, MAX_LIMIT, Position, Sight, sql};
use crate::presence::{Millis, Org, Status, UserId};

/// Somebody who was present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WasPresent {
    /// Who; none if the person was erased.
    pub user: Option<UserId>,
    /// The name in the log, which is the cursor.
    pub subject: i64,
    /// The organisation.
    pub org: Org,
    /// The true status (`invisible` included).
    pub status: Status,
    /// Since when.
    pub since: Millis,
    /// Until when; none if the status still holds.
    pub until: Option<Millis>,
}

/// A page of those who were present.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WerePresent {
    /// In the order of their names in the log.
    pub rows: Vec<WasPresent>,
    /// How many there are on all pages.
    pub count: i64,
    /// Behind whom the next page begins; none after the last.
    pub next: Option<i64>,
}

/// How far the history reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// By the clock of Postgres.
    pub now: Millis,
    /// Everything before was dropped; none if nothing was.
    pub kept_since: Option<Millis>,
}

impl Audit {
    /// A page of at most `limit` people (1 to [`MAX_LIMIT`], else the nearest) who were present at `at`: their status
    /// began then or before and ended later or not at all. Begins behind the person `after` (0: with the first). Others do
    /// not see the invisible among them.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails or the moment is none.
    pub async fn present_at(
        &self,
        at: Millis,
        org: Option<&Org>,
        status: Option<Status>,
        after: i64,
        limit: u32,
        sight: Sight,
    ) -> Result<WerePresent, AuditError> {
        let limit = limit.clamp(1, MAX_LIMIT);
        let (at, org) = (to_postgres("time", at)?, org.map(Org::as_str));
        let status = status.map(Status::as_str);
        let mut tx = self.pool.begin().await?;
        sqlx::query(sql::SNAPSHOT).execute(&mut *tx).await?;
        // Planned for these very values: how many were present depends on the moment.
        let count = sqlx::query_scalar::<Postgres, _>(sql::AT_COUNT)
            .bind(at)
            .bind(org)
            .bind(status)
            .bind(sight == Sight::Shown)
            .persistent(false)
            .fetch_one(&mut *tx)
            .await?;
        let rows = sqlx::query::<Postgres>(sql::AT)
            .bind(at)
            .bind(org)
            .bind(status)
            .bind(sight == Sight::Shown)
            .bind(after)
            // One more than asked for tells whether another page follows.
            .bind(i64::from(limit) + 1)
            .persistent(false)
            .fetch_all(&mut *tx)
            .await?;
        tx.rollback().await?;
        let mut rows = rows.iter().map(present).collect::<Result<Vec<_>, _>>()?;
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| more).map(|row| row.subject);
        Ok(WerePresent { rows, count, next })
    }

    /// How far the copy has come in each shard that ever had an epoch.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn positions(&self) -> Result<HashMap<u16, Position>, AuditError> {
        let rows = sqlx::query(sql::POSITIONS).fetch_all(&self.pool).await?;
        let position = |row: &PgRow| -> Result<_, AuditError> {
            let moment = |name| row.try_get::<Option<OffsetDateTime>, _>(name);
            let position = Position {
                epoch: row.try_get("epoch")?,
                n: row.try_get("n")?,
                detected_at: moment("detected_at")?.map(from_postgres),
                heard_at: moment("heard_at")?.map(from_postgres),
                is_spared: row.try_get("is_spared")?,
            };
            Ok((shard(row)?, position))
        };
        rows.iter().map(position).collect()
    }

    /// How far the history reaches.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn reach(&self) -> Result<Reach, AuditError> {
        let row = sqlx::query(sql::REACH).fetch_one(&self.pool).await?;
        let kept_since: Option<OffsetDateTime> = row.try_get("kept_since")?;
        Ok(Reach { now: moment(&row, "now")?, kept_since: kept_since.map(from_postgres) })
    }
}

fn present(row: &PgRow) -> Result<WasPresent, AuditError> {
    Ok(WasPresent {
        user: word(row, "user_id")?,
        subject: row.try_get("subject")?,
        org: needed(row, "org")?,
        status: needed(row, "status")?,
        since: moment(row, "started_at")?,
        until: row.try_get::<Option<OffsetDateTime>, _>("ended_at")?.map(from_postgres),
    })
}
