//! For how long each person was online in a span, the longest first.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::body;
use super::kind::{DAY, Kind, ceil, floor};
use super::roll::{month_at_or_after, month_begin, month_that_ends};
use super::spell::Orgs;
use super::sql;
use super::stock::{MOST, rollups_of, spells_within};
use super::totals::{Total, Totals};
use super::view::{Span, View};
use crate::audit::{Audit, AuditError, InvalidCursor, MAX_LIMIT};
use crate::presence::{Millis, UserId};

/// Which of the people, and how many.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only these, if any are named.
    pub among: Option<Among>,
    /// Behind this one.
    pub after: Option<PersonCursor>,
    /// At most so many: 1 to [`MAX_LIMIT`], else the nearest.
    pub limit: u32,
}

/// People by what is searched for.
#[derive(Clone, Debug)]
pub struct Among {
    /// Accounts that it names.
    pub users: Vec<UserId>,
    /// What the id of others may be like (LIKE, whatever the case).
    pub pattern: String,
}

/// The last person of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersonCursor {
    /// Where the span ended, so that pages are of the same one.
    pub to: Millis,
    online_ms: u64,
    subject: i64,
}

/// What a person's presence in a span amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonTotal {
    /// Who; none if the person was erased.
    pub user: Option<UserId>,
    /// For so long, in ms.
    pub online_ms: u64,
    /// In so many spells.
    pub spells: u64,
    /// The first moment online in the span.
    pub first_seen: Millis,
    /// The last one; the end of the span for somebody who was online then.
    pub last_seen: Millis,
}

/// A page of people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonTotals {
    /// Where the span begins: later than asked if the history does.
    pub from: Millis,
    /// Where it ends.
    pub to: Millis,
    /// Longest first.
    pub rows: Vec<PersonTotal>,
    /// Where the next page begins; none after the last.
    pub next: Option<PersonCursor>,
}

impl Audit {
    /// A page of people who were online in a span, longest first.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn person_totals(&self, span: &Span, wanted: &Wanted) -> Result<PersonTotals, AuditError> {
        let mut view = View::of(self).await?;
        let among = match &wanted.among {
            Some(among) => Some(subjects(&mut view, among).await?),
            None => None,
        };
        let (from, to) = span.kept(view.standing);
        let totals = totals(&mut view, span, from, to).await?;
        let is_wanted = |subject: i64, _: &Total| among.as_ref().is_none_or(|among| among.contains(&subject));
        let mut found = totals.into_wanted(is_wanted);
        found.sort_unstable_by_key(|(subject, total)| (std::cmp::Reverse(total.online_ms), *subject));
        let first = wanted.after.map_or(0, |after| {
            let place = (std::cmp::Reverse(after.online_ms), after.subject);
            found.partition_point(|(subject, total)| (std::cmp::Reverse(total.online_ms), *subject) <= place)
        });
        let mut page = found.split_off(first);
        let limit = wanted.limit.clamp(1, MAX_LIMIT) as usize;
        let more = page.len() > limit;
        page.truncate(limit);
        let next = page.last().filter(|_| more).map(|(subject, total)| PersonCursor {
            to: Millis(to),
            online_ms: total.online_ms,
            subject: *subject,
        });
        let mut users = users(&mut view, &page).await?;
        view.close().await?;
        let rows = page.into_iter().map(|(subject, total)| row(users.remove(&subject), total)).collect();
        Ok(PersonTotals { from: Millis(from), to: Millis(to), rows, next })
    }
}

const fn row(user: Option<UserId>, total: Total) -> PersonTotal {
    PersonTotal {
        user,
        online_ms: total.online_ms,
        spells: total.begun,
        first_seen: Millis(total.first),
        last_seen: Millis(total.last),
    }
}

async fn subjects(view: &mut View, among: &Among) -> Result<HashSet<i64>, AuditError> {
    let users: Vec<&str> = among.users.iter().map(UserId::as_str).collect();
    let found = sqlx::query_scalar(sql::SUBJECTS_OF).bind(users).bind(&among.pattern);
    Ok(found.fetch_all(view.connection()).await?.into_iter().collect())
}

async fn users(view: &mut View, page: &[(i64, Total)]) -> Result<HashMap<i64, UserId>, AuditError> {
    let subjects: Vec<i64> = page.iter().map(|(subject, _)| *subject).collect();
    let rows: Vec<(i64, String)> =
        sqlx::query_as(sql::USERS).bind(subjects).fetch_all(view.connection()).await?;
    let parsed = |(subject, user): (i64, String)| Some((subject, UserId::parse(&user).ok()?));
    Ok(rows.into_iter().filter_map(parsed).collect())
}

/// Everybody's totals: months that lie wholly in the span, days beside them, and what spells say of its ends.
async fn totals(view: &mut View, span: &Span, from: i64, to: i64) -> Result<Totals, AuditError> {
    let (mut totals, mut orgs) = (Totals::default(), Orgs::default());
    let org = span.org.as_ref();
    let (begin, end) = (ceil(from, DAY), floor(to.min(view.rolled), DAY));
    let rests = if begin < end { [(from, begin), (end, to)] } else { [(from, to), (to, to)] };
    for (from, to) in rests {
        let spells = spells_within(view.connection(), (from, to), org, &mut orgs, MOST).await?;
        totals.add_spells(&spells, from, to);
    }
    if begin < end {
        let months = (month_at_or_after(begin)?, month_begin(end)?);
        let days = if months.0 < months.1 {
            [(begin, months.0), (months.1, end)]
        } else {
            [(begin, end), (end, end)]
        };
        for (from, to) in days {
            for (ends_at, body) in rollups_of(view.connection(), org, Kind::TotalsDay, from, to).await? {
                body::read_totals(&body, ends_at - DAY, |subject, total| totals.add(subject, total))?;
            }
        }
        for (ends_at, body) in
            rollups_of(view.connection(), org, Kind::TotalsMonth, months.0, months.1).await?
        {
            let from = month_that_ends(ends_at)?.unwrap_or(ends_at);
            body::read_totals(&body, from, |subject, total| totals.add(subject, total))?;
        }
    }
    let under_way = spells_within(view.connection(), (from, to.min(from + 1)), org, &mut orgs, MOST).await?;
    totals.count_under_way(&under_way, from);
    Ok(totals)
}

impl fmt::Display for PersonCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { to, online_ms, subject } = self;
        f.write_str(&URL_SAFE_NO_PAD.encode(format!("{to} {online_ms} {subject}")))
    }
}

impl FromStr for PersonCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| InvalidCursor)?;
        let mut parts = text.split(' ');
        let mut number = || parts.next().and_then(|part| part.parse::<i64>().ok()).ok_or(InvalidCursor);
        let (to, online_ms, subject) = (Millis(number()?), number()?, number()?);
        let online_ms = u64::try_from(online_ms).map_err(|_| InvalidCursor)?;
        if parts.next().is_none() { Ok(Self { to, online_ms, subject }) } else { Err(InvalidCursor) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let cursor = PersonCursor { to: Millis(77), online_ms: 5, subject: 9 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "%%%", &URL_SAFE_NO_PAD.encode("1 2"), &URL_SAFE_NO_PAD.encode("1 -2 3")] {
            assert_eq!(text.parse::<PersonCursor>(), Err(InvalidCursor), "{text}");
        }
    }
}
