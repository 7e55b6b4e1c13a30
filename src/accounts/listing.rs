//! Lists of accounts: filtered, in one of three orders, by numbered pages or from a cursor on.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::{QueryAs, QueryScalar};
use time::OffsetDateTime;

use super::filter::{Among, Filter};
use super::people::unmatchable;
use super::{Account, AccountError, AccountId, AccountStatus, Accounts, sql};
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

/// Where a page ended, and in which order its list is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListCursor {
    order: Order,
    created_at: OffsetDateTime,
    id: AccountId,
    username: String,
}

/// A text that is no cursor of accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this list")]
pub struct InvalidListCursor;

impl ListCursor {
    /// The order of the list.
    #[must_use]
    pub const fn order(&self) -> Order {
        self.order
    }

    fn behind(account: &Account, order: Order) -> Self {
        let (created_at, id, username) = (account.created_at, account.id, account.username.clone());
        Self { order, created_at, id, username }
    }
}

impl fmt::Display for ListCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Postgres has microseconds, and the cursor must not lose one.
        let micros = self.created_at.unix_timestamp_nanos() / 1_000;
        let order = match self.order {
            Order::Newest => 'n',
            Order::Oldest => 'o',
            Order::Username => 'u',
        };
        f.write_str(&URL_SAFE_NO_PAD.encode(format!("{order} {micros} {} {}", self.id, self.username)))
    }
}

impl FromStr for ListCursor {
    type Err = InvalidListCursor;

    fn from_str(text: &str) -> Result<Self, InvalidListCursor> {
        let parse = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
            let mut parts = text.splitn(4, ' ');
            let order = match parts.next()? {
                "n" => Order::Newest,
                "o" => Order::Oldest,
                "u" => Order::Username,
                _ => return None,
            };
            let nanos = parts.next()?.parse::<i128>().ok()?.checked_mul(1_000)?;
            // Postgres has no times before 4713 BC, and no account was made then.
            let created_at =
                OffsetDateTime::from_unix_timestamp_nanos(nanos).ok().filter(|at| at.year() >= 1970)?;
            let id = parts.next()?.parse().ok().filter(|id| *id > 0)?;
            let username = parts.next().filter(|name| !unmatchable(name))?.to_owned();
            Some(Self { order, created_at, id: AccountId(id), username })
        };
        parse().ok_or(InvalidListCursor)
    }
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
        if filter.is_unmatchable() {
            return Ok(Page { accounts: Vec::new(), next: None });
        }
        // One more than asked for tells whether another page follows.
        let rows = i64::from(limit) + 1;
        let (behind, skipped) = match place {
            Place::After(count) => (None, i64::try_from(*count).unwrap_or(i64::MAX)),
            Place::Behind(cursor) => (Some(cursor), 0),
        };
        let query = match filter.far_statement(order).filter(|_| skipped > 0) {
            Some(far) => {
                let query: Rows<'_> = bind_filter!(sqlx::query_as(far), filter);
                query.bind(rows).bind(skipped)
            }
            None => near(filter, order, behind, rows, skipped),
        };
        // Planned for these very values: a plan for any filter would use none of the indexes well.
        let mut accounts = query.persistent(false).fetch_all(&self.pool).await?;
        let more = accounts.len() > limit as usize;
        accounts.truncate(limit as usize);
        let next = accounts.last().filter(|_| more).map(|last| ListCursor::behind(last, order));
        Ok(Page { accounts, next })
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_comes_back_as_it_went(
            order in prop_oneof![Just(Order::Newest), Just(Order::Oldest), Just(Order::Username)],
            micros in 0_i64..=4_102_444_800_000_000,
            id in 1_i64..,
            username in "[\\p{L}0-9_.-][\\p{L}0-9_. -]{1,20}[\\p{L}0-9_.-]",
        ) {
            let created_at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).unwrap();
            let cursor = ListCursor { order, created_at, id: AccountId(id), username };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn anything_else_is_refused_or_reads_back_the_same(text in ".{0,60}") {
            if let Ok(cursor) = text.parse::<ListCursor>() {
                prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
            }
        }

        #[test]
        fn what_is_encoded_but_no_cursor_is_refused_or_reads_back_the_same(text in "[nou]? ?-?[0-9]{0,40} [0-9-]{0,20} .{0,9}") {
            if let Ok(cursor) = URL_SAFE_NO_PAD.encode(text).parse::<ListCursor>() {
                prop_assert!(cursor.id.0 > 0);
                prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
            }
        }
    }

    #[test]
    fn signs_of_patterns_mean_themselves() {
        let filter = Filter { search: Some(" 50%_\\ ".to_owned()), ..Filter::default() };
        assert_eq!(filter.pattern().unwrap(), "%50\\%\\_\\\\%");
        assert_eq!(Filter { search: Some("  ".to_owned()), ..Filter::default() }.pattern(), None);
    }
}
