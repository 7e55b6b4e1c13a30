//! One connection, and one in a transaction.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{Describe, Either, Error, Execute, Executor, Postgres, SqlStr};

use super::patience::Patience;

/// In milliseconds, until the transaction is over.
const STATEMENT_TIMEOUT: &str = "SELECT set_config('statement_timeout', $1, true)";

/// A connection of the pool, to which it goes back.
#[derive(Debug)]
pub struct Connection {
    /// Taken at the end only.
    line: Option<PoolConnection<Postgres>>,
    patience: Patience,
    /// What it has between transactions.
    usual: Patience,
    /// A transaction is under way, or may be.
    is_begun: bool,
    /// An answer did not come.
    is_silent: bool,
}

impl Connection {
    pub(super) const fn new(line: PoolConnection<Postgres>, patience: Patience) -> Self {
        Self { line: Some(line), patience, usual: patience, is_begun: false, is_silent: false }
    }

    /// What statements are sent over, and where it is noted that they were not answered.
    fn parts(&mut self) -> (&mut PgConnection, Patience, &mut bool) {
        let line = self.line.as_mut().expect("it is held until the end");
        (line, self.patience, &mut self.is_silent)
    }

    /// Begins a transaction.
    ///
    /// Not by `sqlx`, which does not know of one whose beginning was heard by Postgres but whose caller did not wait for the
    /// answer, and hands the connection on with that transaction under way (0.9.0).
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn begin(mut self) -> Result<Transaction, Error> {
        self.is_begun = true;
        self.execute("BEGIN").await?;
        Ok(Transaction(self))
    }

    /// Lets each statement of the transaction that is under way take so long, where a request's would have to end.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn take_time(&mut self, limit: Duration) -> Result<(), Error> {
        if let Patience::Limited(_) = self.patience {
            sqlx::query(STATEMENT_TIMEOUT).bind(limit.as_millis().to_string()).execute(&mut *self).await?;
            self.patience = Patience::for_statements_of(limit);
        }
        Ok(())
    }

    /// A point of the transaction that is under way to which [`undo`](Self::undo) goes back. One at a time.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn savepoint(&mut self) -> Result<(), Error> {
        self.execute("SAVEPOINT before").await.map(drop)
    }

    /// Keeps what was done since the savepoint.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn release(&mut self) -> Result<(), Error> {
        self.execute("RELEASE SAVEPOINT before").await.map(drop)
    }

    /// Undoes what was done since the savepoint, also where that failed; the transaction goes on.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn undo(&mut self) -> Result<(), Error> {
        self.execute("ROLLBACK TO SAVEPOINT before").await?;
        self.release().await
    }
}

/// Undoes what was not committed, and gives the connection back if it still answers. `sqlx` would wait for that without a limit.
impl Drop for Connection {
    fn drop(&mut self) {
        let Some(mut line) = self.line.take() else { return };
        if self.is_silent {
            hang_up(line);
            return;
        }
        let (patience, is_begun) = (self.usual, self.is_begun);
        tokio::spawn(async move {
            // What is still under way is waited for by whatever is said next.
            let is_done =
                !is_begun || patience.within(line.execute("ROLLBACK")).await.is_some_and(|done| done.is_ok());
            if is_done {
                // Asks it. What does not answer is closed with this.
                patience.within(line.return_to_pool()).await;
            } else {
                hang_up(line);
            }
        });
    }
}

/// Closes a connection without the goodbye, whose end would be waited for: over TLS an answer is read first.
fn hang_up(line: PoolConnection<Postgres>) {
    drop(line.detach());
}

impl<'c> Executor<'c> for &'c mut Connection {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let (line, patience, is_silent) = self.parts();
        patience.parts(line.fetch_many(query), is_silent)
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let (line, patience, is_silent) = self.parts();
        patience.answer(line.fetch_optional(query), is_silent)
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        'c: 'e,
    {
        let (line, patience, is_silent) = self.parts();
        patience.answer(line.prepare_with(sql, parameters), is_silent)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, Error>>
    where
        'c: 'e,
    {
        let (line, patience, is_silent) = self.parts();
        patience.answer(line.describe(sql), is_silent)
    }
}

/// A connection in a transaction, which is undone unless it is committed.
#[derive(Debug)]
pub struct Transaction(Connection);

impl Transaction {
    /// Keeps what was done.
    ///
    /// # Errors
    /// Postgres does not answer: then it may be kept or not. Or it refuses what was checked only now.
    pub async fn commit(self) -> Result<(), Error> {
        self.end("COMMIT").await.map(drop)
    }

    /// Undoes what was done, and waits until it is.
    ///
    /// # Errors
    /// Postgres does not answer: it is undone all the same.
    pub async fn rollback(self) -> Result<(), Error> {
        self.end("ROLLBACK").await.map(drop)
    }

    /// The connection, in which what was done is undone.
    ///
    /// # Errors
    /// Postgres does not answer: it is undone all the same.
    pub async fn undone(self) -> Result<Connection, Error> {
        self.end("ROLLBACK").await
    }

    /// The connection, in which what was done is kept.
    ///
    /// # Errors
    /// Those of [`commit`](Self::commit).
    pub async fn kept(self) -> Result<Connection, Error> {
        self.end("COMMIT").await
    }

    /// Ends the connection, with whatever it holds: the transaction, and locks that are not of that.
    pub fn close(self) {
        let Self(mut connection) = self;
        connection.line.take().into_iter().for_each(hang_up);
    }

    async fn end(self, how: &'static str) -> Result<Connection, Error> {
        let Self(mut connection) = self;
        connection.execute(how).await?;
        (connection.is_begun, connection.patience) = (false, connection.usual);
        Ok(connection)
    }
}

impl Deref for Transaction {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.0
    }
}
