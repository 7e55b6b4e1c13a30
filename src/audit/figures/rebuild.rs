//! Figures made anew: spells are held against the intervals, rollups against the spells, and what differs is replaced.

use std::collections::BTreeSet;

use super::begin::{Lived, begin, beginning};
use super::day::Rollup;
use super::follow::follow;
use super::kind::{DAY, Kind, floor};
use super::roll::{between, forget, made, month, month_that_ends, quiet_until};
use super::spell::{Orgs, Spell};
use super::sql;
use super::stock::{add_rollups, add_spells, postgres, rolled, spell, standing};
use crate::audit::{Audit, AuditError};
use crate::database::Connection;

/// Differences that are mended at a time.
const SOME: usize = 10_000;

/// What was not as it should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FiguresRebuilt {
    /// Spells that were compared.
    pub spells: u64,
    /// Spells that were missing, wrong or too many.
    pub different_spells: u64,
    /// Rollups that were missing, wrong or too many.
    pub different_rollups: u64,
}

impl Audit {
    /// Compares spells with intervals and rollups with spells and, unless `check`, makes them what they should be. The task
    /// that follows the log waits meanwhile. Needs no time limits.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails; then nothing is changed.
    pub async fn rebuild_figures(&self, check: bool) -> Result<FiguresRebuilt, AuditError> {
        let mut connection = self.pool.acquire().await?;
        // Before the snapshot, which must hold what the one before did. It is the connection's: what fails ends both.
        sqlx::query(sql::LOCK_LONG).execute(&mut connection).await?;
        let mut tx = connection.begin().await?;
        let rebuilt = match rebuild(&mut tx).await {
            Ok(rebuilt) => rebuilt,
            Err(error) => {
                tx.close();
                return Err(error);
            }
        };
        // A check has mended what it then forgets.
        let mut connection = if check { tx.undone().await? } else { tx.kept().await? };
        sqlx::query(sql::UNLOCK_LONG).execute(&mut connection).await?;
        Ok(rebuilt)
    }
}

async fn rebuild(tx: &mut Connection) -> Result<FiguresRebuilt, AuditError> {
    sqlx::query(sql::SNAPSHOT_TO_WRITE).execute(&mut *tx).await?;
    let now = standing(tx).await?;
    if now.rolled_until.is_none() {
        begin(tx, now.now).await?;
    }
    loop {
        let rolled_until = standing(tx).await?.rolled_until.unwrap_or_default();
        if !follow(tx, rolled_until).await? {
            break;
        }
    }
    // What was dropped since the last day was rolled up is no difference.
    if let Some(kept_since) = now.kept_since {
        forget(tx, kept_since).await?;
    }
    let mut rebuilt = FiguresRebuilt::default();
    compare_spells(tx, now.kept_since.unwrap_or(i64::MIN), &mut rebuilt).await?;
    compare_rollups(tx, now.kept_since, &mut rebuilt).await?;
    Ok(rebuilt)
}

/// Spells as they are stored, in the order of people and time.
#[derive(Default)]
struct Stored {
    next: Vec<Spell>,
    is_over: bool,
}

impl Stored {
    /// Those of people up to `subject`; what comes after stays for the next call.
    async fn up_to(
        &mut self,
        connection: &mut Connection,
        subject: i64,
        orgs: &mut Orgs,
    ) -> Result<Vec<Spell>, AuditError> {
        while !self.is_over && self.next.last().is_none_or(|last| last.subject <= subject) {
            let rows = sqlx::query(sql::SPELLS_FETCH).fetch_all(&mut *connection).await?;
            self.is_over = rows.is_empty();
            for row in &rows {
                self.next.push(spell(row, orgs)?);
            }
        }
        let count = self.next.partition_point(|spell| spell.subject <= subject);
        Ok(self.next.drain(..count).collect())
    }
}

/// Replaces the spells that are not what the intervals say. Where old months were dropped, what is left is compared.
async fn compare_spells(
    connection: &mut Connection,
    kept_since: i64,
    rebuilt: &mut FiguresRebuilt,
) -> Result<(), AuditError> {
    let mut orgs = Orgs::default();
    let mut lived = Lived::declare(connection).await?;
    sqlx::query(sql::SPELLS_DECLARE).execute(&mut *connection).await?;
    let mut stored = Stored::default();
    let (mut surplus, mut missing) = (Vec::new(), Vec::new());
    while let Some(wanted) = lived.next(connection, &mut orgs).await? {
        // After the last person everybody who is left is too many.
        let last = wanted.last().map_or(i64::MIN, |last| last.subject);
        let subject = if lived.is_over() { i64::MAX } else { last };
        let found = stored.up_to(connection, subject, &mut orgs).await?;
        rebuilt.spells += found.len() as u64;
        let key = |spell: &Spell| {
            spell.within(kept_since, i64::MAX).map(|part| (part.subject, part.start, part.end, part.org))
        };
        let (has, wants): (BTreeSet<_>, BTreeSet<_>) =
            (found.iter().filter_map(key).collect(), wanted.iter().filter_map(key).collect());
        surplus.extend(
            found.iter().filter(|spell| key(spell).is_some_and(|key| !wants.contains(&key))).copied(),
        );
        missing
            .extend(wanted.iter().filter(|spell| key(spell).is_some_and(|key| !has.contains(&key))).copied());
        if surplus.len() + missing.len() >= SOME {
            mend(connection, &mut surplus, &mut missing, &orgs, rebuilt).await?;
        }
    }
    mend(connection, &mut surplus, &mut missing, &orgs, rebuilt).await
}

async fn mend(
    connection: &mut Connection,
    surplus: &mut Vec<Spell>,
    missing: &mut Vec<Spell>,
    orgs: &Orgs,
    rebuilt: &mut FiguresRebuilt,
) -> Result<(), AuditError> {
    rebuilt.different_spells += surplus.len().max(missing.len()) as u64;
    if !surplus.is_empty() {
        let starts: Result<Vec<_>, _> = surplus.iter().map(|spell| postgres(spell.start)).collect();
        sqlx::query(sql::SPELLS_DELETE)
            .bind(surplus.iter().map(|spell| spell.subject).collect::<Vec<_>>())
            .bind(starts?)
            .execute(&mut *connection)
            .await?;
    }
    add_spells(connection, missing, orgs).await?;
    surplus.clear();
    missing.clear();
    Ok(())
}

/// Replaces the rollups that are not what the spells say, day by day.
async fn compare_rollups(
    connection: &mut Connection,
    kept_since: Option<i64>,
    rebuilt: &mut FiguresRebuilt,
) -> Result<(), AuditError> {
    let Some(end) = standing(connection).await?.rolled_until else { return Ok(()) };
    let first = beginning(connection).await?.map_or(end, |first| floor(first, DAY));
    let mut from = first.max(kept_since.unwrap_or(i64::MIN)).min(end);
    // What lies before the first spell stands for nothing.
    rebuilt.different_rollups += drop_between(connection, -62_135_596_800_000, from).await?;
    while from < end {
        let mut until = end.min(floor(from, DAY) + DAY);
        let mut wanted = made(connection, from, until).await?;
        if wanted.is_empty() {
            until = quiet_until(connection, until, end).await?;
        }
        let mut found = between(connection, from, until).await?;
        found.retain(|rollup| rollup.kind != Kind::TotalsMonth);
        replace(connection, found, &mut wanted, rebuilt).await?;
        if month_that_ends(until)?.is_some() {
            let mut found = between(connection, until - 1, until).await?;
            found.retain(|rollup| rollup.kind == Kind::TotalsMonth);
            let mut wanted = month(connection, until).await?;
            replace(connection, found, &mut wanted, rebuilt).await?;
        }
        from = until;
    }
    rolled(connection, end).await
}

/// Replaces what was found by what is wanted, where they differ.
async fn replace(
    connection: &mut Connection,
    mut found: Vec<Rollup>,
    wanted: &mut Vec<Rollup>,
    rebuilt: &mut FiguresRebuilt,
) -> Result<(), AuditError> {
    found.sort();
    wanted.sort();
    if found == *wanted {
        return Ok(());
    }
    let (has, wants): (BTreeSet<_>, BTreeSet<_>) =
        (found.into_iter().collect(), wanted.iter().cloned().collect());
    let (surplus, missing): (Vec<_>, Vec<_>) =
        (has.difference(&wants).cloned().collect(), wants.difference(&has).cloned().collect());
    rebuilt.different_rollups += surplus.len().max(missing.len()) as u64;
    let ends: Result<Vec<_>, _> = surplus.iter().map(|rollup| postgres(rollup.ends_at)).collect();
    sqlx::query(sql::ROLLUPS_DELETE)
        .bind(surplus.iter().map(|rollup| rollup.org.as_str()).collect::<Vec<_>>())
        .bind(surplus.iter().map(|rollup| rollup.kind.as_str()).collect::<Vec<_>>())
        .bind(ends?)
        .execute(&mut *connection)
        .await?;
    add_rollups(connection, &missing).await
}

async fn drop_between(connection: &mut Connection, from: i64, until: i64) -> Result<u64, AuditError> {
    let dropped =
        sqlx::query::<sqlx::Postgres>(sql::ROLLUPS_DROP).bind(postgres(from)?).bind(postgres(until)?);
    Ok(dropped.execute(connection).await?.rows_affected())
}
