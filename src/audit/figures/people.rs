//! How many different people were online in periods of time: bitmaps of people, united.

use std::collections::{BTreeMap, BTreeSet};

use roaring::RoaringBitmap;
use sqlx::types::time::OffsetDateTime;

use super::body;
use super::calendar::{Period, Zone, cuts, days_before};
use super::day::member;
use super::kind::{self, Cover};
use super::spell::{Orgs, Spell};
use super::sql;
use super::stock::{MOST, postgres, spells_within};
use super::view::{Span, View};
use crate::audit::{Audit, AuditError};
use crate::presence::{Millis, Org};

/// Which periods of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Those of the calendar, one after the other.
    Calendar,
    /// Windows of 1, 7 or 30 days, one that ends at each midnight of the span and one at its end.
    Rolling,
}

/// How many different people were online in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeopleIn {
    /// Included.
    pub from: Millis,
    /// Not included.
    pub to: Millis,
    /// How many.
    pub people: u64,
}

impl Audit {
    /// How many different people were online in the periods of a span, in the days of a zone. Periods of the calendar that
    /// only partly lie in the span are counted as far as they do.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails, or knows no such zone ([`AuditError::Refused`]).
    pub async fn people(
        &self,
        span: &Span,
        period: Period,
        kind: Kind,
        zone: &Zone,
    ) -> Result<Vec<PeopleIn>, AuditError> {
        let mut view = View::of(self).await?;
        let windows = windows(&mut view, span, period, kind, zone).await?;
        let covers: Vec<Cover> =
            windows.iter().map(|(from, to)| kind::people(*from, *to, view.rolled)).collect();
        let rolled = rolled_up(&mut view, span.org.as_ref(), &covers).await?;
        let told = told(&mut view, span.org.as_ref(), &covers).await?;
        view.close().await?;
        let counted = windows.into_iter().zip(covers).map(|((from, to), cover)| {
            let pieces = cover.pieces.iter().filter_map(|piece| rolled.get(piece));
            let rest = cover.rest.iter().filter_map(|rest| told.get(rest));
            let people = pieces.chain(rest).fold(RoaringBitmap::new(), |all, some| all | some);
            PeopleIn { from: Millis(from), to: Millis(to), people: people.len() }
        });
        Ok(counted.collect())
    }
}

async fn windows(
    view: &mut View,
    span: &Span,
    period: Period,
    kind: Kind,
    zone: &Zone,
) -> Result<Vec<(i64, i64)>, AuditError> {
    let (from, to) = span.kept(view.standing);
    if from >= to {
        return Ok(Vec::new());
    }
    if kind == Kind::Calendar {
        let cuts = cuts(view.connection(), from, to, period, zone).await?;
        return Ok(cuts.windows(2).map(|cut| (cut[0], cut[1])).collect());
    }
    let days = match period {
        Period::Day => 1,
        Period::Week => 7,
        Period::Month => 30,
    };
    let ends = cuts(view.connection(), from, to, Period::Day, zone).await?.split_off(1);
    let begins = days_before(view.connection(), &ends, days, zone).await?;
    let kept_since = view.standing.kept_since.unwrap_or(i64::MIN);
    Ok(begins
        .into_iter()
        .map(|begin| begin.max(kept_since))
        .zip(ends)
        .filter(|(from, to)| from < to)
        .collect())
}

/// The bitmaps that these covers are made of. One that is not there is of nobody.
async fn rolled_up(
    view: &mut View,
    org: Option<&Org>,
    covers: &[Cover],
) -> Result<BTreeMap<(kind::Kind, i64), RoaringBitmap>, AuditError> {
    let wanted: BTreeSet<(kind::Kind, i64)> =
        covers.iter().flat_map(|cover| cover.pieces.iter().copied()).collect();
    let wanted: Vec<_> = wanted.into_iter().collect();
    let ends: Result<Vec<OffsetDateTime>, _> = wanted.iter().map(|(_, at)| postgres(*at)).collect();
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(sql::ROLLUPS_AT)
        .bind(org.map_or("", Org::as_str))
        .bind(wanted.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>())
        .bind(ends?)
        .fetch_all(view.connection())
        .await?;
    let mut found = BTreeMap::new();
    for (place, body) in rows {
        let place = usize::try_from(place - 1).ok().and_then(|place| wanted.get(place));
        if let Some(piece) = place {
            found.insert(*piece, body::read_people(&body)?);
        }
    }
    Ok(found)
}

/// The people of what no bitmap tells: ends of spans that are no whole quarters, and what is not rolled up yet.
async fn told(
    view: &mut View,
    org: Option<&Org>,
    covers: &[Cover],
) -> Result<BTreeMap<(i64, i64), RoaringBitmap>, AuditError> {
    let rests: BTreeSet<(i64, i64)> = covers.iter().flat_map(|cover| cover.rest.iter().copied()).collect();
    let (recent, older): (Vec<_>, Vec<_>) = rests.into_iter().partition(|(_, to)| *to > view.rolled);
    let (mut found, mut orgs) = (BTreeMap::new(), Orgs::default());
    let begin = recent.iter().map(|(from, _)| *from).min();
    let end = recent.iter().map(|(_, to)| *to).max();
    if let Some((begin, end)) = begin.zip(end) {
        let spells = spells_within(view.connection(), (begin, end), org, &mut orgs, MOST).await?;
        for rest in recent {
            found.insert(rest, of(&spells, rest)?);
        }
    }
    for rest in older {
        let spells = spells_within(view.connection(), (rest.0, rest.1), org, &mut orgs, MOST).await?;
        found.insert(rest, of(&spells, rest)?);
    }
    Ok(found)
}

fn of(spells: &[Spell], (from, to): (i64, i64)) -> Result<RoaringBitmap, AuditError> {
    spells.iter().filter_map(|spell| spell.within(from, to)).map(|spell| member(spell.subject)).collect()
}
