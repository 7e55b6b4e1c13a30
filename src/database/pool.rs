//! The connections of a program.

use async_stream::try_stream;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use sqlx::postgres::{PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{Describe, Either, Error, Execute, Executor, PgPool, Postgres, SqlStr};

use super::connect::STATEMENT_LIMIT;
use super::patience::Patience;
use super::{Connection, Transaction};

/// Connections that are shared. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Pool {
    pool: PgPool,
    patience: Patience,
}

impl Pool {
    /// Work without time limits, on Postgres' side as well.
    pub(super) const fn endless(pool: PgPool) -> Self {
        Self { pool, patience: Patience::Endless }
    }

    /// A connection for several statements.
    ///
    /// # Errors
    /// None became free in time, or Postgres does not answer.
    pub async fn acquire(&self) -> Result<Connection, Error> {
        Ok(Connection::new(self.pool.acquire().await?, self.patience))
    }

    /// A connection in a transaction, which is undone unless it is committed.
    ///
    /// # Errors
    /// None became free in time, or Postgres does not answer.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        self.acquire().await?.begin().await
    }

    /// How many connections there may be.
    #[must_use]
    pub fn most(&self) -> u32 {
        self.pool.options().get_max_connections()
    }

    /// How many connections there are.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.pool.size()
    }

    /// How many of them wait for work.
    #[must_use]
    pub fn num_idle(&self) -> usize {
        self.pool.num_idle()
    }
}

/// A pool whose Postgres ends statements as that of [`connect`](super::connect()) does.
impl From<PgPool> for Pool {
    fn from(pool: PgPool) -> Self {
        Self { pool, patience: Patience::for_statements_of(STATEMENT_LIMIT) }
    }
}

/// One statement, over whichever connection is free.
impl<'p> Executor<'p> for &'p Pool {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let parts = try_stream! {
            let mut connection = self.acquire().await?;
            let mut parts = connection.fetch_many(query);
            while let Some(part) = parts.try_next().await? {
                yield part;
            }
        };
        parts.boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        async move { self.acquire().await?.fetch_optional(query).await }.boxed()
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        'p: 'e,
    {
        async move { self.acquire().await?.prepare_with(sql, parameters).await }.boxed()
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, Error>>
    where
        'p: 'e,
    {
        async move { self.acquire().await?.describe(sql).await }.boxed()
    }
}
