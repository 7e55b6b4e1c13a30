//! Spells become rollups, a day (UTC) or the hours of it that are over at a time.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::types::time::{Date, OffsetDateTime, Time};

use super::WHOLE_HISTORY;
use super::body;
use super::day::{Rollup, rollups};
use super::kind::{DAY, HOUR, Kind, floor};
use super::spell::Orgs;
use super::sql;
use super::stock::{Standing, add_rollups, postgres, rolled, spells_within};
use super::totals::Totals;
use crate::audit::AuditError;
use crate::database::Connection;

/// An hour is rolled up when it has been over for so long, ms: what is copied a little late then sets nothing back.
const SETTLED: i64 = 60_000;

/// Rolls up the next hours, up to a day of them; answers whether there were any.
pub(super) async fn roll(connection: &mut Connection, standing: Standing) -> Result<bool, AuditError> {
    let Some(from) = standing.rolled_until else { return Ok(false) };
    let over = floor(standing.now - SETTLED, HOUR);
    let mut until = over.min(floor(from, DAY) + DAY);
    if until <= from {
        return Ok(false);
    }
    let rows = made(connection, from, until).await?;
    if rows.is_empty() {
        until = quiet_until(connection, until, over).await?;
    }
    add_rollups(connection, &rows).await?;
    let month = month(connection, until).await?;
    add_rollups(connection, &month).await?;
    rolled(connection, until).await?;
    if let Some(kept_since) = standing.kept_since.filter(|_| until % DAY == 0) {
        forget(connection, kept_since).await?;
    }
    Ok(true)
}

/// The end of the month in which `from` lies, or else of the last whole day before `most`, if nobody is online until then;
/// otherwise `from`. So time in which nothing happens is not gone through day by day.
pub(super) async fn quiet_until(
    connection: &mut Connection,
    from: i64,
    most: i64,
) -> Result<i64, AuditError> {
    let until = month_at_or_after(from)?.min(floor(most, DAY));
    if until <= from {
        return Ok(from);
    }
    let is_any: bool = sqlx::query_scalar(sql::SPELLS_ANY)
        .bind(postgres(from)?)
        .bind(postgres(until)?)
        .fetch_one(connection)
        .await?;
    Ok(if is_any { from } else { until })
}

/// What the hours from `from` up to `until`, all of one day, amount to.
pub(super) async fn made(
    connection: &mut Connection,
    from: i64,
    until: i64,
) -> Result<Vec<Rollup>, AuditError> {
    let (day, mut orgs) = (floor(from, DAY), Orgs::default());
    let spells = spells_within(connection, (day, until), None, &mut orgs, usize::MAX).await?;
    rollups(day, from, until, &spells, &orgs)
}

/// What the month amounts to that ends at this moment, if one does: the sum of its days.
pub(super) async fn month(connection: &mut Connection, until: i64) -> Result<Vec<Rollup>, AuditError> {
    let Some(from) = month_that_ends(until)? else { return Ok(Vec::new()) };
    let mut sums: BTreeMap<String, Totals> = BTreeMap::new();
    for row in between(connection, from, until).await?.iter().filter(|row| row.kind == Kind::TotalsDay) {
        let sum = sums.entry(row.org.clone()).or_default();
        body::read_totals(&row.body, row.ends_at - DAY, |subject, total| sum.add(subject, total))?;
    }
    let row = |(org, sum): (String, Totals)| Rollup {
        org,
        kind: Kind::TotalsMonth,
        ends_at: until,
        body: body::write_totals(&sum.sorted(), from),
    };
    Ok(sums.into_iter().map(row).collect())
}

/// The rollups that are stored and end behind `from` up to `until`.
pub(super) async fn between(
    connection: &mut Connection,
    from: i64,
    until: i64,
) -> Result<Vec<Rollup>, AuditError> {
    let rows = sqlx::query(sql::ROLLUPS_BETWEEN)
        .bind(postgres(from)?)
        .bind(postgres(until)?)
        .fetch_all(connection)
        .await?;
    let rollup = |row: &sqlx::postgres::PgRow| -> Result<_, AuditError> {
        let word: &str = row.try_get("kind")?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == word);
        let kind = kind.ok_or_else(|| AuditError::Schema(format!("kind: {word:?} is none of a rollup")))?;
        let ends_at = crate::audit::queries::moment(row, "ends_at")?.0;
        Ok(Rollup { org: row.try_get("org")?, kind, ends_at, body: row.try_get("body")? })
    };
    rows.iter().map(rollup).collect()
}

/// When the month began that ends at this moment; none if none does.
pub(super) fn month_that_ends(at: i64) -> Result<Option<i64>, AuditError> {
    if month_begin(at)? == at { month_begin(at - 1).map(Some) } else { Ok(None) }
}

/// When the month (UTC) began in which a moment lies.
pub(super) fn month_begin(at: i64) -> Result<i64, AuditError> {
    let date = postgres(at)?.date();
    let first = Date::from_calendar_date(date.year(), date.month(), 1).map_err(schema)?;
    Ok(OffsetDateTime::new_utc(first, Time::MIDNIGHT).unix_timestamp() * 1_000)
}

/// When the first month begins at a moment or after.
pub(super) fn month_at_or_after(at: i64) -> Result<i64, AuditError> {
    let begin = month_begin(at)?;
    if begin == at { Ok(at) } else { month_begin(begin + 31 * DAY) }
}

fn schema(error: impl std::fmt::Display) -> AuditError {
    AuditError::Schema(error.to_string())
}

/// Forgets what old months left, whose log was dropped. That may be most of all there is, and goes through all of it.
pub(super) async fn forget(connection: &mut Connection, kept_since: i64) -> Result<(), AuditError> {
    connection.take_time(WHOLE_HISTORY).await?;
    for statement in [sql::SPELLS_FORGET, sql::ROLLUPS_FORGET] {
        sqlx::query(statement).bind(postgres(kept_since)?).execute(&mut *connection).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_those_of_the_calendar() {
        let day = |number: i64| number * DAY;
        assert_eq!(month_that_ends(day(31)).unwrap(), Some(0));
        assert_eq!(month_that_ends(day(59)).unwrap(), Some(day(31)), "1970 was no leap year");
        assert_eq!(month_that_ends(day(58)).unwrap(), None);
        assert_eq!(month_that_ends(day(31) + HOUR).unwrap(), None);
    }
}
