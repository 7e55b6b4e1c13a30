//! Which accounts may not be online now: asked when Redis has lost its data, or been set back.

use sqlx::{FromRow, Row};

use super::account::Account;
use super::{AccountError, Accounts, sql};
use crate::presence::{Gate, GateKind, Millis, Org, UserId};

/// Where the gate of one account stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whose.
    pub user: UserId,
    /// The organisation.
    pub org: Org,
    /// The gate; its kind is `None` if it was lifted.
    pub gate: Gate,
}

impl Accounts {
    /// The gates of all accounts that ever had one, lifted or not.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn gates(&self) -> Result<Vec<Standing>, AccountError> {
        let rows = sqlx::query(sql::GATES).fetch_all(&self.pool).await?;
        let standing = |row| -> sqlx::Result<Standing> {
            let account = Account::from_row(row)?;
            let kind = if row.try_get("deleted")? { Some(GateKind::Inactive) } else { account.gate() };
            let until = account.suspended_until.filter(|_| kind == Some(GateKind::Suspended));
            let until = until.map(|until| until.unix_timestamp_nanos() / 1_000_000);
            let gate = Gate {
                kind,
                version: account.gate_version,
                until: until.and_then(|ms| i64::try_from(ms).ok()).map(Millis),
            };
            Ok(Standing { user: account.id.user(), org: account.org, gate })
        };
        Ok(rows.iter().map(standing).collect::<sqlx::Result<_>>()?)
    }
}
