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
    line: Line,
    patience: Patience,
}

/// What a connection is held by.
#[derive(Debug)]
pub(super) enum Line {
    Plain(PoolConnection<Postgres>),
    Begun(sqlx::Transaction<'static, Postgres>),
}

impl Connection {
    pub(super) const fn new(line: Line, patience: Patience) -> Self {
        Self { line, patience }
    }

    fn line(&mut self) -> &mut PgConnection {
        match &mut self.line {
            Line::Plain(line) => line,
            Line::Begun(line) => line,
        }
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

    /// A point of the transaction that is under way to which [`undo`](Self::undo) goes back. It is over with the next
    /// one, or by [`release`](Self::release).
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

impl<'c> Executor<'c> for &'c mut Connection {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        self.patience.parts(self.line().fetch_many(query))
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        self.patience.answer(self.line().fetch_optional(query))
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        'c: 'e,
    {
        self.patience.answer(self.line().prepare_with(sql, parameters))
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, Error>>
    where
        'c: 'e,
    {
        self.patience.answer(self.line().describe(sql))
    }
}

/// A connection in a transaction, which is undone unless it is committed.
#[derive(Debug)]
pub struct Transaction(pub(super) Connection);

impl Transaction {
    /// Keeps what was done.
    ///
    /// # Errors
    /// Postgres does not answer: then it may be kept or not. Or it refuses what was checked only now.
    pub async fn commit(self) -> Result<(), Error> {
        match self.0.line {
            Line::Begun(line) => self.0.patience.answer(line.commit()).await,
            Line::Plain(_) => Ok(()),
        }
    }

    /// Undoes what was done, and waits until it is.
    ///
    /// # Errors
    /// Postgres does not answer: it is undone all the same.
    pub async fn rollback(self) -> Result<(), Error> {
        match self.0.line {
            Line::Begun(line) => self.0.patience.answer(line.rollback()).await,
            Line::Plain(_) => Ok(()),
        }
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
