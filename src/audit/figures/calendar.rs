//! Days, weeks and months of a time zone. Postgres knows the zones and when their clocks change.

use std::str::FromStr;

use sqlx::types::time::OffsetDateTime;

use super::kind::{DAY, HOUR};
use super::sql;
use super::stock::postgres;
use crate::audit::AuditError;
use crate::audit::time::from_postgres;
use crate::database::Connection;

/// The name of a time zone, as IANA writes it: `Europe/Berlin`. Whether there is one of this name, Postgres says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(String);

impl Zone {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self("UTC".to_owned())
    }
}

impl FromStr for Zone {
    type Err = &'static str;

    /// Without `/`, and with an offset behind any word, Postgres makes zones of a rule of its own (POSIX). Of IANA's names
    /// with `/` only those of `Etc/GMT` have digits.
    fn from_str(name: &str) -> Result<Self, &'static str> {
        let is_clean =
            |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+-/".contains(&byte));
        let hours = name.strip_prefix("Etc/GMT").and_then(|hours| hours.parse::<i8>().ok());
        let has_digits = name.bytes().any(|byte| byte.is_ascii_digit());
        let is_fixed = hours.is_some_and(|hours| (-14..=12).contains(&hours));
        let is_named = name.contains('/') && name.len() <= 64 && is_clean(name) && (!has_digits || is_fixed);
        if name == "UTC" || is_named {
            Ok(Self(name.to_owned()))
        } else {
            Err("expected a time zone as IANA names it, such as Europe/Berlin, or UTC")
        }
    }
}

/// A period of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// From midnight to midnight.
    Day,
    /// From Monday on.
    Week,
    /// From the first on.
    Month,
}

impl Period {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

/// The time between two points of a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    word: &'static str,
    ms: i64,
}

impl Step {
    /// All there are, the shortest first.
    pub const ALL: [Self; 7] = [
        Self { word: "1m", ms: 60_000 },
        Self { word: "5m", ms: 5 * 60_000 },
        Self { word: "15m", ms: 15 * 60_000 },
        Self { word: "1h", ms: HOUR },
        Self { word: "6h", ms: 6 * HOUR },
        Self { word: "1d", ms: DAY },
        Self { word: "1w", ms: 7 * DAY },
    ];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.word
    }

    /// How long it is, in ms; days and weeks in which clocks change are an hour shorter or longer.
    #[must_use]
    pub const fn ms(self) -> i64 {
        self.ms
    }

    /// The shortest step that makes no more than so many points of a span.
    #[must_use]
    pub fn fitting(span_ms: i64, points: i64) -> Self {
        let fits = |step: &Self| span_ms / step.ms < points;
        Self::ALL.into_iter().find(fits).unwrap_or(Self::ALL[6])
    }
}

impl FromStr for Step {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Self, &'static str> {
        let step = Self::ALL.into_iter().find(|step| step.word == word);
        step.ok_or("expected 1m, 5m, 15m, 1h, 6h, 1d or 1w")
    }
}

/// When the periods begin that touch a span: the first at its begin or before, the last behind its end.
async fn periods(
    connection: &mut Connection,
    from: i64,
    to: i64,
    period: Period,
    zone: &Zone,
) -> Result<Vec<i64>, AuditError> {
    let begins: Vec<OffsetDateTime> = sqlx::query_scalar(sql::PERIODS)
        .bind(postgres(from)?)
        .bind(postgres(to)?)
        .bind(zone.as_str())
        .bind(period.as_str())
        .fetch_all(connection)
        .await?;
    let mut begins: Vec<i64> = begins.into_iter().map(|at| from_postgres(at).0).collect();
    // A midnight that clocks leap over is the moment after.
    begins.dedup();
    Ok(begins)
}

/// A span cut where periods begin: its begin, the cuts, its end.
pub(super) async fn cuts(
    connection: &mut Connection,
    from: i64,
    to: i64,
    period: Period,
    zone: &Zone,
) -> Result<Vec<i64>, AuditError> {
    let begins = periods(connection, from, to, period, zone).await?;
    Ok(bounded(begins, from, to))
}

/// A span cut where steps begin; those shorter than a day begin anew each midnight.
pub(super) async fn step_cuts(
    connection: &mut Connection,
    from: i64,
    to: i64,
    step: Step,
    zone: &Zone,
) -> Result<Vec<i64>, AuditError> {
    let period = if step.ms > DAY { Period::Week } else { Period::Day };
    let begins = periods(connection, from, to, period, zone).await?;
    if step.ms >= DAY {
        return Ok(bounded(begins, from, to));
    }
    let length = usize::try_from(step.ms).unwrap_or(usize::MAX);
    let within = begins.windows(2).flat_map(|day| (day[0]..day[1]).step_by(length));
    Ok(bounded(within, from, to))
}

fn bounded(cuts: impl IntoIterator<Item = i64>, from: i64, to: i64) -> Vec<i64> {
    let inner = cuts.into_iter().filter(|cut| from < *cut && *cut < to);
    std::iter::once(from).chain(inner).chain([to]).collect()
}

/// So many days before each of these moments, at the same time of day.
pub(super) async fn days_before(
    connection: &mut Connection,
    moments: &[i64],
    days: i32,
    zone: &Zone,
) -> Result<Vec<i64>, AuditError> {
    let moments: Result<Vec<_>, _> = moments.iter().map(|at| postgres(*at)).collect();
    let before: Vec<OffsetDateTime> = sqlx::query_scalar(sql::DAYS_BEFORE)
        .bind(moments?)
        .bind(zone.as_str())
        .bind(days)
        .fetch_all(connection)
        .await?;
    Ok(before.into_iter().map(|at| from_postgres(at).0).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_those_of_the_calendar() {
        for name in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"] {
            assert!(name.parse::<Zone>().is_ok(), "{name}");
        }
        for name in ["", "CET", "+02:00", "Europe/Berlin'", "local"] {
            assert!(name.parse::<Zone>().is_err(), "{name}");
        }
    }

    #[test]
    fn the_step_fits_the_span() {
        let fitting = |span| Step::fitting(span, 300).as_str();
        assert_eq!(
            [HOUR, DAY, 2 * DAY, 7 * DAY, 60 * DAY, 366 * DAY].map(fitting),
            ["1m", "5m", "15m", "1h", "6h", "1w"]
        );
    }
}
