//! Where a page of accounts ended: what a client passes back for the next one.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use time::OffsetDateTime;

use super::people::unmatchable;
use super::{Account, AccountId, Order};

/// Where a page ended, and in which order its list is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListCursor {
    order: Order,
    pub(super) created_at: OffsetDateTime,
    pub(super) id: AccountId,
    pub(super) username: String,
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

    /// The place behind this account.
    #[must_use]
    pub fn behind(account: &Account, order: Order) -> Self {
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
}
