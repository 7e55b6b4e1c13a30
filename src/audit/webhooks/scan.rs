//! The rows behind a webhook's positions, of all shards that have some, in one order.
//!
//! What was copied when the reading began is read and nothing behind it, so that a position can be moved to there also
//! where no row is left: numbers that lie in quarantine, or a new epoch without an entry yet. Numbers are dense, so within
//! an epoch the part to read is known beforehand, and costs the same however much is behind it.

use std::collections::BTreeMap;

use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::held::When;
use super::shown::{Row, ShownChange};
use crate::audit::queries::{moment, needed, word};
use crate::audit::time::from_postgres;
use crate::audit::timeline::entry_kind;
use crate::audit::{AuditError, sql};
use crate::database::Connection;
use crate::presence::{Millis, UserId};

/// Rows of one reading, about.
const MOST_ROWS: usize = 1_000;

/// An entry of a shard, by epoch and number.
pub(super) type Entry = (i64, i64);

/// A row that was read.
#[derive(Clone, Debug)]
pub(super) struct Read {
    shard: i16,
    entry: Entry,
    pub(super) at: When,
    /// Whom it is about and what it tells; none if it tells others nothing, or the person was erased.
    pub(super) told: Option<(UserId, ShownChange)>,
}

/// What was read.
pub(super) struct Scan {
    /// In the order of the log within each shard, and by time across them.
    pub(super) rows: Vec<Read>,
    ends: BTreeMap<i16, End>,
}

/// How far a shard was to be read.
#[derive(Clone, Copy)]
struct End {
    entry: Entry,
    /// Whether all up to there was read.
    is_reached: bool,
    /// Whether no more was copied.
    is_last: bool,
}

/// Reads what is behind the positions of a webhook.
pub(super) async fn scan(connection: &mut Connection, webhook: Uuid) -> Result<Scan, AuditError> {
    let behind = sqlx::query(sql::WEBHOOK_BEHIND).bind(webhook).fetch_all(&mut *connection).await?;
    let mut scan = Scan { rows: Vec::new(), ends: BTreeMap::new() };
    if behind.is_empty() {
        return Ok(scan);
    }
    let most = MOST_ROWS.div_ceil(behind.len());
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let (mut shards, mut from, mut to) = (Vec::new(), Vec::new(), Vec::new());
    for row in &behind {
        let shard: i16 = row.try_get("shard")?;
        let position: Entry = (row.try_get("epoch")?, row.try_get("n")?);
        let end = end(position, (row.try_get("to_epoch")?, row.try_get("to_n")?), limit);
        scan.ends.insert(shard, end);
        shards.push(shard);
        from.push(position);
        to.push(end.entry);
    }
    let (from, to): ((Vec<_>, Vec<_>), (Vec<_>, Vec<_>)) = (from.into_iter().unzip(), to.into_iter().unzip());
    let rows = sqlx::query(sql::WEBHOOK_SCAN)
        .bind(shards)
        .bind(from.0)
        .bind(from.1)
        .bind(to.0)
        .bind(to.1)
        .bind(limit)
        .fetch_all(connection)
        .await?;
    scan.rows = rows.iter().map(read).collect::<Result<_, _>>()?;
    for (shard, end) in &mut scan.ends {
        let count = scan.rows.iter().filter(|row| row.shard == *shard).count();
        end.is_reached = end.is_reached || count < most;
    }
    put_in_order(&mut scan.rows);
    Ok(scan)
}

/// How far to read behind a position, when the shard is copied up to `copied`: so many numbers, or into the next epoch.
fn end(position: Entry, copied: Entry, limit: i64) -> End {
    if position.0 != copied.0 {
        return End { entry: copied, is_reached: false, is_last: true };
    }
    let n = copied.1.min(position.1.saturating_add(limit));
    End { entry: (copied.0, n), is_reached: true, is_last: n == copied.1 }
}

impl Scan {
    /// Whether nothing is left to read of what was copied.
    pub(super) fn is_whole(&self) -> bool {
        self.ends.values().all(|end| end.is_reached && end.is_last)
    }

    /// Where the positions are when the first `taken` rows are done with.
    pub(super) fn positions(&self, taken: usize) -> BTreeMap<i16, Entry> {
        let (done, left) = self.rows.split_at(taken);
        let mut positions: BTreeMap<_, _> = done.iter().map(|row| (row.shard, row.entry)).collect();
        for (shard, end) in &self.ends {
            if end.is_reached && !left.iter().any(|row| row.shard == *shard) {
                positions.insert(*shard, end.entry);
            }
        }
        positions
    }
}

/// By time across shards, without ever changing the order within one: there the clock may have gone back.
fn put_in_order(rows: &mut [Read]) {
    rows.sort_by_key(|row| (row.shard, row.entry));
    let mut reached: Option<(i16, Millis)> = None;
    let mut keys = Vec::with_capacity(rows.len());
    for row in &*rows {
        let at = match reached {
            Some((shard, at)) if shard == row.shard => at.max(row.at.detected_at),
            _ => row.at.detected_at,
        };
        reached = Some((row.shard, at));
        keys.push(((row.shard, row.entry), at));
    }
    let keys: BTreeMap<_, _> = keys.into_iter().collect();
    rows.sort_by_key(|row| (keys.get(&(row.shard, row.entry)).copied(), row.shard, row.entry));
}

fn read(row: &PgRow) -> Result<Read, AuditError> {
    let entry: Entry = (row.try_get("epoch")?, row.try_get("n")?);
    let user: Option<UserId> = word(row, "user_id")?;
    let told = ShownChange::by(Row {
        epoch: entry.0,
        n: entry.1,
        kind: entry_kind(row)?,
        org: needed(row, "org")?,
        from: needed(row, "from_status")?,
        to: needed(row, "to_status")?,
        reason: needed(row, "reason")?,
        occurred_at: moment(row, "occurred_at")?,
        last_seen: moment(row, "last_seen")?,
        since: row.try_get::<Option<_>, _>("since")?.map(from_postgres),
    });
    Ok(Read {
        shard: row.try_get("shard")?,
        entry,
        at: When { detected_at: moment(row, "detected_at")?, recorded_at: moment(row, "recorded_at")? },
        told: user.zip(told),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(shard: i16, entry: Entry, at: i64) -> Read {
        Read { shard, entry, at: When { detected_at: Millis(at), recorded_at: Millis(at) }, told: None }
    }

    fn names(rows: &[Read]) -> Vec<(i16, Entry)> {
        rows.iter().map(|row| (row.shard, row.entry)).collect()
    }

    #[test]
    fn the_order_of_a_shard_stands_whatever_its_clock_said() {
        let mut rows = vec![
            row(1, (2, 1), 15),
            row(0, (1, 2), 5),
            row(0, (1, 1), 20),
            row(1, (1, 9), 10),
            row(0, (3, 1), 30),
        ];
        put_in_order(&mut rows);
        assert_eq!(names(&rows), [(1, (1, 9)), (1, (2, 1)), (0, (1, 1)), (0, (1, 2)), (0, (3, 1))]);
    }

    #[test]
    fn within_an_epoch_so_many_numbers_are_read_and_then_the_next() {
        let facts = |end: End| (end.entry, end.is_reached, end.is_last);
        assert_eq!(facts(end((1, 5), (1, 8), 10)), ((1, 8), true, true));
        assert_eq!(facts(end((1, 5), (1, 80), 10)), ((1, 15), true, false));
        assert_eq!(facts(end((1, 5), (2, 80), 10)), ((2, 80), false, true));
    }

    #[test]
    fn a_position_is_the_last_row_that_was_taken_or_the_end_of_what_was_copied() {
        let rows = vec![row(0, (1, 1), 1), row(1, (1, 1), 2), row(0, (1, 2), 3)];
        let end = |entry, is_reached| End { entry, is_reached, is_last: true };
        let ends = BTreeMap::from([(0, end((1, 9), true)), (1, end((1, 8), false)), (2, end((4, 0), true))]);
        let scan = Scan { rows, ends };
        assert!(!scan.is_whole());
        assert_eq!(scan.positions(0), BTreeMap::from([(2, (4, 0))]));
        assert_eq!(scan.positions(2), BTreeMap::from([(0, (1, 1)), (1, (1, 1)), (2, (4, 0))]));
        assert_eq!(scan.positions(3), BTreeMap::from([(0, (1, 9)), (1, (1, 1)), (2, (4, 0))]));
    }
}
