//! Lists of accounts: filtered, in one of three orders, by numbered pages or from a cursor on.

use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::{QueryAs, QueryScalar};

use super::filter::{Among, Filter};
use super::{Account, AccountError, AccountId, AccountStatus, Accounts, ListCursor, sql};
use crate::presence::{Org, Role};

/// In which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Last made first.
    #[default]
    Newest,
    /// First made first.
    Oldest,
    /// By user name, without regard to case.
    Username,
}

/// Which part of a list.
#[derive(Clone, Debug)]
pub enum Place {
    /// After so many.
    After(u64),
    /// From behind this place on.
    Behind(ListCursor),
}

/// One page of accounts.
#[derive(Clone, Debug)]
pub struct Page {
    /// Those of this page.
    pub accounts: Vec<Account>,
    /// Where the next page begins, if there is one.
    pub next: Option<ListCursor>,
}

type Rows<'q> = QueryAs<'q, Postgres, Account, PgArguments>;
type Count<'q> = QueryScalar<'q, Postgres, i64, PgArguments>;

/// Binds what both statements begin with.
macro_rules! bind_filter {
    ($query:expr, $filter:expr) => {
        $query
            .bind($filter.pattern())
            .bind($filter.role.map(Role::as_str))
            .bind($filter.status.map(AccountStatus::as_str))
            .bind($filter.is_active)
            .bind($filter.org.as_ref().map(Org::as_str))
            .bind($filter.created_since)
            .bind($filter.created_until)
    };
}

impl Accounts {
    /// All accounts that a search finds, in no order.
    ///
    /// # Errors
    /// [`AccountError`] if Postgres fails.
    pub async fn found(&self, search: &str) -> Result<Vec<AccountId>, AccountError> {
        let filter = Filter { search: Some(search.to_owned()), ..Filter::default() };
        if filter.is_unmatchable() {
            return Ok(Vec::new());
        }
        Ok(sqlx::query_scalar(sql::ACCOUNTS_FOUND).bind(filter.pattern()).fetch_all(&self.pool).await?)
    }
}

impl Filter {
    /// A search finds its rows before it can skip any of them, and the order of names has no index that would do alone.
    fn far_statement(&self, order: Order) -> Option<&'static str> {
        match (order, &self.among) {
            _ if self.search().is_some() => None,
            (Order::Newest, Among::All) => Some(sql::ACCOUNTS_NEWEST_FAR),
            (Order::Oldest, Among::All) => Some(sql::ACCOUNTS_OLDEST_FAR),
            _ => None,
        }
    }

    const fn page_statement(&self, order: Order) -> &'static str {
        match (order, &self.among) {
            (Order::Newest, Among::All) => sql::ACCOUNTS_NEWEST,
            (Order::Newest, Among::Only(_)) => sql::ACCOUNTS_NEWEST_ONLY,
            (Order::Newest, Among::Without(_)) => sql::ACCOUNTS_NEWEST_WITHOUT,
            (Order::Oldest, Among::All) => sql::ACCOUNTS_OLDEST,
            (Order::Oldest, Among::Only(_)) => sql::ACCOUNTS_OLDEST_ONLY,
            (Order::Oldest, Among::Without(_)) => sql::ACCOUNTS_OLDEST_WITHOUT,
            (Order::Username, Among::All) => sql::ACCOUNTS_NAMED,
            (Order::Username, Among::Only(_)) => sql::ACCOUNTS_NAMED_ONLY,
            (Order::Username, Among::Without(_)) => sql::ACCOUNTS_NAMED_WITHOUT,
        }
    }
}

impl Accounts {
    /// How many accounts `filter` lets through.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn count(&self, filter: &Filter) -> Result<i64, AccountError> {
        if filter.is_unmatchable() {
            return Ok(0);
        }
        let statement = match filter.among {
            Among::All => sql::ACCOUNTS_COUNT,
            Among::Only(_) => sql::ACCOUNTS_COUNT_ONLY,
            Among::Without(_) => sql::ACCOUNTS_COUNT_WITHOUT,
        };
        let query: Count<'_> = bind_filter!(sqlx::query_scalar(statement), filter);
        let query = match &filter.among {
            Among::All => query,
            Among::Only(ids) | Among::Without(ids) => query.bind(ids),
        };
        Ok(query.persistent(false).fetch_one(&self.pool).await?)
    }

    /// At most `limit` of the accounts that `filter` lets through, from `place` on.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn page(
        &self,
        filter: &Filter,
        order: Order,
        place: &Place,
        limit: u32,
    ) -> Result<Page, AccountError> {
        // One more than asked for tells whether another page follows.
        let rows = self.rows(filter, order, place, i64::from(limit) + 1);
        let mut accounts: Vec<Account> = rows.try_collect().await?;
        let more = accounts.len() > limit as usize;
        accounts.truncate(limit as usize);
        let next = accounts.last().filter(|_| more).map(|last| ListCursor::behind(last, order));
        Ok(Page { accounts, next })
    }

    /// The same accounts one after the other, as Postgres sends them. A connection is held until the last has been taken:
    /// whoever reads must not wait for another one meanwhile.
    pub fn rows<'a>(
        &'a self,
        filter: &'a Filter,
        order: Order,
        place: &'a Place,
        limit: i64,
    ) -> BoxStream<'a, Result<Account, AccountError>> {
        if filter.is_unmatchable() {
            return stream::empty().boxed();
        }
        let (behind, skipped) = match place {
            Place::After(count) => (None, i64::try_from(*count).unwrap_or(i64::MAX)),
            Place::Behind(cursor) => (Some(cursor), 0),
        };
        let query = match filter.far_statement(order).filter(|_| skipped > 0) {
            Some(far) => {
                let query: Rows<'_> = bind_filter!(sqlx::query_as(far), filter);
                query.bind(limit).bind(skipped)
            }
            None => near(filter, order, behind, limit, skipped),
        };
        // Planned for these very values: a plan for any filter would use none of the indexes well.
        query.persistent(false).fetch(&self.pool).map_err(AccountError::from).boxed()
    }
}

/// The question for a page that begins behind a place, or so many rows after the first.
fn near<'q>(
    filter: &'q Filter,
    order: Order,
    behind: Option<&'q ListCursor>,
    rows: i64,
    skipped: i64,
) -> Rows<'q> {
    let query: Rows<'_> = bind_filter!(sqlx::query_as(filter.page_statement(order)), filter);
    let query = match order {
        Order::Newest | Order::Oldest => {
            query.bind(behind.map(|cursor| cursor.created_at)).bind(behind.map(|cursor| cursor.id))
        }
        Order::Username => query.bind(behind.map(|cursor| &cursor.username)).bind(None::<i64>),
    };
    let query = query.bind(rows).bind(skipped);
    match &filter.among {
        Among::All => query,
        Among::Only(ids) | Among::Without(ids) => query.bind(ids),
    }
}
