//! What is derived from the log, derived again: `intervals` and `presence_last` are compared with what the log says,
//! and where they differ the log is right.
//!
//! People are taken in ranges, each in a transaction of its own. A repair locks every shard's position first, so the
//! copy waits meanwhile (a fraction of a second) and goes on between ranges. A check locks nothing: it looks at a
//! snapshot, in which the copy has written a batch wholly or not at all. What months that were dropped said cannot be
//! derived any more: such rows stay as they are.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::time::OffsetDateTime;

use super::compare::{Kept, Logged, Person, Repair, retell};
use super::fold::End;
use super::position::column;
use super::queries::{last_known, moment, needed, shard, word};
use super::time::from_postgres;
use super::timeline::entry_kind;
use super::write::{insert_intervals, store_last};
use super::{Audit, AuditError, sql};
use crate::database::Connection;
use crate::presence::{Entry, UserId};

/// People of a range, at most: the log counts rows for so many at a time.
const PEOPLE: i64 = 2_000;
/// Rows of the log of a range, unless one person has more.
const ROWS: i64 = 50_000;
/// Differences that are told one by one.
const TOLD: usize = 100;

/// How far a rebuild has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Names in the log up to here are done.
    pub subject: i64,
    /// The last of them.
    pub end: i64,
    /// Rows of the log read so far.
    pub rows: u64,
}

/// Something that is not as the log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Whose name in the log.
    pub subject: i64,
    /// Who; none if the person was erased.
    pub user: Option<UserId>,
    /// What differs, in words.
    pub what: String,
}

/// What a rebuild found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// People of whom the log tells.
    pub people: u64,
    /// Rows of the log.
    pub rows: u64,
    /// Rows of `intervals` and `presence_last` that were missing, wrong or too many.
    pub different: u64,
    /// The first of them.
    pub told: Vec<Difference>,
}

impl Audit {
    /// Compares `intervals` and `presence_last` with the log and, unless `check`, makes them what it says. Safe beside
    /// running nodes. Needs the owner's rights (it makes an index for the time of its work, and the service's role may
    /// not delete intervals) and no time limits, see [`crate::database::connect_as_owner`].
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails; ranges that were told as progress are done.
    pub async fn rebuild(&self, check: bool, mut tell: impl FnMut(Progress)) -> Result<Rebuilt, AuditError> {
        // One that was left behind may be half built.
        sqlx::query(sql::REBUILD_INDEX_DROP).execute(&self.pool).await?;
        sqlx::query(sql::REBUILD_INDEX).execute(&self.pool).await?;
        let end: i64 = sqlx::query_scalar(sql::REBUILD_END).fetch_one(&self.pool).await?;
        let (mut rebuilt, mut after) = (Rebuilt::default(), 0);
        while after < end {
            after = self.rebuild_range(after, end, check, &mut rebuilt).await?;
            tell(Progress { subject: after, end, rows: rebuilt.rows });
        }
        sqlx::query(sql::REBUILD_INDEX_DROP).execute(&self.pool).await?;
        Ok(rebuilt)
    }

    /// Does the next people behind `after`; answers the last of them.
    async fn rebuild_range(
        &self,
        after: i64,
        end: i64,
        check: bool,
        rebuilt: &mut Rebuilt,
    ) -> Result<i64, AuditError> {
        let mut tx = self.pool.begin().await?;
        let fence = if check { sql::SNAPSHOT } else { sql::POSITIONS_LOCKED };
        sqlx::query(fence).execute(&mut *tx).await?;
        let last: i64 = sqlx::query_scalar(sql::REBUILD_RANGE)
            .bind(after)
            .bind(end.min(after + PEOPLE))
            .bind(ROWS)
            .fetch_one(&mut *tx)
            .await?;
        let mut people = read(&mut tx, after, last).await?;
        people.values_mut().for_each(retell);
        let mut repair = Repair::default();
        for (subject, person) in people.iter().filter(|(_, person)| !person.log.is_empty()) {
            rebuilt.people += 1;
            rebuilt.rows += person.log.len() as u64;
            repair.compare(*subject, person);
        }
        if !check {
            write(&mut tx, &repair).await?;
        }
        tx.commit().await?;
        rebuilt.different += repair.told.len() as u64;
        rebuilt.told.extend(repair.told.into_iter().take(TOLD.saturating_sub(rebuilt.told.len())));
        Ok(last)
    }
}

/// Everything that is stored of a range of people.
async fn read(
    connection: &mut Connection,
    after: i64,
    last: i64,
) -> Result<BTreeMap<i64, Person>, AuditError> {
    let mut people = BTreeMap::<i64, Person>::new();
    for row in sqlx::query(sql::REBUILD_LAST).bind(after).bind(last).fetch_all(&mut *connection).await? {
        let person = people.entry(row.try_get("person")?).or_default();
        (person.user, person.last) = (word(&row, "name")?, last_known(&row)?);
    }
    for row in sqlx::query(sql::REBUILD_INTERVALS).bind(after).bind(last).fetch_all(&mut *connection).await? {
        let kept = kept(&row)?;
        people.entry(kept.subject).or_default().intervals.push(kept);
    }
    for row in sqlx::query(sql::REBUILD_LOG).bind(after).bind(last).fetch_all(connection).await? {
        let person = people.entry(row.try_get("subject")?).or_default();
        let logged = logged(&row, person.user.as_ref())?;
        person.log.push(logged);
    }
    Ok(people)
}

fn kept(row: &PgRow) -> Result<Kept, AuditError> {
    let ended: Option<OffsetDateTime> = row.try_get("ended_at")?;
    let end = match ended {
        Some(at) => Some(End { at: from_postgres(at), reason: needed(row, "end_reason")? }),
        None => None,
    };
    Ok(Kept {
        subject: row.try_get("subject")?,
        sequence: row.try_get("sequence")?,
        org: needed(row, "org")?,
        status: needed(row, "status")?,
        started_at: moment(row, "started_at")?,
        end,
    })
}

/// A row of the log as an entry; what the log does not say is added by [`retell`]. Somebody who was erased goes by
/// the name in the log.
fn logged(row: &PgRow, user: Option<&UserId>) -> Result<Logged, AuditError> {
    let nameless = || UserId::parse(&row.try_get::<i64, _>("subject")?.to_string()).map_err(schema);
    let occurred_at = moment(row, "occurred_at")?;
    let entry = Entry {
        n: row.try_get("n")?,
        kind: entry_kind(row)?,
        user: user.cloned().map_or_else(nameless, Ok)?,
        org: needed(row, "org")?,
        from: needed(row, "from_status")?,
        to: needed(row, "to_status")?,
        reason: needed(row, "reason")?,
        occurred_at,
        detected_at: moment(row, "detected_at")?,
        since: occurred_at,
        online_since: occurred_at,
        last_seen: moment(row, "last_seen")?,
        shown_since: occurred_at,
        shown_online_since: occurred_at,
        shown_last_seen: occurred_at,
        shown_version: 0,
        uncertainty_ms: row.try_get("uncertainty_ms")?,
        session: word(row, "session_id")?,
        device: word(row, "device")?,
        actor: row.try_get("actor")?,
        claims: None,
        text: None,
        emoji: None,
    };
    Ok(Logged { entry, shard: shard(row)?, epoch: row.try_get("epoch")?, sequence: row.try_get("sequence")? })
}

fn schema(error: impl std::fmt::Display) -> AuditError {
    AuditError::Schema(error.to_string())
}

/// Makes the tables what the log says.
async fn write(connection: &mut Connection, repair: &Repair<'_>) -> Result<(), AuditError> {
    if !repair.surplus.is_empty() {
        let (subjects, sequences): (Vec<i64>, Vec<i64>) = repair.surplus.iter().copied().unzip();
        sqlx::query(sql::INTERVALS_DELETE).bind(subjects).bind(sequences).execute(&mut *connection).await?;
    }
    insert_intervals(connection, &repair.missing).await?;
    for ((shard, epoch), last) in &repair.last {
        // Nothing of a wrong row is to be kept.
        let names: Vec<&str> = last.iter().map(|last| last.entry.user.as_str()).collect();
        sqlx::query(sql::LAST_DELETE).bind(names).execute(&mut *connection).await?;
        store_last(connection, column(*shard)?, *epoch, last).await?;
    }
    Ok(())
}
