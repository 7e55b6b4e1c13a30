//! The rows of a batch: reads what is known of its users, folds, and writes everything by UNNEST, one statement per
//! table whatever the size of the batch.

use std::collections::{HashMap, HashSet};

use sqlx::types::time::OffsetDateTime;
use sqlx::{PgConnection, Row};

use super::fold::{End, Folded, Interval, Known, Last, Logged, fold};
use super::position::column;
use super::time::{from_postgres, to_postgres};
use super::{AuditError, sql};
use crate::presence::{Entry, EntryKind, Millis, Status, UserId};

/// Writes the rows of these entries and returns what they were. On an error the caller rolls back.
pub(super) async fn write<'a>(
    connection: &mut PgConnection,
    shard: u16,
    epoch: i64,
    entries: &[&'a Entry],
) -> Result<Folded<'a>, AuditError> {
    let shard = column(shard)?;
    let known = people(connection, entries).await?;
    let folded = fold(entries, &known);
    insert_log(connection, shard, epoch, &folded.log).await?;
    end_intervals(connection, &folded.ended).await?;
    insert_intervals(connection, &folded.opened).await?;
    store_last(connection, shard, epoch, &folded.last).await?;
    Ok(folded)
}

/// The word of an entry's kind.
pub(super) const fn kind(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Transition => "transition",
        EntryKind::Claim => "claim",
    }
}

/// What is known of the users of these entries; those never seen get their subject now.
async fn people<'a>(
    connection: &mut PgConnection,
    entries: &[&'a Entry],
) -> Result<HashMap<&'a UserId, Known>, AuditError> {
    let mut missing: HashSet<&'a UserId> = entries.iter().map(|entry| &entry.user).collect();
    let mut known = HashMap::with_capacity(missing.len());
    read_people(connection, &mut missing, &mut known).await?;
    if !missing.is_empty() {
        let names: Vec<&str> = missing.iter().map(|user| user.as_str()).collect();
        sqlx::query(sql::NEW_SUBJECTS).bind(names).execute(&mut *connection).await?;
        // Read and not returned by the insert: another may have made the subject meanwhile.
        read_people(connection, &mut missing, &mut known).await?;
    }
    match missing.iter().next() {
        None => Ok(known),
        Some(user) => Err(AuditError::Unavailable(format!("{user} was erased meanwhile"))),
    }
}

/// Moves users from `missing` to `known`, as far as they have a subject.
async fn read_people<'a>(
    connection: &mut PgConnection,
    missing: &mut HashSet<&'a UserId>,
    known: &mut HashMap<&'a UserId, Known>,
) -> Result<(), AuditError> {
    let users: Vec<&'a UserId> = missing.iter().copied().collect();
    let names: Vec<&str> = users.iter().map(|user| user.as_str()).collect();
    let rows = sqlx::query(sql::PEOPLE).bind(names).fetch_all(connection).await?;
    let by_name: HashMap<&str, &'a UserId> = users.iter().map(|user| (user.as_str(), *user)).collect();
    for row in rows {
        let Some(subject) = row.try_get("subject")? else {
            continue;
        };
        let Some(user) = by_name.get(row.try_get::<&str, _>("user_id")?) else {
            continue;
        };
        let present = row
            .try_get::<Option<&str>, _>("status")?
            .is_some_and(|status| status != Status::Offline.as_str());
        let since = row.try_get::<Option<OffsetDateTime>, _>("since")?.map(from_postgres);
        missing.remove(user);
        known.insert(
            user,
            Known {
                subject,
                sequence: row.try_get::<Option<i64>, _>("sequence")?.unwrap_or(0),
                present_since: since.filter(|_| present),
            },
        );
    }
    Ok(())
}

async fn insert_log(
    connection: &mut PgConnection,
    shard: i16,
    epoch: i64,
    rows: &[Logged<'_>],
) -> Result<(), AuditError> {
    let of = |pick: fn(&Entry) -> &str| rows.iter().map(|row| pick(row.entry)).collect::<Vec<_>>();
    let moments = |what, pick: fn(&Entry) -> Millis| moments(what, rows.iter().map(|row| pick(row.entry)));
    sqlx::query(sql::INSERT_LOG)
        .bind(shard)
        .bind(epoch)
        .bind(rows.iter().map(|row| row.entry.n).collect::<Vec<_>>())
        .bind(of(|entry| kind(entry.kind)))
        .bind(rows.iter().map(|row| row.subject).collect::<Vec<_>>())
        .bind(of(|entry| entry.org.as_str()))
        .bind(rows.iter().map(|row| row.sequence).collect::<Vec<_>>())
        .bind(of(|entry| entry.from.as_str()))
        .bind(of(|entry| entry.to.as_str()))
        .bind(of(|entry| entry.reason.as_str()))
        .bind(moments("occurred_at", |entry| entry.occurred_at)?)
        .bind(moments("detected_at", |entry| entry.detected_at)?)
        .bind(moments("last_seen", |entry| entry.last_seen)?)
        .bind(rows.iter().map(|row| row.entry.uncertainty_ms).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| session(row.entry)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| device(row.entry)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.entry.actor.as_deref()).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

async fn end_intervals(connection: &mut PgConnection, ended: &[(i64, End)]) -> Result<(), AuditError> {
    if ended.is_empty() {
        return Ok(());
    }
    sqlx::query(sql::END_INTERVALS)
        .bind(ended.iter().map(|(subject, _)| *subject).collect::<Vec<_>>())
        .bind(moments("occurred_at", ended.iter().map(|(_, end)| end.at))?)
        .bind(ended.iter().map(|(_, end)| end.reason.as_str()).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

async fn insert_intervals(connection: &mut PgConnection, opened: &[Interval<'_>]) -> Result<(), AuditError> {
    if opened.is_empty() {
        return Ok(());
    }
    let ends: Result<Vec<_>, _> = opened
        .iter()
        .map(|interval| interval.end.map(|end| to_postgres("occurred_at", end.at)).transpose())
        .collect();
    let reasons: Vec<_> = opened.iter().map(|interval| interval.end.map(|end| end.reason.as_str())).collect();
    sqlx::query(sql::INSERT_INTERVALS)
        .bind(opened.iter().map(|interval| interval.subject).collect::<Vec<_>>())
        .bind(opened.iter().map(|interval| interval.sequence).collect::<Vec<_>>())
        .bind(opened.iter().map(|interval| interval.org.as_str()).collect::<Vec<_>>())
        .bind(opened.iter().map(|interval| interval.status.as_str()).collect::<Vec<_>>())
        .bind(moments("occurred_at", opened.iter().map(|interval| interval.started_at))?)
        .bind(ends?)
        .bind(reasons)
        .execute(connection)
        .await?;
    Ok(())
}

async fn store_last(
    connection: &mut PgConnection,
    shard: i16,
    epoch: i64,
    last: &[Last<'_>],
) -> Result<(), AuditError> {
    let of = |pick: fn(&Entry) -> &str| last.iter().map(|last| pick(last.entry)).collect::<Vec<_>>();
    let moments = |what, pick: fn(&Entry) -> Millis| moments(what, last.iter().map(|last| pick(last.entry)));
    // An entry says 0 of somebody who is offline.
    let online_since: Result<Vec<_>, _> = last
        .iter()
        .map(|last| Some(last.entry.online_since).filter(|at| at.0 != 0))
        .map(|at| at.map(|at| to_postgres("online_since", at)).transpose())
        .collect();
    sqlx::query(sql::STORE_LAST)
        .bind(shard)
        .bind(epoch)
        .bind(of(|entry| entry.user.as_str()))
        .bind(of(|entry| entry.org.as_str()))
        .bind(of(|entry| entry.to.as_str()))
        .bind(moments("since", |entry| entry.since)?)
        .bind(online_since?)
        .bind(moments("last_seen", |entry| entry.last_seen)?)
        .bind(moments("shown_since", |entry| entry.shown_since)?)
        .bind(moments("shown_last_seen", |entry| entry.shown_last_seen)?)
        .bind(last.iter().map(|last| last.entry.n).collect::<Vec<_>>())
        .bind(last.iter().map(|last| last.sequence).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

fn session(entry: &Entry) -> Option<String> {
    entry.session.as_ref().map(ToString::to_string)
}

fn device(entry: &Entry) -> Option<&'static str> {
    entry.device.map(crate::presence::Device::as_str)
}

fn moments(
    what: &'static str,
    times: impl Iterator<Item = Millis>,
) -> Result<Vec<OffsetDateTime>, AuditError> {
    times.map(|at| to_postgres(what, at)).collect()
}
