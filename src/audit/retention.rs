//! Partitions made ahead and dropped behind, and the events of the service itself. The rights to make and drop tables
//! stay with functions of the schema; the service may only call them.

use std::time::Duration;

use serde_json::Value;
use sqlx::postgres::types::PgInterval;

use super::{Audit, AuditError, sql};

impl Audit {
    /// Makes the monthly partitions from last month to `months_ahead` (0-24); returns how many were missing.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn ensure_partitions(&self, months_ahead: u8) -> Result<u32, AuditError> {
        let made: i32 = sqlx::query_scalar(sql::ENSURE_PARTITIONS)
            .bind(i32::from(months_ahead))
            .fetch_one(&self.pool)
            .await?;
        Ok(made.unsigned_abs())
    }

    /// Drops the months that lie wholly further back than `keep` (at least 31 days); returns how many partitions went.
    /// If any did, a system event says which.
    ///
    /// # Errors
    /// [`AuditError::Refused`] if `keep` is too short, else [`AuditError`] if Postgres fails.
    pub async fn drop_partitions(&self, keep: Duration) -> Result<u32, AuditError> {
        let keep = interval(keep)?;
        let mut tx = self.pool.begin().await?;
        // Dropping waits for readers, and clears tables.
        tx.take_time(Duration::from_secs(3_600)).await?;
        let dropped: i32 = sqlx::query_scalar(sql::DROP_PARTITIONS).bind(keep).fetch_one(&mut *tx).await?;
        tx.commit().await?;
        Ok(dropped.unsigned_abs())
    }

    /// Records what befell the service itself.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn system_event(&self, kind: &str, detail: &Value) -> Result<(), AuditError> {
        sqlx::query(sql::SYSTEM_EVENT).bind(kind).bind(detail).execute(&self.pool).await?;
        Ok(())
    }
}

/// A span of time for Postgres.
///
/// # Errors
/// [`AuditError::Refused`] if it is finer or longer than Postgres knows.
pub(super) fn interval(span: Duration) -> Result<PgInterval, AuditError> {
    PgInterval::try_from(span).map_err(|error| AuditError::Refused(error.to_string()))
}
