//! The rows of a batch: reads what is known of its users, folds, and writes everything by UNNEST, one statement per
//! table whatever the size of the batch.

use std::collections::HashMap;

use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::time::OffsetDateTime;

use super::fold::{End, Folded, Interval, Known, Last, Logged, fold};
use super::position::column;
use super::time::{from_postgres, to_postgres};
use super::{AuditError, claims, sql};
use crate::database::Connection;
use crate::presence::{Entry, EntryKind, Millis, Status, UserId};

/// Writes the rows of these entries and returns what they were. On an error the caller rolls back.
pub(super) async fn write<'a>(
    connection: &mut Connection,
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
    claims::store(connection, shard, entries).await?;
    Ok(folded)
}

/// The word of an entry's kind.
pub(super) const fn kind(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Transition => "transition",
        EntryKind::Claim => "claim",
        EntryKind::Wish => "wish",
    }
}

/// What is known of the users of these entries; those never seen get their subject now.
async fn people<'a>(
    connection: &mut Connection,
    entries: &[&'a Entry],
) -> Result<HashMap<&'a UserId, Known>, AuditError> {
    let users: HashMap<&str, &'a UserId> =
        entries.iter().map(|entry| (entry.user.as_str(), &entry.user)).collect();
    let names: Vec<&str> = users.keys().copied().collect();
    let mut known = HashMap::with_capacity(names.len());
    for row in sqlx::query(sql::PEOPLE).bind(names).fetch_all(&mut *connection).await? {
        if let Some(user) = users.get(row.try_get::<&str, _>("user_id")?) {
            known.insert(*user, known_from(&row)?);
        }
    }
    let unseen: Vec<&'a UserId> = users.into_values().filter(|user| !known.contains_key(user)).collect();
    if !unseen.is_empty() {
        known.extend(newcomers(connection, unseen).await?);
    }
    Ok(known)
}

/// Gives subjects to users who have none yet.
async fn newcomers<'a>(
    connection: &mut Connection,
    users: Vec<&'a UserId>,
) -> Result<Vec<(&'a UserId, Known)>, AuditError> {
    let names: Vec<&str> = users.iter().map(|user| user.as_str()).collect();
    sqlx::query(sql::NEW_SUBJECTS).bind(&names).execute(&mut *connection).await?;
    let rows: Vec<(String, i64)> = sqlx::query_as(sql::SUBJECTS).bind(&names).fetch_all(connection).await?;
    let subjects: HashMap<String, i64> = rows.into_iter().collect();
    users
        .into_iter()
        .map(|user| match subjects.get(user.as_str()) {
            Some(&subject) => Ok((user, Known { subject, sequence: 0, present_since: None })),
            None => Err(AuditError::Unavailable(format!("{user} was erased meanwhile"))),
        })
        .collect()
}

fn known_from(row: &PgRow) -> Result<Known, AuditError> {
    let present = row.try_get::<&str, _>("status")? != Status::Offline.as_str();
    let since = from_postgres(row.try_get("since")?);
    Ok(Known {
        subject: row.try_get("subject")?,
        sequence: row.try_get("sequence")?,
        present_since: present.then_some(since),
    })
}

async fn insert_log(
    connection: &mut Connection,
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

async fn end_intervals(connection: &mut Connection, ended: &[(i64, End)]) -> Result<(), AuditError> {
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

/// Stores these intervals.
pub(super) async fn insert_intervals(
    connection: &mut Connection,
    opened: &[Interval<'_>],
) -> Result<(), AuditError> {
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

/// Stores the last known state of these people, all of one shard and epoch.
pub(super) async fn store_last(
    connection: &mut Connection,
    shard: i16,
    epoch: i64,
    last: &[Last<'_>],
) -> Result<(), AuditError> {
    let of = |pick: fn(&Entry) -> &str| last.iter().map(|last| pick(last.entry)).collect::<Vec<_>>();
    let moments = |what, pick: fn(&Entry) -> Millis| moments(what, last.iter().map(|last| pick(last.entry)));
    // An entry says 0 of somebody who is offline.
    let moments_or_never = |what, pick: fn(&Entry) -> Millis| -> Result<Vec<_>, AuditError> {
        let times = last.iter().map(|last| Some(pick(last.entry)).filter(|at| at.0 != 0));
        times.map(|at| at.map(|at| to_postgres(what, at)).transpose()).collect()
    };
    sqlx::query(sql::STORE_LAST)
        .bind(shard)
        .bind(epoch)
        .bind(of(|entry| entry.user.as_str()))
        .bind(last.iter().map(|last| last.subject).collect::<Vec<_>>())
        .bind(of(|entry| entry.org.as_str()))
        .bind(of(|entry| entry.to.as_str()))
        .bind(moments("since", |entry| entry.since)?)
        .bind(moments_or_never("online_since", |entry| entry.online_since)?)
        .bind(moments("last_seen", |entry| entry.last_seen)?)
        .bind(moments("shown_since", |entry| entry.shown_since)?)
        .bind(moments_or_never("shown_online_since", |entry| entry.shown_online_since)?)
        .bind(moments("shown_last_seen", |entry| entry.shown_last_seen)?)
        .bind(last.iter().map(|last| last.entry.shown_version).collect::<Vec<_>>())
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
