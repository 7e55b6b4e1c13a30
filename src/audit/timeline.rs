//! One person's history: what happened, newest first, and the stretches of one status that it amounts to. Both come
//! from the log, which has an index by person; `intervals` has none.

use sqlx::postgres::PgRow;
use sqlx::{Postgres, Row};

use super::position::column;
use super::queries::{moment, needed, shard, word};
use super::time::to_postgres;
use super::{Audit, AuditError, Cursor, MAX_LIMIT, Sight, sql};
use crate::presence::{Device, EntryKind, Millis, Org, Reason, SessionId, Status, UserId};

/// An entry of the log as one person's history has it: a change of status, or of claims alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What it records.
    pub kind: EntryKind,
    /// Where it stands in the log.
    pub place: Cursor,
    /// Counts the transitions; others have none.
    pub sequence: Option<i64>,
    /// The organisation.
    pub org: Org,
    /// Status before.
    pub from: Status,
    /// Status after.
    pub to: Status,
    /// Why.
    pub reason: Reason,
    /// When a script noticed, by the clock of Redis.
    pub detected_at: Millis,
    /// The last sign of life.
    pub last_seen: Millis,
    /// How far the time of the place may be wrong, in ms.
    pub uncertainty_ms: i64,
    /// The session that caused it.
    pub session: Option<SessionId>,
    /// The kind of device of that session.
    pub device: Option<Device>,
    /// Request id of the administrator's action that caused it.
    pub actor: Option<String>,
}

/// An unbroken stretch of one status other than offline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The status.
    pub status: Status,
    /// When it began.
    pub from: Millis,
    /// When and why it ended; none if it still holds.
    pub end: Option<(Millis, Reason)>,
}

/// A page of one person's history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// Newest first: those that began on this page and, on the last page, the one that led into the time asked for.
    pub stretches: Vec<Stretch>,
    /// Newest first.
    pub entries: Vec<Told>,
    /// Where the next page begins; none after the last.
    pub next_cursor: Option<Cursor>,
}

impl Audit {
    /// A page of at most `limit` entries (1 to [`MAX_LIMIT`], else the nearest) of a user from `since` (included) to
    /// `until` (not), newest first, behind `cursor`, as they were or as others saw them; none if the copy never saw the
    /// user.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails or a moment is none.
    pub async fn timeline(
        &self,
        user: &UserId,
        since: Millis,
        until: Millis,
        cursor: Option<Cursor>,
        limit: u32,
        sight: Sight,
    ) -> Result<Option<Timeline>, AuditError> {
        let Some(subject) = self.subject(user).await? else {
            return Ok(None);
        };
        let limit = limit.clamp(1, MAX_LIMIT);
        let rows = sqlx::query::<Postgres>(sight.pick(sql::TIMELINE, sql::TIMELINE_SHOWN))
            .bind(subject)
            .bind(to_postgres("since", since)?)
            .bind(to_postgres("until", until)?)
            .bind(cursor.map(|cursor| to_postgres("cursor", cursor.occurred_at)).transpose()?)
            .bind(cursor.map(|cursor| column(cursor.shard)).transpose()?)
            .bind(cursor.map(|cursor| cursor.epoch))
            .bind(cursor.map(|cursor| cursor.n))
            .bind(i64::from(limit) + 1)
            .persistent(false)
            .fetch_all(&self.pool)
            .await?;
        let mut entries = rows.iter().map(told).collect::<Result<Vec<_>, _>>()?;
        let more = entries.len() > limit as usize;
        entries.truncate(limit as usize);
        let next_cursor = entries.last().filter(|_| more).map(|entry| entry.place);
        let before = if more { None } else { self.before(subject, since, sight).await? };
        let next = match entries.first().or(before.as_ref()) {
            Some(newest) => self.next_transition(subject, newest.place, sight).await?,
            None => None,
        };
        let stretches = stretches(next.as_ref(), entries.iter().chain(&before));
        Ok(Some(Timeline { stretches, entries, next_cursor }))
    }

    /// The last `limit` entries of a user, newest first.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn latest(&self, user: &UserId, limit: u32, sight: Sight) -> Result<Vec<Told>, AuditError> {
        const EVER: Millis = Millis(253_402_300_799_000);
        let page = self.timeline(user, Millis(0), EVER, None, limit, sight).await?;
        Ok(page.unwrap_or_default().entries)
    }

    /// The transition that led into a moment.
    async fn before(&self, subject: i64, moment: Millis, sight: Sight) -> Result<Option<Told>, AuditError> {
        let row = sqlx::query(sight.pick(sql::TRANSITION_BEFORE, sql::TRANSITION_BEFORE_SHOWN))
            .bind(subject)
            .bind(to_postgres("since", moment)?)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(told).transpose()
    }

    async fn next_transition(
        &self,
        subject: i64,
        place: Cursor,
        sight: Sight,
    ) -> Result<Option<Told>, AuditError> {
        let row = sqlx::query(sight.pick(sql::NEXT_TRANSITION, sql::NEXT_TRANSITION_SHOWN))
            .bind(subject)
            .bind(to_postgres("cursor", place.occurred_at)?)
            .bind(column(place.shard)?)
            .bind(place.epoch)
            .bind(place.n)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(told).transpose()
    }
}

/// The stretches that entries, newest first, began; `next` is the transition after them.
fn stretches<'a>(next: Option<&'a Told>, entries: impl Iterator<Item = &'a Told>) -> Vec<Stretch> {
    let mut next = next;
    let mut stretches = Vec::new();
    for entry in entries.filter(|entry| entry.kind == EntryKind::Transition) {
        let from = entry.place.occurred_at;
        if entry.to != Status::Offline {
            let end = next.map(|next| (next.place.occurred_at.max(from), next.reason));
            stretches.push(Stretch { status: entry.to, from, end });
        }
        next = Some(entry);
    }
    stretches
}

fn told(row: &PgRow) -> Result<Told, AuditError> {
    Ok(Told {
        kind: entry_kind(row)?,
        place: Cursor {
            occurred_at: moment(row, "occurred_at")?,
            shard: shard(row)?,
            epoch: row.try_get("epoch")?,
            n: row.try_get("n")?,
        },
        sequence: row.try_get("sequence")?,
        org: needed(row, "org")?,
        from: needed(row, "from_status")?,
        to: needed(row, "to_status")?,
        reason: needed(row, "reason")?,
        detected_at: moment(row, "detected_at")?,
        last_seen: moment(row, "last_seen")?,
        uncertainty_ms: row.try_get("uncertainty_ms")?,
        session: word(row, "session_id")?,
        device: word(row, "device")?,
        actor: row.try_get("actor")?,
    })
}

/// What a row of the log records.
pub(super) fn entry_kind(row: &PgRow) -> Result<EntryKind, AuditError> {
    match row.try_get::<&str, _>("kind")? {
        "transition" => Ok(EntryKind::Transition),
        "claim" => Ok(EntryKind::Claim),
        "wish" => Ok(EntryKind::Wish),
        kind => Err(AuditError::Schema(format!("kind: {kind:?} is none"))),
    }
}
