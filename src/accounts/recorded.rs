//! The record of actions, read back: newest first, by page.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{AccountError, Accounts, Origin, sql};

/// Which actions; `None` means any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionFilter {
    /// By this user id, or `cli`.
    pub actor: Option<String>,
    /// Of this name.
    pub action: Option<String>,
    /// On a thing of this kind.
    pub target_type: Option<String>,
    /// On this thing.
    pub target: Option<String>,
    /// Of this weight.
    pub severity: Option<String>,
    /// `user`, `admin`, `security`.
    pub category: Option<String>,
    /// From this login.
    pub session: Option<String>,
    /// By this request.
    pub request: Option<String>,
    /// With these words, in any case, in what is said of it or what changed. No index knows them.
    pub words: Option<String>,
    /// At this moment or later.
    pub since: Option<OffsetDateTime>,
    /// Before this moment.
    pub until: Option<OffsetDateTime>,
}

/// An action that was recorded.
#[derive(Clone, Debug)]
pub struct RecordedAction {
    /// Its name.
    pub id: Uuid,
    /// When, by the clock of Postgres.
    pub occurred_at: OffsetDateTime,
    /// The account name of who acted, while there is such an account.
    pub actor_name: Option<String>,
    /// What was done.
    pub action: String,
    /// What kind of thing it was done to.
    pub target_type: Option<String>,
    /// To which of them.
    pub target_id: Option<String>,
    /// How much it matters.
    pub severity: String,
    /// `user`, `admin`, `security`.
    pub category: String,
    /// What changed, before.
    pub before: Option<Value>,
    /// What changed, after.
    pub after: Option<Value>,
    /// A sentence for people.
    pub detail: Option<String>,
    /// By whom and from where.
    pub origin: Origin,
}

/// Where a page of actions ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActionCursor {
    occurred_at: OffsetDateTime,
    id: Uuid,
}

/// A text that is no cursor of actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this list")]
pub struct InvalidActionCursor;

impl fmt::Display for ActionCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Postgres has microseconds, and the cursor must not lose one.
        let micros = self.occurred_at.unix_timestamp_nanos() / 1_000;
        f.write_str(&URL_SAFE_NO_PAD.encode(format!("{micros} {}", self.id)))
    }
}

impl FromStr for ActionCursor {
    type Err = InvalidActionCursor;

    fn from_str(text: &str) -> Result<Self, InvalidActionCursor> {
        let parse = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
            let (micros, id) = text.split_once(' ')?;
            let nanos = micros.parse::<i128>().ok()?.checked_mul(1_000)?;
            // Postgres has no times before 4713 BC, and nothing was done then.
            let occurred_at =
                OffsetDateTime::from_unix_timestamp_nanos(nanos).ok().filter(|at| at.year() >= 1970)?;
            Some(Self { occurred_at, id: id.parse().ok()? })
        };
        parse().ok_or(InvalidActionCursor)
    }
}

impl Accounts {
    /// At most `limit` actions that pass the filter, newest first, behind `cursor`; and where the next page begins.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn actions(
        &self,
        filter: &ActionFilter,
        cursor: Option<ActionCursor>,
        limit: u32,
    ) -> Result<(Vec<RecordedAction>, Option<ActionCursor>), AccountError> {
        let rows = sqlx::query::<Postgres>(sql::ACTIONS)
            .bind(&filter.actor)
            .bind(&filter.action)
            .bind(&filter.target_type)
            .bind(&filter.target)
            .bind(&filter.severity)
            .bind(&filter.category)
            .bind(filter.since)
            .bind(filter.until)
            .bind(cursor.map(|cursor| cursor.occurred_at))
            .bind(cursor.map(|cursor| cursor.id))
            // One more than asked for tells whether another page follows.
            .bind(i64::from(limit) + 1)
            .bind(&filter.session)
            .bind(&filter.request)
            .bind(&filter.words)
            // Planned for these very values: a plan for any filter would use none of the indexes well.
            .persistent(false)
            .fetch_all(&self.pool)
            .await?;
        let mut actions = rows.iter().map(recorded).collect::<sqlx::Result<Vec<_>>>()?;
        let more = actions.len() > limit as usize;
        actions.truncate(limit as usize);
        let last = actions.last().filter(|_| more);
        let next = last.map(|last| ActionCursor { occurred_at: last.occurred_at, id: last.id });
        Ok((actions, next))
    }
}

fn recorded(row: &PgRow) -> sqlx::Result<RecordedAction> {
    Ok(RecordedAction {
        id: row.try_get("id")?,
        occurred_at: row.try_get("occurred_at")?,
        actor_name: row.try_get("actor_name")?,
        action: row.try_get("action")?,
        target_type: row.try_get("target_type")?,
        target_id: row.try_get("target_id")?,
        severity: row.try_get("severity")?,
        category: row.try_get("category")?,
        before: row.try_get("before")?,
        after: row.try_get("after")?,
        detail: row.try_get("detail")?,
        origin: Origin {
            actor: row.try_get("actor")?,
            address: row.try_get("address")?,
            user_agent: row.try_get("user_agent")?,
            session_id: row.try_get("session_id")?,
            request_id: row.try_get("request_id")?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went_and_anything_else_is_refused() {
        let occurred_at = OffsetDateTime::from_unix_timestamp_nanos(1_795_172_912_209_123_000).unwrap();
        let cursor = ActionCursor { occurred_at, id: Uuid::now_v7() };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        let far = URL_SAFE_NO_PAD.encode(format!("{} {}", i128::MAX, Uuid::nil()));
        for text in ["", "x", "%%", far.as_str()] {
            assert_eq!(text.parse::<ActionCursor>(), Err(InvalidActionCursor));
        }
    }
}
