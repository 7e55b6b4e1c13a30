//! Entries of a batch that are stored although the position says they cannot be: somebody set the position back, by
//! a restored backup or by hand. What is equal counts as done; what differs is kept aside, never overwritten.

use std::collections::{HashMap, HashSet};

use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::time::OffsetDateTime;

use super::position::column;
use super::time::from_postgres;
use super::write::kind;
use super::{AuditError, sql};
use crate::database::Connection;
use crate::presence::Entry;

/// A batch, held against what is stored.
pub(super) struct Sorted<'a> {
    /// Not stored: the usual case.
    pub(super) fresh: Vec<&'a Entry>,
    /// Stored, and the same.
    pub(super) equal: usize,
    /// Another entry is stored under this number.
    pub(super) different: Vec<&'a Entry>,
    /// Parked in quarantine before, and so not part of the batch sealed then.
    pub(super) parked: usize,
}

/// Holds the entries of a batch against what is stored under their numbers.
pub(super) async fn sort<'a>(
    connection: &mut Connection,
    shard: u16,
    epoch: i64,
    entries: &[&'a Entry],
) -> Result<Sorted<'a>, AuditError> {
    let mut sorted =
        Sorted { fresh: Vec::with_capacity(entries.len()), equal: 0, different: Vec::new(), parked: 0 };
    let first = entries.first().map_or(0, |entry| entry.n);
    let last = entries.last().map_or(0, |entry| entry.n);
    let rows = sqlx::query(sql::STORED)
        .bind(column(shard)?)
        .bind(epoch)
        .bind(first)
        .bind(last)
        .fetch_all(&mut *connection)
        .await?;
    if rows.is_empty() {
        sorted.fresh.extend(entries);
        return Ok(sorted);
    }
    let parked: HashSet<i64> = sqlx::query_scalar(sql::QUARANTINED)
        .bind(column(shard)?)
        .bind(epoch)
        .bind(first)
        .bind(last)
        .fetch_all(connection)
        .await?
        .into_iter()
        .collect();
    let mut stored: HashMap<i64, Vec<PgRow>> = HashMap::new();
    for row in rows {
        stored.entry(row.try_get("n")?).or_default().push(row);
    }
    for entry in entries {
        match stored.get(&entry.n).map(Vec::as_slice) {
            None if parked.contains(&entry.n) => sorted.parked += 1,
            None => sorted.fresh.push(entry),
            Some([row]) if same(row, entry)? => sorted.equal += 1,
            Some(_) => sorted.different.push(entry),
        }
    }
    Ok(sorted)
}

fn same(row: &PgRow, entry: &Entry) -> Result<bool, AuditError> {
    let text = |name: &str| row.try_get::<Option<&str>, _>(name);
    let moment = |name: &str| row.try_get::<OffsetDateTime, _>(name).map(from_postgres);
    let session = entry.session.as_ref().map(ToString::to_string);
    Ok(text("kind")? == Some(kind(entry.kind))
        // Somebody who was erased since has no name here any more.
        && text("user_id")?.is_none_or(|user| user == entry.user.as_str())
        && text("org")? == Some(entry.org.as_str())
        && text("from_status")? == Some(entry.from.as_str())
        && text("to_status")? == Some(entry.to.as_str())
        && text("reason")? == Some(entry.reason.as_str())
        && moment("occurred_at")? == entry.occurred_at
        && moment("detected_at")? == entry.detected_at
        && moment("last_seen")? == entry.last_seen
        && row.try_get::<i64, _>("uncertainty_ms")? == entry.uncertainty_ms
        && text("session_id")? == session.as_deref()
        && text("device")? == entry.device.map(crate::presence::Device::as_str)
        && text("actor")? == entry.actor.as_deref())
}
