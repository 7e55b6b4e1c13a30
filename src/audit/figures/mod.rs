//! Figures over the history: how many people were online when, how many different ones, for how long. What is counted how
//! says `docs/figures.md`; the tables explain themselves in `migrations/0011_figures.sql`.
//!
//! Reading order: `spell` (what is counted), `follow` (the log becomes spells), `online`, `lengths`, `totals` (what is known
//! of a piece of time, and how pieces add up), `day` and `roll` (spells become rollups), `kind` (which rollups make up a
//! span), `body` (how they are written), `view` and the questions (`concurrency`, `people`, `sessions`, `persons`), `calendar` (days of zones), `begin` and `rebuild`
//! (all of it made anew), `sample` (a year for `rollcall bench figures`).

mod begin;
mod body;
mod calendar;
mod concurrency;
mod day;
mod follow;
mod kind;
mod lengths;
mod online;
mod people;
mod persons;
mod rebuild;
mod roll;
mod sample;
mod sessions;
mod spell;
mod sql;
mod stock;
mod totals;
mod view;

use std::time::Duration;

pub use calendar::{Period, Step, Zone};
pub use concurrency::{Concurrency, Point};
pub use people::{Kind as PeopleKind, PeopleIn};
pub use persons::{Among, PersonCursor, PersonTotal, PersonTotals, Wanted};
pub use rebuild::FiguresRebuilt;
pub use sample::SampleInterval;
pub use sessions::{Bucket, SessionLengths};
pub use sql::STATEMENTS as FIGURE_STATEMENTS;
pub use view::Span;

use super::{Audit, AuditError};

/// How long a statement may take that goes through all the figures there are, or the history that they are made of.
const WHOLE_HISTORY: Duration = Duration::from_secs(6 * 3_600);

/// The same of a day, or of some rows.
const STEP: Duration = Duration::from_secs(60);

impl Audit {
    /// Takes the figures a step further: follows the log by some rows, or rolls up the hours that are over, up to a day of
    /// them. Answers whether there may be more to do at once. Leaves to another node what that is at.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails; then nothing of the step was done.
    pub async fn follow_figures(&self) -> Result<bool, AuditError> {
        let mut tx = self.pool.begin().await?;
        sqlx::query(sql::SNAPSHOT_TO_WRITE).execute(&mut *tx).await?;
        let is_ours: bool = sqlx::query_scalar(sql::LOCK).fetch_one(&mut *tx).await?;
        if !is_ours {
            tx.rollback().await?;
            return Ok(false);
        }
        let standing = stock::standing(&mut tx).await?;
        // The first step may have years to read.
        tx.take_time(if standing.rolled_until.is_none() { WHOLE_HISTORY } else { STEP }).await?;
        let more = match standing.rolled_until {
            None => begin::begin(&mut tx, standing.now).await.map(|_| true)?,
            Some(until) if follow::follow(&mut tx, until).await? => true,
            // It may just have been set back.
            Some(_) => {
                let standing = stock::standing(&mut tx).await?;
                roll::roll(&mut tx, standing).await?
            }
        };
        tx.commit().await?;
        Ok(more)
    }

    /// How long ago the oldest change was recorded that the figures do not know of; zero if they know all.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn figures_lag(&self) -> Result<Duration, AuditError> {
        let seconds: f64 = sqlx::query_scalar(sql::LAG).fetch_one(&self.pool).await?;
        Ok(Duration::try_from_secs_f64(seconds).unwrap_or_default())
    }
}
