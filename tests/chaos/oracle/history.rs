//! What the service recorded of each user, as it stands in Postgres.

use std::collections::HashMap;
use std::{fmt, iter};

use sqlx::{FromRow, PgPool};

/// A transition. Times in ms.
#[derive(Clone, Debug, FromRow)]
pub(super) struct Row {
    pub(super) user_id: String,
    pub(super) sequence: i64,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) reason: String,
    pub(super) occurred: i64,
    pub(super) detected: i64,
    pub(super) uncertainty: i64,
    shard: i16,
    epoch: i64,
    n: i64,
}

impl Row {
    /// Whether a session came to its end by itself.
    pub(super) fn is_end(&self) -> bool {
        matches!(self.reason.as_str(), "expired" | "closed")
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user_id, sequence, from, to, reason, occurred, detected, uncertainty, shard, epoch, n } =
            self;
        write!(
            f,
            "{user_id} #{sequence} {from} -> {to} ({reason}) at {occurred} +- {uncertainty}, detected +{} (shard {shard}, epoch {epoch}, n {n})",
            detected - occurred
        )
    }
}

/// All rows so far, by user.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) rows: HashMap<String, Vec<Row>>,
    /// By Postgres' clock (ms): what was recorded before has been read.
    read_until: i64,
    pub(super) total: usize,
}

const FRESH: &str =
    "SELECT user_id, sequence, from_status AS \"from\", to_status AS \"to\", reason, shard, epoch, n,
         uncertainty_ms AS uncertainty,
         (extract(epoch from occurred_at) * 1000)::bigint AS occurred,
         (extract(epoch from detected_at) * 1000)::bigint AS detected
     FROM transitions WHERE recorded_at >= to_timestamp($1::float8 / 1000) ORDER BY user_id, sequence";

impl History {
    /// Reads what is new; answers, by user, the place of the first new row.
    pub(super) async fn read(&mut self, pool: &PgPool) -> anyhow::Result<HashMap<String, usize>> {
        // A row carries the time at which its transaction began: those that were under way may have come since.
        const OVERLAP: i64 = 60_000;
        let began = crate::times::now();
        let rows: Vec<Row> = sqlx::query_as(FRESH).bind(self.read_until - OVERLAP).fetch_all(pool).await?;
        self.read_until = began;
        let mut fresh = HashMap::new();
        for row in rows {
            let known = self.rows.entry(row.user_id.clone()).or_default();
            if known.last().is_none_or(|last| last.sequence < row.sequence) {
                fresh.entry(row.user_id.clone()).or_insert(known.len());
                known.push(row);
                self.total += 1;
            }
        }
        Ok(fresh)
    }
}

/// Each status that may have been told between two moments, and since when: one that ended counts until that was
/// noticed.
pub(super) fn statuses(rows: &[Row], from: i64, to: i64) -> Vec<(&str, i64)> {
    let before = rows.partition_point(|row| row.detected <= from);
    let first = before.checked_sub(1).map_or(("offline", 0), |last| stands(&rows[last]));
    iter::once(first).chain(rows[before..].iter().filter(|row| row.occurred <= to).map(stands)).collect()
}

fn stands(row: &Row) -> (&str, i64) {
    (row.to.as_str(), row.occurred)
}
