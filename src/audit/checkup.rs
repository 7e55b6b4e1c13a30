//! What `rollcall doctor` asks of Postgres: whether it is fit for the history, and what lies about in it. Only reads.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sqlx::Row;
use sqlx::types::time::OffsetDateTime;

use super::migrations::MIGRATIONS;
use super::queries::moment;
use super::retention::interval;
use super::time::from_postgres;
use super::{Audit, AuditError, sql};
use crate::presence::Millis;

/// Tables whose rows are added and never changed.
const ADDED_TO: [&str; 5] =
    ["admin_actions", "audit_seals", "copy_batches", "system_events", "transitions_log"];
/// Events that say that rows are missing or contradict each other.
const LATE: [&str; 2] = ["copy_conflict", "gap"];

/// A server of Postgres.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// As it names itself.
    pub version: String,
    /// Its first number.
    pub major: i32,
    /// Whether it only follows another one.
    pub is_standby: bool,
    /// Connections that it takes from everybody but superusers.
    pub connections: i32,
    /// Connections that there are.
    pub used: i64,
    /// With whose rights the service works.
    pub role: String,
    /// As whom it logged in.
    pub login: String,
    /// Its clock.
    pub now: Millis,
}

/// The schema, held against the one that this program knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// The newest migration that was applied.
    pub applied: i64,
    /// The newest that this program knows.
    pub known: i64,
    /// Known and not applied.
    pub missing: Vec<i64>,
    /// Applied, and not known: a newer program did it.
    pub newer: Vec<i64>,
    /// Applied with another text, or not to the end.
    pub altered: Vec<i64>,
}

/// What the role may do with tables that are only added to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// It may not read them, or not add to them.
    pub lacking: Vec<String>,
    /// It may change or remove what is in them.
    pub excessive: Vec<String>,
}

/// How far ahead there are partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserve {
    /// Whether every table has its month.
    pub has_now: bool,
    /// For so long rows have a place to go.
    pub ahead: Duration,
}

/// What could not be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Entries.
    pub count: i64,
    /// When the last one came.
    pub newest: Option<Millis>,
}

/// System events of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LateEvents {
    /// The kind.
    pub kind: String,
    /// How many.
    pub count: i64,
    /// The last one.
    pub newest: Millis,
}

impl Audit {
    /// What the server says of itself.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn server(&self) -> Result<Server, AuditError> {
        let row = sqlx::query(sql::SERVER).fetch_one(&self.pool).await?;
        Ok(Server {
            version: row.try_get("version")?,
            major: row.try_get("major")?,
            is_standby: row.try_get("is_standby")?,
            connections: row.try_get::<i32, _>("most")? - row.try_get::<i32, _>("reserved")?,
            used: row.try_get("used")?,
            role: row.try_get("role")?,
            login: row.try_get("login")?,
            now: moment(&row, "now")?,
        })
    }

    /// The schema, held against the one that this program knows.
    ///
    /// # Errors
    /// [`AuditError::Schema`] where nothing was ever applied, or the right to look is missing, as before the migration
    /// that grants it; else [`AuditError`] if Postgres fails.
    pub async fn schema(&self) -> Result<Schema, AuditError> {
        let rows = sqlx::query(sql::MIGRATIONS_APPLIED).fetch_all(&self.pool).await?;
        let known: BTreeMap<i64, &[u8]> =
            MIGRATIONS.iter().map(|migration| (migration.version, &*migration.checksum)).collect();
        let (mut schema, mut applied) = (Schema::default(), BTreeSet::new());
        for row in &rows {
            let version: i64 = row.try_get("version")?;
            applied.insert(version);
            match known.get(&version) {
                None => schema.newer.push(version),
                Some(text)
                    if !row.try_get::<bool, _>("success")?
                        || *text != row.try_get::<&[u8], _>("checksum")? =>
                {
                    schema.altered.push(version);
                }
                Some(_) => {}
            }
        }
        schema.missing = known.keys().copied().filter(|version| !applied.contains(version)).collect();
        schema.applied = applied.last().copied().unwrap_or(0);
        schema.known = known.keys().last().copied().unwrap_or(0);
        Ok(schema)
    }

    /// What the role may do with tables that are only added to.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn rights(&self) -> Result<Rights, AuditError> {
        let mut rights = Rights::default();
        for row in sqlx::query(sql::RIGHTS).bind(&ADDED_TO[..]).fetch_all(&self.pool).await? {
            let name: String = row.try_get("name")?;
            if row.try_get("may_change")? {
                rights.excessive.push(name.clone());
            }
            if !row.try_get::<bool, _>("may_add")? {
                rights.lacking.push(name);
            }
        }
        Ok(rights)
    }

    /// How far ahead there are partitions.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn reserve(&self) -> Result<Reserve, AuditError> {
        let row = sqlx::query(sql::RESERVE).fetch_one(&self.pool).await?;
        let has_now = row.try_get::<Option<bool>, _>("has_now")?.unwrap_or(false);
        let seconds = row.try_get::<Option<f64>, _>("seconds")?.unwrap_or(0.0);
        Ok(Reserve { has_now, ahead: Duration::try_from_secs_f64(seconds).unwrap_or_default() })
    }

    /// What could not be stored.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn quarantined(&self) -> Result<Quarantined, AuditError> {
        let row = sqlx::query(sql::QUARANTINE_COUNT).fetch_one(&self.pool).await?;
        let newest = row.try_get::<Option<OffsetDateTime>, _>("newest")?.map(from_postgres);
        Ok(Quarantined { count: row.try_get("count")?, newest })
    }

    /// System events of late that say that rows are missing or contradict each other.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn late_events(&self, within: Duration) -> Result<Vec<LateEvents>, AuditError> {
        let rows = sqlx::query(sql::LATE_EVENTS)
            .bind(&LATE[..])
            .bind(interval(within)?)
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(LateEvents {
                    kind: row.try_get("kind")?,
                    count: row.try_get("count")?,
                    newest: moment(row, "newest")?,
                })
            })
            .collect()
    }
}
