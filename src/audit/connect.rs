//! Connections to Postgres, and the migrations.

use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Executor, PgPool};

use super::{AuditError, sql};

/// Every migration that this program knows.
pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// A pool of at most `max_connections`. Opens none yet, so that a node starts, and serves heartbeats, while Postgres
/// is down. With `role_switch` each connection gives up the rights of its login for those of `rollcall_app`, if the
/// login is a member of it.
///
/// # Errors
/// [`AuditError::Schema`] if the URL is none.
pub fn connect(url: &SecretString, role_switch: bool, max_connections: u32) -> Result<PgPool, AuditError> {
    // No statement of the service may hold a lock or a connection for longer than its callers wait.
    let options = parse(url)?.options([
        ("statement_timeout", "5s"),
        ("lock_timeout", "2s"),
        ("idle_in_transaction_session_timeout", "10s"),
    ]);
    let mut pool = PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(Duration::from_secs(3))
        .idle_timeout(Duration::from_secs(300))
        .max_lifetime(Duration::from_secs(1800));
    if role_switch {
        pool = pool.after_connect(|connection, _| {
            Box::pin(async move { connection.execute(sql::SWITCH_ROLE).await.map(|_| ()) })
        });
    }
    Ok(pool.connect_lazy_with(options))
}

/// A pool of one connection without time limits that keeps the rights of its login: for work on the whole history.
///
/// # Errors
/// [`AuditError::Schema`] if the URL is none.
pub fn connect_as_owner(url: &SecretString) -> Result<PgPool, AuditError> {
    Ok(PgPoolOptions::new().max_connections(1).connect_lazy_with(parse(url)?))
}

/// Brings the schema up to date. Runs as the owner, without time limits: a new index may take its time. Several
/// callers at once wait for each other.
///
/// # Errors
/// [`AuditError::Unavailable`] without Postgres, [`AuditError::Schema`] if a migration fails or the database is newer.
pub async fn migrate(url: &SecretString) -> Result<(), AuditError> {
    let mut connection = parse(url)?.connect().await?;
    MIGRATIONS.run(&mut connection).await.map_err(|error| AuditError::Schema(error.to_string()))
}

/// Tidies a whole database up and looks at what is in it, as Postgres does by itself some time after large changes.
///
/// # Errors
/// [`AuditError::Unavailable`] without Postgres.
pub async fn tidy(url: &SecretString) -> Result<(), AuditError> {
    let mut connection = parse(url)?.connect().await?;
    connection.execute("VACUUM (ANALYZE)").await?;
    Ok(connection.close().await?)
}

fn parse(url: &SecretString) -> Result<PgConnectOptions, AuditError> {
    // The parser's own message would repeat the password.
    PgConnectOptions::from_str(url.expose_secret())
        .map(|options| options.application_name("rollcall"))
        .map_err(|_| AuditError::Schema("the database URL is not a Postgres URL".to_owned()))
}
