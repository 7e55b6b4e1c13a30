//! Who works for a webhook: one node at a time, for a while. Correctness does not depend on it being one: without the
//! lease nothing is made, and who lost it may at worst send once more what is sent already.

use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::Leased;
use crate::audit::queries::word;
use crate::audit::retention::interval;
use crate::audit::{Audit, AuditError, sql};
use crate::database::Connection;

/// After so long without a word the lease is another's: longer than an attempt takes.
const LEASE: Duration = Duration::from_secs(30);

impl Audit {
    /// Takes the leases of at most `most` webhooks that have something to do and nobody who does it.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn lease_webhooks(&self, most: usize) -> Result<Vec<Leased>, AuditError> {
        let lease = Uuid::new_v4();
        let rows = sqlx::query(sql::WEBHOOKS_LEASE)
            .bind(lease)
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .bind(interval(LEASE)?)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| leased(row, lease)).collect()
    }

    /// Gives a lease back, if it is still this one.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails; then it ends by itself.
    pub async fn end_lease(&self, leased: &Leased) -> Result<(), AuditError> {
        sqlx::query(sql::WEBHOOK_LEASE_END).bind(leased.id).bind(leased.lease).execute(&self.pool).await?;
        Ok(())
    }
}

/// Renews a lease, and locks it until the transaction ends; answers how many attempts have failed in a row, or nothing
/// if it is lost.
pub(super) async fn keep(connection: &mut Connection, leased: &Leased) -> Result<Option<i32>, AuditError> {
    let failures = sqlx::query_scalar(sql::WEBHOOK_LEASE_KEEP)
        .bind(leased.id)
        .bind(leased.lease)
        .bind(interval(LEASE)?)
        .fetch_optional(connection)
        .await?;
    Ok(failures)
}

fn leased(row: &PgRow, lease: Uuid) -> Result<Leased, AuditError> {
    let words: Vec<String> = row.try_get("events")?;
    let debounce: Option<i32> = row.try_get("debounce_ms")?;
    Ok(Leased {
        id: row.try_get("id")?,
        lease,
        url: row.try_get("url")?,
        org: word(row, "org")?,
        // Words of a later version say nothing to this one.
        events: words.iter().filter_map(|word| word.parse().ok()).collect(),
        debounce: debounce.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis),
        secret: row.try_get("secret")?,
        previous_secret: row.try_get("previous_secret")?,
    })
}
