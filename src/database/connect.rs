//! How connections are made, and looked after.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::pool::PoolConnectionMetadata;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{Connection as _, Error, Executor};
use tokio::time::timeout;

use super::Pool;

/// How long a statement of the service may take, unless it says otherwise.
pub(super) const STATEMENT_LIMIT: Duration = Duration::from_secs(5);

/// How long a connection that waits for work may take to say that it lasts.
const SIGN: Duration = Duration::from_secs(1);

/// A connection that has answered less long ago is believed: the question is a way to Postgres and back.
const BELIEVED: Duration = Duration::from_secs(1);

/// A connection that is older is closed after it has waited for work: settings and rights of a login change.
const OLD: Duration = Duration::from_secs(1800);

/// `set_config` and not `SET ROLE`: it does nothing, instead of failing, for a login that is no member.
const SWITCH_ROLE: &str = "SELECT set_config('role', 'rollcall_app', false) FROM pg_roles \
    WHERE rolname = 'rollcall_app' AND current_user <> 'rollcall_app' AND pg_has_role(current_user, oid, 'member')";

/// The URL says nothing of a Postgres. It is not repeated: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the database URL is not a Postgres URL")]
pub struct NoPostgresUrl;

/// A pool of at most `max_connections`. Opens none yet, so that a node starts, and serves heartbeats, while Postgres
/// is down. With `role_switch` each connection gives up the rights of its login for those of `rollcall_app`, if the
/// login is a member of it.
///
/// # Errors
/// The URL is none.
pub fn connect(url: &SecretString, role_switch: bool, max_connections: u32) -> Result<Pool, NoPostgresUrl> {
    // No statement of the service may hold a lock or a connection for longer than its callers wait.
    let options = options(url)?.options([
        ("statement_timeout", format!("{}ms", STATEMENT_LIMIT.as_millis()).as_str()),
        ("lock_timeout", "2s"),
        ("idle_in_transaction_session_timeout", "10s"),
    ]);
    let renewal = Arc::new(Renewal { options: options.clone(), role_switch });
    // The pool's own question before each use would be waited for as long as its caller waits. And what its maintenance does to
    // connections that are old or idle would not end with one that is silent, and holds its place until it does.
    let mut pool = PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(Duration::from_secs(3))
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .before_acquire(move |connection, known| {
            let renewal = Arc::clone(&renewal);
            Box::pin(async move { renewal.look_at(connection, known).await })
        });
    if role_switch {
        pool = pool.after_connect(|connection, _| Box::pin(switch_role(connection)));
    }
    Ok(pool.connect_lazy_with(options).into())
}

/// How connections that have waited for work are looked at, and made anew.
struct Renewal {
    options: PgConnectOptions,
    role_switch: bool,
}

impl Renewal {
    /// Whether a connection may be used. In place of one that is silent another one stands afterwards.
    ///
    /// # Errors
    /// There is no other one.
    async fn look_at(
        &self,
        connection: &mut PgConnection,
        known: PoolConnectionMetadata,
    ) -> Result<bool, Error> {
        if known.idle_for < BELIEVED {
            return Ok(true);
        }
        if matches!(timeout(SIGN, connection.ping()).await, Ok(Ok(()))) {
            return Ok(known.age < OLD);
        }
        // Not by the pool, which says goodbye first: over TLS it waits for what a silent one answers to that.
        *connection = PgConnection::connect_with(&self.options).await?;
        if self.role_switch {
            switch_role(connection).await?;
        }
        Ok(true)
    }
}

async fn switch_role(connection: &mut PgConnection) -> Result<(), Error> {
    connection.execute(SWITCH_ROLE).await.map(drop)
}

/// A pool of one connection without time limits that keeps the rights of its login: for work on the whole history.
///
/// # Errors
/// The URL is none.
pub fn connect_as_owner(url: &SecretString) -> Result<Pool, NoPostgresUrl> {
    Ok(Pool::endless(PgPoolOptions::new().max_connections(1).connect_lazy_with(options(url)?)))
}

/// What a URL says, for a connection that is nobody's.
///
/// # Errors
/// The URL is none.
pub fn options(url: &SecretString) -> Result<PgConnectOptions, NoPostgresUrl> {
    // The parser's own message would repeat the password.
    let options = PgConnectOptions::from_str(url.expose_secret()).map_err(|_| NoPostgresUrl)?;
    Ok(options.application_name("rollcall"))
}
