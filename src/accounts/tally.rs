//! The record of actions, counted.

use sqlx::Row;
use sqlx::postgres::PgRow;
use time::OffsetDateTime;

use super::{AccountError, Accounts, sql};

/// Who is counted one by one: those who acted most often.
const ACTORS: i64 = 10;

/// How many actions there were in a span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All of them.
    pub total: i64,
    /// By name, the most frequent first.
    pub by_action: Vec<(String, i64)>,
    /// By weight, the most frequent first.
    pub by_severity: Vec<(String, i64)>,
    /// By category, the most frequent first.
    pub by_category: Vec<(String, i64)>,
    /// By day (UTC), oldest first; days without any are left out.
    pub by_day: Vec<(OffsetDateTime, i64)>,
    /// The ten who acted most often.
    pub by_actor: Vec<ActorTally>,
}

/// How often somebody acted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorTally {
    /// The user id, or `cli`.
    pub actor: String,
    /// The account name, while there is such an account.
    pub name: Option<String>,
    /// How often.
    pub count: i64,
}

impl Accounts {
    /// Counts the actions from `since` on and before `until`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn tally(&self, since: OffsetDateTime, until: OffsetDateTime) -> Result<Tally, AccountError> {
        let mut tally = Tally::default();
        let rows = sqlx::query(sql::ACTIONS_TALLY).bind(since).bind(until).fetch_all(&self.pool).await?;
        for row in &rows {
            tally.add(row)?;
        }
        let rows = sqlx::query(sql::ACTIONS_ACTORS).bind(since).bind(until).bind(ACTORS);
        for row in rows.fetch_all(&self.pool).await? {
            let (actor, name) = (row.try_get("actor")?, row.try_get("actor_name")?);
            tally.by_actor.push(ActorTally { actor, name, count: row.try_get("count")? });
        }
        Ok(tally)
    }
}

impl Tally {
    fn add(&mut self, row: &PgRow) -> sqlx::Result<()> {
        let count = row.try_get("count")?;
        if let Some(action) = row.try_get("action")? {
            self.by_action.push((action, count));
        } else if let Some(severity) = row.try_get("severity")? {
            self.by_severity.push((severity, count));
        } else if let Some(category) = row.try_get("category")? {
            self.by_category.push((category, count));
        } else if let Some(day) = row.try_get("day")? {
            self.by_day.push((day, count));
        } else {
            self.total = count;
        }
        Ok(())
    }
}
