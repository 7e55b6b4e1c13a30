//! What an answer is made of: one snapshot of spells and rollups, and the span that is asked for.

use super::stock::{Standing, standing};
use crate::audit::{Audit, AuditError};
use crate::database::{Connection, Transaction};
use crate::presence::{Millis, Org};

/// A span of time, of an organisation or of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Included.
    pub from: Millis,
    /// Not included.
    pub to: Millis,
    /// None: all.
    pub org: Option<Org>,
}

impl Span {
    /// What of it is kept: the history may begin later.
    pub(super) fn kept(&self, standing: Standing) -> (i64, i64) {
        let from = standing.kept_since.map_or(self.from.0, |since| since.max(self.from.0));
        (from.min(self.to.0), self.to.0)
    }
}

/// A snapshot, and up to when everything is rolled up in it.
pub(super) struct View {
    tx: Transaction,
    pub(super) standing: Standing,
    pub(super) rolled: i64,
}

impl View {
    pub(super) async fn of(audit: &Audit) -> Result<Self, AuditError> {
        let mut tx = audit.pool.begin().await?;
        sqlx::query(crate::audit::sql::SNAPSHOT).execute(&mut *tx).await?;
        let standing = standing(&mut tx).await?;
        let rolled = standing.rolled_until.ok_or_else(|| {
            AuditError::Unavailable("figures are being made of the history there is".to_owned())
        })?;
        Ok(Self { tx, standing, rolled })
    }

    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.tx
    }

    /// Lets the connection go, before what was read is worked on.
    pub(super) async fn close(self) -> Result<(), AuditError> {
        Ok(self.tx.rollback().await?)
    }
}
