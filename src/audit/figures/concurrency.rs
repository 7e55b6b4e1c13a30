//! How many people were online through a span.

use super::body;
use super::calendar::{Step, Zone, step_cuts};
use super::kind::{HOUR, Kind, SLOT, ceil, floor};
use super::online::{Piece, joined, pieces};
use super::spell::Orgs;
use super::stock::{MOST, rollups_of, spells_within};
use super::view::{Span, View};
use crate::audit::{Audit, AuditError};
use crate::presence::Millis;

/// How many people were online from one point of a chart to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Where it begins.
    pub at: Millis,
    /// At that moment.
    pub users: u64,
    /// At most.
    pub max: u64,
    /// At least.
    pub min: u64,
    /// On average over time.
    pub average: f64,
}

/// How many people were online through a span.
#[derive(Clone, Debug, PartialEq)]
pub struct Concurrency {
    /// Where the first point begins: later than asked if the history does.
    pub from: Millis,
    /// Where the last point ends.
    pub to: Millis,
    /// The highest number, and the first moment at which so many were online.
    pub peak: (u64, Millis),
    /// On average over time.
    pub average: f64,
    /// One after the other, without gaps.
    pub points: Vec<Point>,
}

impl Audit {
    /// How many people were online through a span, in steps that begin at midnight of a zone.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails, or knows no such zone ([`AuditError::Refused`]).
    pub async fn concurrency(&self, span: &Span, step: Step, zone: &Zone) -> Result<Concurrency, AuditError> {
        let mut view = View::of(self).await?;
        let (from, to) = span.kept(view.standing);
        let cuts = step_cuts(view.connection(), from, to, step, zone).await?;
        let all = online(&mut view, span, &cuts).await?;
        view.close().await?;
        let whole = joined(all.iter().copied(), &[from, to]);
        let whole = whole.first().copied().unwrap_or_else(|| Piece::empty(from, to));
        let points = joined(all, &cuts).into_iter().map(point).collect();
        Ok(Concurrency {
            from: Millis(from),
            to: Millis(to),
            peak: (whole.most, Millis(whole.most_at)),
            average: whole.average(),
            points,
        })
    }
}

fn point(piece: Piece) -> Point {
    let average = piece.average();
    Point { at: Millis(piece.from), users: piece.first, max: piece.most, min: piece.least, average }
}

/// The span as pieces, none of which a cut divides: slots that are rolled up, and before and behind them what spells say.
async fn online(view: &mut View, span: &Span, cuts: &[i64]) -> Result<Vec<Piece>, AuditError> {
    let (Some(&from), Some(&to)) = (cuts.first(), cuts.last()) else { return Ok(Vec::new()) };
    let inner = cuts.get(1..cuts.len().saturating_sub(1)).unwrap_or_default();
    let is_whole = inner.iter().all(|cut| cut % SLOT == 0);
    let (begin, end) = (ceil(from, SLOT), floor(to, SLOT).min(view.rolled));
    if !is_whole || begin >= end {
        return told(view, span, from, to, cuts).await;
    }
    let mut all = told(view, span, from, begin, cuts).await?;
    let bodies =
        rollups_of(view.connection(), span.org.as_ref(), Kind::Online, floor(begin, HOUR), ceil(end, HOUR))
            .await?;
    let mut at = begin;
    for (ends_at, body) in bodies {
        for slot in body::read_online(&body, ends_at - HOUR, SLOT)? {
            if slot.from >= begin && slot.to <= end {
                all.extend(nobody(at, slot.from));
                at = slot.to;
                all.push(slot);
            }
        }
    }
    all.extend(nobody(at, end));
    all.extend(told(view, span, end, to, cuts).await?);
    Ok(all)
}

/// Hours without a rollup: nobody was online in them.
fn nobody(from: i64, to: i64) -> impl Iterator<Item = Piece> {
    let slots = (from..to).step_by(usize::try_from(SLOT).unwrap_or(usize::MAX));
    slots.map(|from| Piece::empty(from, from + SLOT))
}

/// The pieces of a span between cuts, as spells tell.
async fn told(
    view: &mut View,
    span: &Span,
    from: i64,
    to: i64,
    cuts: &[i64],
) -> Result<Vec<Piece>, AuditError> {
    if from >= to {
        return Ok(Vec::new());
    }
    let mut orgs = Orgs::default();
    let spells = spells_within(view.connection(), (from, to), span.org.as_ref(), &mut orgs, MOST).await?;
    let inner = cuts.iter().copied().filter(|cut| from < *cut && *cut < to);
    let cuts: Vec<i64> = std::iter::once(from).chain(inner).chain([to]).collect();
    Ok(pieces(spells.iter(), &cuts))
}
