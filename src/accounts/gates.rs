//! The gates that Redis has not heard of yet, and suspensions that have come to their end.

use serde_json::json;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

use super::{Account, AccountError, AccountId, AccountStatus, Accounts, Action, Origin, actions, sql};
use crate::presence::{Gate, GateKind, Millis};

/// The gate of an account, as Redis must have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountGate {
    /// The account as it stands.
    pub account: Account,
    /// What to tell Redis.
    pub gate: Gate,
    /// The request that changed it last; none where time did.
    pub actor: Option<String>,
}

impl AccountGate {
    pub(super) fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let account = Account::from_row(row)?;
        let kind = account.gate();
        let until = account.suspended_until.filter(|_| kind == Some(GateKind::Suspended));
        let until = until.map(|at| Millis(at.unix_timestamp() * 1_000 + i64::from(at.millisecond())));
        let gate = Gate { kind, version: account.gate_version, until };
        Ok(Self { account, gate, actor: row.try_get("gate_actor")? })
    }
}

impl Accounts {
    /// Lifts at most `limit` suspensions whose end has come; answers how many. Redis lifts them by itself, by its own
    /// clock; this is for everything that Postgres is asked.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn end_suspensions(&self, limit: u32) -> Result<usize, AccountError> {
        let mut transaction = self.pool.begin().await?;
        let ended: Vec<AccountId> = sqlx::query_scalar(sql::SUSPENSIONS_END)
            .bind(i64::from(limit))
            .fetch_all(&mut *transaction)
            .await?;
        for id in &ended {
            let origin = Origin::default();
            let action = Action {
                category: "admin",
                before: Some(json!({"status": AccountStatus::Suspended})),
                after: Some(json!({"status": AccountStatus::Active})),
                ..Action::on(*id, actions::SUSPENSION_ENDED, "The suspension came to its end", &origin)
            };
            actions::record(&mut transaction, &action).await?;
        }
        transaction.commit().await?;
        Ok(ended.len())
    }

    /// Gates that Redis has not confirmed, by number from behind `after` on.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn unconfirmed_gates(
        &self,
        after: AccountId,
        limit: u32,
    ) -> Result<Vec<AccountGate>, AccountError> {
        self.gates_by(sql::GATES_UNCONFIRMED, after, limit).await
    }

    /// The gates of all accounts that ever had one, lifted or not, by number from behind `after` on.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn gates(&self, after: AccountId, limit: u32) -> Result<Vec<AccountGate>, AccountError> {
        self.gates_by(sql::GATES_ALL, after, limit).await
    }

    /// The gates that are shut now, by number from behind `after` on; among them suspensions whose end has come.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn shut_gates(&self, after: AccountId, limit: u32) -> Result<Vec<AccountGate>, AccountError> {
        self.gates_by(sql::GATES_SHUT, after, limit).await
    }

    async fn gates_by(
        &self,
        statement: &'static str,
        after: AccountId,
        limit: u32,
    ) -> Result<Vec<AccountGate>, AccountError> {
        let rows = sqlx::query(statement).bind(after).bind(i64::from(limit)).fetch_all(&self.pool).await?;
        Ok(rows.iter().map(AccountGate::from_row).collect::<sqlx::Result<_>>()?)
    }

    /// Redis has this gate. One that changed meanwhile stays unconfirmed.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn confirm_gate(&self, id: AccountId, version: i64) -> Result<(), AccountError> {
        sqlx::query(sql::GATE_CONFIRM).bind(id).bind(version).execute(&self.pool).await?;
        Ok(())
    }
}
