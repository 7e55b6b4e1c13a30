//! The rows behind a webhook's positions, of all shards that have some, in one order.
//!
//! What was copied when the reading began is read and nothing behind it, so that a position can be moved to there also
//! where no row is left: numbers that lie in quarantine, or a new epoch without an entry yet.

use std::collections::BTreeMap;

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::held::When;
use super::shown::{Row, ShownChange};
use crate::audit::queries::{moment, needed, word};
use crate::audit::time::from_postgres;
use crate::audit::timeline::entry_kind;
use crate::audit::{AuditError, sql};
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
    /// How far each shard is copied, and whether all up to there was read.
    ends: BTreeMap<i16, (Entry, bool)>,
}

/// Reads what is behind the positions of a webhook.
pub(super) async fn scan(connection: &mut PgConnection, webhook: Uuid) -> Result<Scan, AuditError> {
    let behind = sqlx::query(sql::WEBHOOK_BEHIND).bind(webhook).fetch_all(&mut *connection).await?;
    let mut scan = Scan { rows: Vec::new(), ends: BTreeMap::new() };
    if behind.is_empty() {
        return Ok(scan);
    }
    let (mut shards, mut from, mut to) = (Vec::new(), (Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    for row in &behind {
        shards.push(row.try_get::<i16, _>("shard")?);
        from.0.push(row.try_get::<i64, _>("epoch")?);
        from.1.push(row.try_get::<i64, _>("n")?);
        to.0.push(row.try_get::<i64, _>("to_epoch")?);
        to.1.push(row.try_get::<i64, _>("to_n")?);
    }
    let most = MOST_ROWS.div_ceil(shards.len());
    let rows = sqlx::query(sql::WEBHOOK_SCAN)
        .bind(&shards)
        .bind(from.0)
        .bind(from.1)
        .bind(&to.0)
        .bind(&to.1)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
    scan.rows = rows.iter().map(read).collect::<Result<_, _>>()?;
    for (shard, end) in shards.into_iter().zip(to.0.into_iter().zip(to.1)) {
        let count = scan.rows.iter().filter(|row| row.shard == shard).count();
        scan.ends.insert(shard, (end, count < most));
    }
    put_in_order(&mut scan.rows);
    Ok(scan)
}

impl Scan {
    /// Whether nothing is left to read of what was copied.
    pub(super) fn is_whole(&self) -> bool {
        self.ends.values().all(|(_, is_whole)| *is_whole)
    }

    /// Where the positions are when the first `taken` rows are done with.
    pub(super) fn positions(&self, taken: usize) -> BTreeMap<i16, Entry> {
        let (done, left) = self.rows.split_at(taken);
        let mut positions: BTreeMap<_, _> = done.iter().map(|row| (row.shard, row.entry)).collect();
        for (shard, (end, is_whole)) in &self.ends {
            if *is_whole && !left.iter().any(|row| row.shard == *shard) {
                positions.insert(*shard, *end);
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
    fn a_position_is_the_last_row_that_was_taken_or_the_end_of_what_was_copied() {
        let rows = vec![row(0, (1, 1), 1), row(1, (1, 1), 2), row(0, (1, 2), 3)];
        let ends = BTreeMap::from([(0, ((1, 9), true)), (1, ((1, 8), false)), (2, ((4, 0), true))]);
        let scan = Scan { rows, ends };
        assert!(!scan.is_whole());
        assert_eq!(scan.positions(0), BTreeMap::from([(2, (4, 0))]));
        assert_eq!(scan.positions(2), BTreeMap::from([(0, (1, 1)), (1, (1, 1)), (2, (4, 0))]));
        assert_eq!(scan.positions(3), BTreeMap::from([(0, (1, 9)), (1, (1, 1)), (2, (4, 0))]));
    }
}
