//! A history that never was, for `rollcall bench figures`: intervals as the copy would have left them.

use std::collections::HashMap;

use crate::audit::fold::{End, Interval};
use crate::audit::write::insert_intervals;
use crate::audit::{Audit, AuditError, sql};
use crate::presence::{Millis, Org, Reason, Status, UserId};

/// An interval of somebody.
#[derive(Clone, Copy, Debug)]
pub struct SampleInterval<'a> {
    /// By [`Audit::sample_people`].
    pub subject: i64,
    /// Counts this person's.
    pub sequence: i64,
    /// The organisation.
    pub org: &'a Org,
    /// The status.
    pub status: Status,
    /// When it began.
    pub from: Millis,
    /// When it ended; none if it goes on.
    pub to: Option<Millis>,
}

impl Audit {
    /// Makes people known to the history; answers their subjects in the same order.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn sample_people(&self, users: &[UserId]) -> Result<Vec<i64>, AuditError> {
        let names: Vec<&str> = users.iter().map(UserId::as_str).collect();
        sqlx::query(sql::NEW_SUBJECTS).bind(&names).execute(&self.pool).await?;
        let rows: Vec<(String, i64)> =
            sqlx::query_as(sql::SUBJECTS).bind(&names).fetch_all(&self.pool).await?;
        let subjects: HashMap<String, i64> = rows.into_iter().collect();
        Ok(names.iter().filter_map(|name| subjects.get(*name).copied()).collect())
    }

    /// Stores intervals.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn sample_intervals(&self, intervals: &[SampleInterval<'_>]) -> Result<(), AuditError> {
        let rows: Vec<Interval<'_>> = intervals
            .iter()
            .map(|interval| Interval {
                subject: interval.subject,
                sequence: interval.sequence,
                org: interval.org,
                status: interval.status,
                started_at: interval.from,
                end: interval.to.map(|at| End { at, reason: Reason::Closed }),
            })
            .collect();
        insert_intervals(&mut self.pool.acquire().await?, &rows).await
    }

    /// Forgets all figures, so that the next steps make them of the intervals there are.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn forget_figures(&self) -> Result<(), AuditError> {
        sqlx::query(super::sql::SAMPLE_BEGIN).execute(&self.pool).await?;
        Ok(())
    }

    /// Bytes on disk of intervals, spells and rollups.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn figure_sizes(&self) -> Result<(i64, i64, i64), AuditError> {
        Ok(sqlx::query_as(super::sql::SIZES).fetch_one(&self.pool).await?)
    }
}
