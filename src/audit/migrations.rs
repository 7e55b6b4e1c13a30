//! The schema, and the state that large changes leave it in.

use secrecy::SecretString;
use sqlx::migrate::Migrator;
use sqlx::{ConnectOptions, Connection, Executor};

use super::AuditError;
use crate::database;

/// Every migration that this program knows.
pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Brings the schema up to date. Runs as the owner, without time limits: a new index may take its time. Several
/// callers at once wait for each other.
///
/// # Errors
/// [`AuditError::Unavailable`] without Postgres, [`AuditError::Schema`] if a migration fails or the database is newer.
pub async fn migrate(url: &SecretString) -> Result<(), AuditError> {
    let mut connection = database::options(url)?.connect().await?;
    MIGRATIONS.run(&mut connection).await.map_err(|error| AuditError::Schema(error.to_string()))
}

/// Tidies a whole database up and looks at what is in it, as Postgres does by itself some time after large changes.
///
/// # Errors
/// [`AuditError::Unavailable`] without Postgres.
pub async fn tidy(url: &SecretString) -> Result<(), AuditError> {
    let mut connection = database::options(url)?.connect().await?;
    connection.execute("VACUUM (ANALYZE)").await?;
    Ok(connection.close().await?)
}
