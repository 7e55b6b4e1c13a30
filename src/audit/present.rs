//! Who was present when the history last heard: read once, page by page, when Redis has lost them.

use std::time::Duration;

use sqlx::Row;

use super::position::column;
use super::queries::last_known;
use super::{Audit, AuditError, LastKnown, sql};
use crate::database::Transaction;

/// A reading of everybody who is present, in no order. Holds a connection.
#[derive(Debug)]
pub struct Present {
    tx: Transaction,
}

impl Audit {
    /// Begins to read who is present in these shards.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn present(&self, shards: &[u16]) -> Result<Present, AuditError> {
        let shards = shards.iter().map(|shard| column(*shard)).collect::<Result<Vec<_>, _>>()?;
        let mut tx = self.pool.begin().await?;
        // Whoever reads everybody reads for longer than a request may.
        tx.take_time(Duration::from_secs(60)).await?;
        sqlx::query(sql::PRESENT_DECLARE).bind(shards).execute(&mut *tx).await?;
        Ok(Present { tx })
    }
}

impl Present {
    /// The next of them, with their shards; none after the last.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn next(&mut self) -> Result<Vec<(u16, LastKnown)>, AuditError> {
        let rows = sqlx::query(sql::PRESENT_FETCH).fetch_all(&mut *self.tx).await?;
        let mut people = Vec::with_capacity(rows.len());
        for row in &rows {
            let shard = u16::try_from(row.try_get::<i16, _>("shard")?)
                .map_err(|error| AuditError::Schema(format!("shard: {error}")))?;
            people.extend(last_known(row)?.map(|last| (shard, last)));
        }
        Ok(people)
    }
}
