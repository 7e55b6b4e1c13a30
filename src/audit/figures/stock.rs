//! Spells and rollups as they lie in Postgres: read and written, and how far everything is rolled up.

use futures::TryStreamExt;
use sqlx::postgres::PgRow;
use sqlx::types::time::OffsetDateTime;
use sqlx::{Postgres, Row};

use super::day::Rollup;
use super::kind::Kind;
use super::spell::{NEVER, Orgs, Spell};
use super::sql;
use crate::audit::AuditError;
use crate::audit::time::{from_postgres, to_postgres};
use crate::database::Connection;
use crate::presence::{Millis, Org};

/// How far the figures have come. Times are ms since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// By the clock of Postgres.
    pub(super) now: i64,
    /// An hour begins; none before figures have begun.
    pub(super) rolled_until: Option<i64>,
    /// Everything before was dropped.
    pub(super) kept_since: Option<i64>,
}

/// How far the figures have come.
pub(super) async fn standing(connection: &mut Connection) -> Result<Standing, AuditError> {
    let row = sqlx::query(sql::STANDING).fetch_one(connection).await?;
    let moment = |name| -> Result<_, AuditError> {
        Ok(row.try_get::<Option<OffsetDateTime>, _>(name)?.map(|at| from_postgres(at).0))
    };
    let now = moment("now")?.unwrap_or_default();
    Ok(Standing { now, rolled_until: moment("rolled_until")?, kept_since: moment("kept_since")? })
}

/// A moment for Postgres.
pub(super) fn postgres(at: i64) -> Result<OffsetDateTime, AuditError> {
    to_postgres("moment", Millis(at))
}

/// The spell in a row.
pub(super) fn spell(row: &PgRow, orgs: &mut Orgs) -> Result<Spell, AuditError> {
    Ok(Spell {
        subject: row.try_get("subject")?,
        org: orgs.number(row.try_get("org")?),
        start: from_postgres(row.try_get("started_at")?).0,
        end: end(row)?,
    })
}

/// When a spell or interval ended.
pub(super) fn end(row: &PgRow) -> Result<i64, AuditError> {
    Ok(row.try_get::<Option<OffsetDateTime>, _>("ended_at")?.map_or(NEVER, |at| from_postgres(at).0))
}

/// Spells that a question may read: some 100 MB. More lie in no span that is rolled up, but for its ends.
pub(super) const MOST: usize = 1_000_000;

/// The spells of an organisation, or of all, that overlap a span.
///
/// # Errors
/// [`AuditError::Unavailable`] if there are more than `most`: the span is not rolled up yet.
pub(super) async fn spells_within(
    connection: &mut Connection,
    (from, to): (i64, i64),
    org: Option<&Org>,
    orgs: &mut Orgs,
    most: usize,
) -> Result<Vec<Spell>, AuditError> {
    if from >= to {
        return Ok(Vec::new());
    }
    // Planned for these very moments: how many spells there are depends on them.
    let query = sqlx::query::<Postgres>(sql::SPELLS_WITHIN)
        .bind(postgres(from)?)
        .bind(postgres(to)?)
        .bind(org.map(Org::as_str))
        .persistent(false);
    let (mut rows, mut found) = (query.fetch(connection), Vec::new());
    while let Some(row) = rows.try_next().await? {
        if found.len() == most {
            return Err(AuditError::Unavailable("figures of this span are being made".to_owned()));
        }
        found.push(spell(&row, orgs)?);
    }
    Ok(found)
}

/// Stores these spells.
pub(super) async fn add_spells(
    connection: &mut Connection,
    spells: &[Spell],
    orgs: &Orgs,
) -> Result<(), AuditError> {
    if spells.is_empty() {
        return Ok(());
    }
    let starts: Result<Vec<_>, _> = spells.iter().map(|spell| postgres(spell.start)).collect();
    let end = |spell: &Spell| Some(spell.end).filter(|end| *end != NEVER).map(postgres).transpose();
    let ends: Result<Vec<_>, _> = spells.iter().map(end).collect();
    sqlx::query(sql::SPELLS_ADD)
        .bind(spells.iter().map(|spell| spell.subject).collect::<Vec<_>>())
        .bind(spells.iter().map(|spell| orgs.name(spell.org)).collect::<Vec<_>>())
        .bind(starts?)
        .bind(ends?)
        .execute(connection)
        .await?;
    Ok(())
}

/// Stores these rollups.
pub(super) async fn add_rollups(connection: &mut Connection, rollups: &[Rollup]) -> Result<(), AuditError> {
    // A day of a large service is some MiB; a statement need not be.
    for some in rollups.chunks(500) {
        let ends: Result<Vec<_>, _> = some.iter().map(|rollup| postgres(rollup.ends_at)).collect();
        sqlx::query(sql::ROLLUPS_ADD)
            .bind(some.iter().map(|rollup| rollup.org.as_str()).collect::<Vec<_>>())
            .bind(some.iter().map(|rollup| rollup.kind.as_str()).collect::<Vec<_>>())
            .bind(ends?)
            .bind(some.iter().map(|rollup| rollup.body.as_slice()).collect::<Vec<_>>())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// The rollups of an organisation (all: none) of one kind that end behind `from` up to `to`: when each ends, and its body.
pub(super) async fn rollups_of(
    connection: &mut Connection,
    org: Option<&Org>,
    kind: Kind,
    from: i64,
    to: i64,
) -> Result<Vec<(i64, Vec<u8>)>, AuditError> {
    if from >= to {
        return Ok(Vec::new());
    }
    let rows: Vec<(OffsetDateTime, Vec<u8>)> = sqlx::query_as(sql::ROLLUPS_OF)
        .bind(org.map_or("", Org::as_str))
        .bind(kind.as_str())
        .bind(postgres(from)?)
        .bind(postgres(to)?)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(|(at, body)| (from_postgres(at).0, body)).collect())
}

/// Sets back how far everything is rolled up, where something changed at a moment before that.
pub(super) async fn set_back(connection: &mut Connection, hour: i64) -> Result<(), AuditError> {
    sqlx::query(sql::ROLLUPS_BEYOND).bind(postgres(hour)?).execute(&mut *connection).await?;
    rolled(connection, hour).await
}

/// Notes how far everything is rolled up.
pub(super) async fn rolled(connection: &mut Connection, until: i64) -> Result<(), AuditError> {
    sqlx::query(sql::ROLLED_UNTIL).bind(postgres(until)?).execute(connection).await?;
    Ok(())
}
