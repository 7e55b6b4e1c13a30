//! The numbers of a shard's entries, which have no gaps: what is missing must be in quarantine, or an event must tell
//! of it.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::Row;

use super::kept::Kept;
use super::problem::{Kind, Place, Problems};
use crate::audit::position::column;
use crate::audit::{AuditError, sql};
use crate::database::Connection;

/// A range of numbers of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    epoch: i64,
    first: i64,
    last: i64,
}

/// The numbers of one shard, as they are passed.
#[derive(Debug)]
pub(super) struct Numbers {
    shard: u16,
    /// The last entry that is accounted for; `None` where the walk begins in the middle.
    at: Option<(i64, i64)>,
    /// Whether events that would tell of older epochs may be gone.
    is_cut: bool,
    /// After which number an epoch began.
    begins: BTreeMap<i64, i64>,
    /// Up to which number an epoch had been copied when the next began.
    ends: BTreeMap<i64, i64>,
    /// Ranges that the copy stepped over.
    skipped: Vec<Range>,
    missing: Vec<Range>,
}

impl Numbers {
    /// Reads what events tell of the numbers of a shard. `is_whole`: the walk begins where the log does.
    pub(super) async fn read(
        connection: &mut Connection,
        shard: u16,
        kept: &Kept,
        is_whole: bool,
    ) -> Result<Self, AuditError> {
        let begin = kept.shard(shard).map_or((0, 0), |dropped| (dropped.epoch, dropped.n));
        let mut numbers = Self {
            shard,
            at: is_whole.then_some(begin),
            is_cut: kept.since.is_some(),
            begins: BTreeMap::new(),
            ends: BTreeMap::new(),
            skipped: Vec::new(),
            missing: Vec::new(),
        };
        for row in sqlx::query(sql::NUMBER_EVENTS).bind(column(shard)?).fetch_all(connection).await? {
            numbers.learn(row.try_get("kind")?, &row.try_get("detail")?);
        }
        Ok(numbers)
    }

    fn learn(&mut self, kind: &str, detail: &Value) {
        let number = |value: &Value| value.as_i64().unwrap_or_default();
        let epoch = number(&detail["epoch"]);
        if kind == "gap" {
            self.skipped.push(Range { epoch, first: number(&detail["from"]), last: number(&detail["to"]) });
            return;
        }
        self.begins.insert(epoch, number(&detail["n"]));
        self.ends.insert(number(&detail["before"]["epoch"]), number(&detail["before"]["n"]));
    }

    /// Comes to entry `n` of an epoch; everything before it must be accounted for.
    pub(super) fn come_to(&mut self, epoch: i64, n: i64) {
        let Some((present, last)) = self.at.replace((epoch, n)) else { return };
        if present == epoch {
            self.miss(epoch, last + 1, n - 1);
            return;
        }
        if let Some(end) = self.ends.get(&present).copied() {
            self.miss(present, last + 1, end);
        }
        let between: Vec<(i64, i64)> = self
            .begins
            .range(present + 1..epoch.max(present + 1))
            .map(|(epoch, begin)| (*epoch, *begin))
            .collect();
        for (epoch, begin) in between {
            if let Some(end) = self.ends.get(&epoch).copied() {
                self.miss(epoch, begin + 1, end);
            }
        }
        match self.begins.get(&epoch).copied() {
            Some(begin) => self.miss(epoch, begin + 1, n - 1),
            None if self.is_cut => {}
            None => self.miss(epoch, 1, n - 1),
        }
    }

    /// A batch has everything from where it begins, to which the walk has come, up to here but these numbers.
    pub(super) fn pass(&mut self, epoch: i64, last: i64, without: impl Iterator<Item = i64>) {
        without.for_each(|n| self.miss(epoch, n, n));
        self.at = Some((epoch, last));
    }

    fn miss(&mut self, epoch: i64, first: i64, last: i64) {
        match self.missing.last_mut() {
            _ if first > last => {}
            Some(range) if (range.epoch, range.last + 1) == (epoch, first) => range.last = last,
            _ => self.missing.push(Range { epoch, first, last }),
        }
    }

    /// Looks for a reason for what was missing so far, and tells what has none.
    pub(super) async fn explain(
        &mut self,
        connection: &mut Connection,
        problems: &mut Problems,
    ) -> Result<(), AuditError> {
        for Range { epoch, first, last } in std::mem::take(&mut self.missing) {
            let parked: Vec<i64> = sqlx::query_scalar(sql::QUARANTINED)
                .bind(column(self.shard)?)
                .bind(epoch)
                .bind(first)
                .bind(last)
                .fetch_all(&mut *connection)
                .await?;
            let parked = parked.into_iter().map(|n| Range { epoch, first: n, last: n });
            let reasons = parked.chain(self.skipped.iter().copied().filter(|range| range.epoch == epoch));
            for gap in unexplained(first, last, reasons.collect()) {
                problems.add(Kind::Gap, Place::entries(self.shard, epoch, gap.0, gap.1));
            }
        }
        Ok(())
    }
}

/// What is left of `first` to `last` without these ranges.
fn unexplained(first: i64, last: i64, mut reasons: Vec<Range>) -> Vec<(i64, i64)> {
    reasons.sort_unstable_by_key(|range| range.first);
    let (mut left, mut next) = (Vec::new(), first);
    for range in reasons {
        if range.first > next && next <= last {
            left.push((next, last.min(range.first - 1)));
        }
        next = next.max(range.last + 1);
    }
    if next <= last {
        left.push((next, last));
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(at: Option<(i64, i64)>) -> Numbers {
        let (begins, ends) = (BTreeMap::from([(1, 0), (2, 5), (4, 0)]), BTreeMap::from([(1, 7), (2, 9)]));
        Numbers { shard: 0, at, is_cut: false, begins, ends, skipped: Vec::new(), missing: Vec::new() }
    }

    fn missing(numbers: &Numbers) -> Vec<(i64, i64, i64)> {
        numbers.missing.iter().map(|range| (range.epoch, range.first, range.last)).collect()
    }

    #[test]
    fn numbers_begin_and_end_as_the_events_say() {
        let mut whole = numbers(Some((0, 0)));
        whole.come_to(1, 1);
        whole.pass(1, 7, std::iter::empty());
        whole.come_to(2, 6);
        whole.pass(2, 9, std::iter::empty());
        whole.come_to(4, 1);
        assert_eq!(missing(&whole), []);
        let mut holes = numbers(Some((0, 0)));
        holes.come_to(1, 3);
        holes.pass(1, 6, [4, 5].into_iter());
        holes.come_to(4, 2);
        assert_eq!(missing(&holes), [(1, 1, 2), (1, 4, 5), (1, 7, 7), (2, 6, 9), (4, 1, 1)]);
        let mut middle = numbers(None);
        middle.come_to(1, 3);
        assert_eq!(missing(&middle), []);
    }

    #[test]
    fn what_has_no_reason_is_left() {
        let range = |first, last| Range { epoch: 1, first, last };
        assert_eq!(unexplained(1, 9, vec![]), [(1, 9)]);
        assert_eq!(unexplained(1, 9, vec![range(5, 5), range(2, 3)]), [(1, 1), (4, 4), (6, 9)]);
        assert_eq!(unexplained(1, 9, vec![range(0, 20)]), []);
        assert_eq!(unexplained(4, 5, vec![range(7, 9), range(1, 4)]), [(5, 5)]);
    }
}
