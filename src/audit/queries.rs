//! What is asked of the history: the last known state of people, and the transitions, newest first.

use std::str::FromStr;

use sqlx::postgres::PgRow;
use sqlx::types::time::OffsetDateTime;
use sqlx::{Postgres, Row};

use super::position::column;
use super::time::{from_postgres, to_postgres};
use super::{Audit, AuditError, Cursor, Sight, sql};
use crate::presence::{Device, Millis, Org, Reason, SessionId, Status, UserId};

/// The most rows of a page.
pub const MAX_LIMIT: u32 = 1000;

/// What was last stored of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastKnown {
    /// Who.
    pub user: UserId,
    /// The organisation.
    pub org: Org,
    /// The true status (`invisible` included).
    pub status: Status,
    /// Since when.
    pub since: Millis,
    /// Present without a break since; 0 when offline.
    pub online_since: Millis,
    /// Last sign of life.
    pub last_seen: Millis,
    /// `since` as others see it.
    pub shown_since: Millis,
    /// `online_since` as others see it; 0 when shown offline.
    pub shown_online_since: Millis,
    /// `last_seen` as others see it.
    pub shown_last_seen: Millis,
    /// `epoch * 2^32 + n` of the last change that others could see; 0 before the first.
    pub shown_version: i64,
    /// The epoch of the entry that said so.
    pub epoch: i64,
    /// Its number.
    pub n: i64,
    /// The sequence of the last transition; 0 before the first.
    pub sequence: i64,
}

/// Which transitions; `None` means any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this user.
    pub user: Option<UserId>,
    /// In this organisation.
    pub org: Option<Org>,
    /// For this reason.
    pub reason: Option<Reason>,
    /// From this status.
    pub from: Option<Status>,
    /// To this status.
    pub to: Option<Status>,
    /// That occurred at this moment or later.
    pub since: Option<Millis>,
    /// That occurred before this moment.
    pub until: Option<Millis>,
    /// In this shard.
    pub shard: Option<u16>,
    /// That this session caused. No index knows sessions: name the user, too.
    pub session: Option<SessionId>,
    /// As they were, or as others saw them.
    pub sight: Sight,
}

/// One change of status, with all columns of the view `transitions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Who; none if the person was erased.
    pub user: Option<UserId>,
    /// The organisation.
    pub org: Org,
    /// The shard that noticed.
    pub shard: u16,
    /// The life of the shard's data.
    pub epoch: i64,
    /// The number in that life.
    pub n: i64,
    /// Counts the user's transitions from 1, without gaps.
    pub sequence: i64,
    /// Status before.
    pub from: Status,
    /// Status after.
    pub to: Status,
    /// Why.
    pub reason: Reason,
    /// When it happened.
    pub occurred_at: Millis,
    /// When a script noticed, by the clock of Redis.
    pub detected_at: Millis,
    /// When it was copied, by the clock of Postgres.
    pub recorded_at: Millis,
    /// How far `occurred_at` may be wrong, in ms.
    pub uncertainty_ms: i64,
    /// The session that caused it.
    pub session: Option<SessionId>,
    /// The kind of device of that session.
    pub device: Option<Device>,
    /// Request id of the administrator's action that caused it.
    pub actor: Option<String>,
}

/// A page of transitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Newest first.
    pub rows: Vec<Transition>,
    /// Where the next page begins; none after the last.
    pub next_cursor: Option<Cursor>,
}

impl Audit {
    /// The last known states of these users, in the order asked; `None` for those never seen.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn last(&self, users: &[UserId]) -> Result<Vec<Option<LastKnown>>, AuditError> {
        let names: Vec<&str> = users.iter().map(UserId::as_str).collect();
        let rows = sqlx::query(sql::LAST).bind(names).fetch_all(&self.pool).await?;
        rows.iter().map(last_known).collect()
    }

    /// A page of at most `limit` transitions (1 to [`MAX_LIMIT`], else the nearest), newest first, behind `cursor`.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails or a moment is none.
    pub async fn transitions(
        &self,
        filter: &Filter,
        cursor: Option<Cursor>,
        limit: u32,
    ) -> Result<Page, AuditError> {
        self.transitions_up_to(filter, cursor, limit.clamp(1, MAX_LIMIT)).await
    }

    /// The same without a bound on `limit`.
    ///
    /// # Errors
    /// As [`Audit::transitions`].
    pub async fn transitions_up_to(
        &self,
        filter: &Filter,
        cursor: Option<Cursor>,
        limit: u32,
    ) -> Result<Page, AuditError> {
        let subject = match &filter.user {
            None => None,
            Some(user) => match self.subject(user).await? {
                None => return Ok(Page::default()),
                known => known,
            },
        };
        let moment = |what, at: Option<Millis>| at.map(|at| to_postgres(what, at)).transpose();
        let rows = sqlx::query::<Postgres>(filter.sight.pick(sql::TRANSITIONS, sql::TRANSITIONS_SHOWN))
            .bind(subject)
            .bind(filter.org.as_ref().map(Org::as_str))
            .bind(filter.reason.map(Reason::as_str))
            .bind(filter.from.map(Status::as_str))
            .bind(filter.to.map(Status::as_str))
            .bind(moment("since", filter.since)?)
            .bind(moment("until", filter.until)?)
            .bind(filter.shard.map(column).transpose()?)
            .bind(moment("cursor", cursor.map(|cursor| cursor.occurred_at))?)
            .bind(cursor.map(|cursor| column(cursor.shard)).transpose()?)
            .bind(cursor.map(|cursor| cursor.epoch))
            .bind(cursor.map(|cursor| cursor.n))
            // One more than asked for tells whether another page follows.
            .bind(i64::from(limit) + 1)
            .bind(filter.session.as_ref().map(ToString::to_string))
            // Planned for these very values: a plan for any filter would use none of the indexes well.
            .persistent(false)
            .fetch_all(&self.pool)
            .await?;
        let mut rows = rows.iter().map(transition).collect::<Result<Vec<_>, _>>()?;
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next_cursor = rows.last().filter(|_| more).map(place);
        Ok(Page { rows, next_cursor })
    }

    /// The user's name in the log; none if the copy never saw the user.
    pub(super) async fn subject(&self, user: &UserId) -> Result<Option<i64>, AuditError> {
        Ok(sqlx::query_scalar(sql::SUBJECT).bind(user.as_str()).fetch_optional(&self.pool).await?)
    }
}

const fn place(row: &Transition) -> Cursor {
    Cursor { occurred_at: row.occurred_at, shard: row.shard, epoch: row.epoch, n: row.n }
}

/// The last known state in a row; none if the user's columns are empty.
pub(super) fn last_known(row: &PgRow) -> Result<Option<LastKnown>, AuditError> {
    let Some(user) = word(row, "user_id")? else {
        return Ok(None);
    };
    Ok(Some(LastKnown {
        user,
        org: needed(row, "org")?,
        status: needed(row, "status")?,
        since: moment(row, "since")?,
        online_since: moment_or_never(row, "online_since")?,
        last_seen: moment(row, "last_seen")?,
        shown_since: moment(row, "shown_since")?,
        shown_online_since: moment_or_never(row, "shown_online_since")?,
        shown_last_seen: moment(row, "shown_last_seen")?,
        shown_version: row.try_get("shown_version")?,
        epoch: row.try_get("epoch")?,
        n: row.try_get("n")?,
        sequence: row.try_get("sequence")?,
    }))
}

fn transition(row: &PgRow) -> Result<Transition, AuditError> {
    Ok(Transition {
        user: word(row, "user_id")?,
        org: needed(row, "org")?,
        shard: shard(row)?,
        epoch: row.try_get("epoch")?,
        n: row.try_get("n")?,
        sequence: row.try_get("sequence")?,
        from: needed(row, "from_status")?,
        to: needed(row, "to_status")?,
        reason: needed(row, "reason")?,
        occurred_at: moment(row, "occurred_at")?,
        detected_at: moment(row, "detected_at")?,
        recorded_at: moment(row, "recorded_at")?,
        uncertainty_ms: row.try_get("uncertainty_ms")?,
        session: word(row, "session_id")?,
        device: word(row, "device")?,
        actor: row.try_get("actor")?,
    })
}

/// The shard of a row.
pub(super) fn shard(row: &PgRow) -> Result<u16, AuditError> {
    u16::try_from(row.try_get::<i16, _>("shard")?)
        .map_err(|error| AuditError::Schema(format!("shard: {error}")))
}

/// A moment that is never absent.
pub(super) fn moment(row: &PgRow, column: &str) -> Result<Millis, AuditError> {
    Ok(from_postgres(row.try_get(column)?))
}

/// 0 where there is none.
fn moment_or_never(row: &PgRow, column: &str) -> Result<Millis, AuditError> {
    Ok(row.try_get::<Option<OffsetDateTime>, _>(column)?.map_or(Millis(0), from_postgres))
}

/// A name or word of a vocabulary; one that this program does not know is the schema's fault, not the caller's.
pub(super) fn word<W: FromStr<Err: std::fmt::Display>>(
    row: &PgRow,
    column: &str,
) -> Result<Option<W>, AuditError> {
    row.try_get::<Option<&str>, _>(column)?
        .map(|text| text.parse().map_err(|error| AuditError::Schema(format!("{column}: {error}"))))
        .transpose()
}

/// A word that is never absent.
pub(super) fn needed<W: FromStr<Err: std::fmt::Display>>(row: &PgRow, column: &str) -> Result<W, AuditError> {
    word(row, column)?.ok_or_else(|| AuditError::Schema(format!("{column} is missing")))
}
