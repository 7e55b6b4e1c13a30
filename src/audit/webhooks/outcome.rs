//! What became of a delivery.

use std::time::Duration;

use serde_json::json;
use sqlx::Row;
use uuid::Uuid;

use super::Leased;
use crate::audit::retention::interval;
use crate::audit::{Audit, AuditError, sql};

/// Why a delivery was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// What the receiver answered, if it did.
    pub answer: Option<u16>,
    /// In words.
    pub problem: String,
    /// The receiver wants nothing any more: the webhook is switched off.
    pub is_gone: bool,
    /// When to try again.
    pub delay: Duration,
}

impl Audit {
    /// A delivery was taken: what it said about people is forgotten. True whoever has the lease by now.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails; then it will be sent again.
    pub async fn delivered(&self, leased: &Leased, delivery: Uuid, answer: u16) -> Result<(), AuditError> {
        let mut tx = self.pool.begin().await?;
        sqlx::query(sql::WEBHOOK_SUCCEEDED).bind(leased.id).bind(leased.lease).execute(&mut *tx).await?;
        sqlx::query(sql::WEBHOOK_DELIVERED).bind(delivery).bind(status(answer)).execute(&mut *tx).await?;
        sqlx::query(sql::WEBHOOK_EVENTS_DROP).bind(delivery).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// A delivery was not taken: it is tried again later, or given up; answers whether it was given up. Who has lost the
    /// lease changes nothing.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails; then it is sent again when the lease is over.
    pub async fn missed(&self, leased: &Leased, delivery: Uuid, missed: &Missed) -> Result<bool, AuditError> {
        let mut tx = self.pool.begin().await?;
        let failed = sqlx::query(sql::WEBHOOK_FAILED)
            .bind(leased.id)
            .bind(leased.lease)
            .bind(&missed.problem)
            .bind(interval(missed.delay)?)
            .execute(&mut *tx)
            .await?;
        if failed.rows_affected() == 0 {
            return Ok(false);
        }
        let row = sqlx::query(sql::WEBHOOK_MISSED)
            .bind(delivery)
            .bind(missed.answer.map(status))
            .bind(&missed.problem)
            .bind(missed.is_gone)
            .fetch_optional(&mut *tx)
            .await?;
        let is_dead = row.map(|row| row.try_get("is_dead")).transpose()?.unwrap_or(false);
        if missed.is_gone {
            sqlx::query(sql::WEBHOOK_SWITCH_OFF).bind(leased.id).execute(&mut *tx).await?;
            sqlx::query(sql::SYSTEM_EVENT)
                .bind("webhook_disabled")
                .bind(json!({ "webhook": leased.id, "answer": missed.answer }))
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(is_dead)
    }

    /// How long the oldest change that a webhook should know of has been waiting in its batch.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn oldest_webhook_delivery(&self) -> Result<Duration, AuditError> {
        let seconds: f64 = sqlx::query_scalar(sql::WEBHOOKS_OLDEST).fetch_one(&self.pool).await?;
        Ok(Duration::try_from_secs_f64(seconds).unwrap_or_default())
    }

    /// Forgets deliveries that were taken, or given up, long enough ago; returns how many.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn forget_webhook_deliveries(
        &self,
        taken: Duration,
        given_up: Duration,
    ) -> Result<u64, AuditError> {
        let forget = sqlx::query(sql::WEBHOOKS_FORGET).bind(interval(taken)?).bind(interval(given_up)?);
        Ok(forget.execute(&self.pool).await?.rows_affected())
    }
}

/// An HTTP status as its column has it.
fn status(answer: u16) -> i16 {
    i16::try_from(answer).unwrap_or_default()
}
