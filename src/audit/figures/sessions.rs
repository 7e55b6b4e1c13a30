//! How long people stayed: the lengths of the spells that ended in a span.

use super::body;
use super::day::lengths;
use super::kind::{DAY, Kind, ceil, floor};
use super::lengths::{BUCKETS, Lengths};
use super::spell::Orgs;
use super::stock::{MOST, rollups_of, spells_within};
use super::view::{Span, View};
use crate::audit::{Audit, AuditError};
use crate::presence::Millis;

/// How many spells were of a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// At least so long, in ms.
    pub from_ms: u64,
    /// Shorter than this, in ms; none: any length.
    pub to_ms: Option<u64>,
    /// How many.
    pub count: u64,
}

/// How long spells were that ended in a span.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionLengths {
    /// Where the span begins: later than asked if the history does.
    pub from: Millis,
    /// Where it ends.
    pub to: Millis,
    /// How many ended.
    pub count: u64,
    /// So many ms half of them did not exceed, within 0.8 %; none of none.
    pub median_ms: Option<u64>,
    /// The same of nine in ten.
    pub p90_ms: Option<u64>,
    /// The same of 99 in 100.
    pub p99_ms: Option<u64>,
    /// On average; exact.
    pub mean_ms: Option<f64>,
    /// The longest; exact.
    pub longest_ms: Option<u64>,
    /// How many of which length; exact.
    pub buckets: Vec<Bucket>,
}

impl Audit {
    /// How long the spells were that ended in a span.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn session_lengths(&self, span: &Span) -> Result<SessionLengths, AuditError> {
        let mut view = View::of(self).await?;
        let (from, to) = span.kept(view.standing);
        let mut sum = Lengths::default();
        let (begin, end) = (ceil(from, DAY), floor(to.min(view.rolled), DAY));
        let rests = if begin < end { [(from, begin), (end, to)] } else { [(from, to), (to, to)] };
        for (from, to) in rests {
            let mut orgs = Orgs::default();
            let spells =
                spells_within(view.connection(), (from, to), span.org.as_ref(), &mut orgs, MOST).await?;
            sum.merge(&lengths(&spells, from, to));
        }
        for (_, body) in rollups_of(view.connection(), span.org.as_ref(), Kind::Lengths, begin, end).await? {
            sum.merge(&body::read_lengths(&body)?);
        }
        view.close().await?;
        Ok(told(from, to, &sum))
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn told(from: i64, to: i64, sum: &Lengths) -> SessionLengths {
    let ends = BUCKETS.into_iter().skip(1).map(Some).chain([None]);
    let buckets = BUCKETS.into_iter().zip(ends).zip(sum.buckets);
    let is_any = sum.count > 0;
    SessionLengths {
        from: Millis(from),
        to: Millis(to),
        count: sum.count,
        median_ms: sum.percentile(50),
        p90_ms: sum.percentile(90),
        p99_ms: sum.percentile(99),
        mean_ms: is_any.then(|| sum.total_ms as f64 / sum.count as f64),
        longest_ms: is_any.then_some(sum.longest_ms),
        buckets: buckets.map(|((from_ms, to_ms), count)| Bucket { from_ms, to_ms, count }).collect(),
    }
}
