//! Spells made of the intervals there are: once, where a history is older than its figures, and again whenever they are
//! rebuilt. Read by a cursor in the order of people, so that however many there are, a few thousand are held.

use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::time::OffsetDateTime;

use super::kind::{DAY, HOUR, floor};
use super::spell::{Orgs, Spell, Stretch, is_shown, spells};
use super::sql;
use super::stock::{add_spells, end, postgres};
use crate::audit::AuditError;
use crate::audit::queries::{moment, needed};
use crate::audit::time::from_postgres;
use crate::database::Connection;

/// Intervals read person by person.
#[derive(Default)]
pub(super) struct Lived {
    /// Of one person, whose last interval may still be to come.
    subject: i64,
    stretches: Vec<Stretch>,
    is_over: bool,
}

impl Lived {
    /// Begins to read; once in a transaction.
    pub(super) async fn declare(connection: &mut Connection) -> Result<Self, AuditError> {
        sqlx::query(sql::INTERVALS_DECLARE).execute(connection).await?;
        Ok(Self::default())
    }

    /// The spells of the next people, by subject and time; none after the last person.
    pub(super) async fn next(
        &mut self,
        connection: &mut Connection,
        orgs: &mut Orgs,
    ) -> Result<Option<Vec<Spell>>, AuditError> {
        if self.is_over {
            return Ok(None);
        }
        let rows = sqlx::query(sql::INTERVALS_FETCH).fetch_all(connection).await?;
        self.is_over = rows.is_empty();
        let mut found = Vec::new();
        for row in &rows {
            let subject = row.try_get("subject")?;
            if subject != self.subject {
                found.extend(self.finish());
                self.subject = subject;
            }
            self.stretches.push(stretch(row, orgs)?);
        }
        if self.is_over {
            found.extend(self.finish());
        }
        Ok(Some(found))
    }

    /// Whether everybody was read.
    pub(super) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// The spells of the person who was read last.
    fn finish(&mut self) -> Vec<Spell> {
        let found = spells(self.subject, &self.stretches);
        self.stretches.clear();
        found
    }
}

fn stretch(row: &PgRow, orgs: &mut Orgs) -> Result<Stretch, AuditError> {
    Ok(Stretch {
        sequence: row.try_get("sequence")?,
        org: orgs.number(row.try_get("org")?),
        is_shown: is_shown(needed(row, "status")?),
        start: moment(row, "started_at")?.0,
        end: end(row)?,
    })
}

/// Makes the first spells, of all intervals of one snapshot; answers from when on there is something to roll up.
pub(super) async fn begin(connection: &mut Connection, now: i64) -> Result<i64, AuditError> {
    let (mut lived, mut orgs) = (Lived::declare(connection).await?, Orgs::default());
    while let Some(spells) = lived.next(connection, &mut orgs).await? {
        add_spells(connection, &spells, &orgs).await?;
    }
    sqlx::query(sql::BEGIN_POSITIONS).execute(&mut *connection).await?;
    let hour = beginning(connection).await?.map_or(floor(now, HOUR), |first| floor(first, DAY));
    sqlx::query(sql::BEGIN_STATE).bind(postgres(hour)?).execute(connection).await?;
    Ok(hour)
}

/// When the first spell of all began.
pub(super) async fn beginning(connection: &mut Connection) -> Result<Option<i64>, AuditError> {
    let first: Option<OffsetDateTime> = sqlx::query_scalar(sql::SPELLS_BEGIN).fetch_one(connection).await?;
    Ok(first.map(|at| from_postgres(at).0))
}
