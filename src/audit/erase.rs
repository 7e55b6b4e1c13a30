//! A person is unlinked from the history: the row of `subjects` goes, and with it the last known state and the claims.
//! No row of the log changes, so every seal stays whole.

use sqlx::Row;

use super::position::lock;
use super::{Audit, AuditError, sql};
use crate::presence::UserId;

/// What the history holds of a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Whether it knows the person.
    pub is_known: bool,
    /// Entries of the log.
    pub entries: i64,
    /// Stretches of a status.
    pub intervals: i64,
    /// Claims in force.
    pub claims: i64,
}

impl Audit {
    /// How much the history holds of a person.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn footprint(&self, user: &UserId) -> Result<Footprint, AuditError> {
        let Some(subject) = self.subject(user).await? else {
            return Ok(Footprint::default());
        };
        let row = sqlx::query(sql::FOOTPRINT).bind(subject).bind(user.as_str()).fetch_one(&self.pool).await?;
        Ok(Footprint {
            is_known: true,
            entries: row.try_get("entries")?,
            intervals: row.try_get("intervals")?,
            claims: row.try_get("claims")?,
        })
    }

    /// Unlinks a person, if the copy of their shard has passed the entry (`epoch`, `n`): before that it would make the
    /// link anew. The lock on the position keeps it from doing so meanwhile. Whether it is done; may be repeated.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn unlink(&self, user: &UserId, shard: u16, passed: (i64, i64)) -> Result<bool, AuditError> {
        let mut tx = self.pool.begin().await?;
        let position = lock(&mut tx, shard).await?.map(|locked| locked.position);
        if position.is_none_or(|position| (position.epoch, position.n) < passed) {
            return Ok(false);
        }
        sqlx::query(sql::UNLINK_PERSON).bind(user.as_str()).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(true)
    }
}
