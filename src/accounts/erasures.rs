//! Erasing a person. One transaction forgets the account with its logins and what the person chose, and notes that the
//! rest is under way: Redis has to be told, and the history to be unlinked once it holds the last entry about them. A
//! task does that, again and again until it is done, and then forgets the note.
//!
//! The action says that somebody was erased, by the account's number; of people of a host application, whose id may be
//! a name, it says no more than that.

use std::time::Duration;

use serde_json::json;
use sqlx::Row;
use sqlx::postgres::PgRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::entitlement::check_entitled;
use super::families::interval;
use super::{AccountError, AccountId, Accounts, Action, Origin, Permission, Severity, account, actions, sql};
use crate::database::Connection;
use crate::presence::{Gate, GateKind, Millis, UserId};

/// The version of the gate that refuses the tokens of somebody who was erased: above all that accounts ever have.
const REFUSAL: i64 = 1 << 52;

/// The newest entry of a shard at some moment: its epoch and number.
pub type Told = (i64, i64);

/// An erasure under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// Its name.
    pub id: Uuid,
    /// Who is erased.
    pub user: UserId,
    /// The request that decided it.
    pub request_id: Option<String>,
    /// Until then an access token may live that was issued before.
    pub refused_until: OffsetDateTime,
    /// Whether that moment had passed, by the clock of Postgres, when this was read.
    pub is_over: bool,
    /// The newest entry of the shard when Redis had been told; none before.
    pub told: Option<Told>,
    /// When the history was unlinked; none before.
    pub unlinked_at: Option<OffsetDateTime>,
}

/// What became of the wish to erase somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erased {
    /// How it stands.
    pub erasure: Erasure,
    /// Whether there was an account, which is gone.
    pub account: bool,
    /// Logins that went with it.
    pub logins: i64,
}

impl Erasure {
    /// What refuses the tokens that are still about. It ends by itself when they have.
    #[must_use]
    pub fn gate(&self) -> Gate {
        let until = self.refused_until;
        let until = Millis(until.unix_timestamp() * 1_000 + i64::from(until.millisecond()));
        Gate { kind: Some(GateKind::Inactive), version: REFUSAL, until: Some(until) }
    }
}

fn erasure(row: &PgRow) -> sqlx::Result<Erasure> {
    let epoch: Option<i64> = row.try_get("told_epoch")?;
    Ok(Erasure {
        id: row.try_get("id")?,
        user: account::word(row, "user_id")?,
        request_id: row.try_get("request_id")?,
        refused_until: row.try_get("refused_until")?,
        is_over: row.try_get("is_over")?,
        told: epoch.zip(row.try_get("told_n")?),
        unlinked_at: row.try_get("unlinked_at")?,
    })
}

impl Accounts {
    /// Begins to erase a user: the account with its logins is forgotten now, or was before; `token_life` is how long a
    /// token that was issued before may live. Asked again while it is under way, answers how it stands. `is_known`:
    /// whether anybody else has heard of the user.
    ///
    /// # Errors
    /// [`AccountError::NotFound`] of somebody who has no account and of whom nobody has heard;
    /// [`AccountError::LastAdmin`]; [`AccountError::NotEntitled`].
    pub async fn erase(
        &self,
        user: &UserId,
        is_known: bool,
        token_life: Duration,
        reason: Option<&str>,
        origin: &Origin,
    ) -> Result<Erased, AccountError> {
        let is_own = origin.actor.as_deref() == Some(user.as_str());
        let mut transaction = self.pool.begin().await?;
        let id = AccountId::of(user);
        let there = match id {
            Some(id) => lock(&mut transaction, id).await?,
            None => false,
        };
        if !is_own {
            check_entitled(&mut transaction, origin, Permission::EraseUser).await?;
        }
        if let Some(row) =
            sqlx::query(sql::ERASURE_OF).bind(user.as_str()).fetch_optional(&mut *transaction).await?
            && !there
        {
            return Ok(Erased { erasure: erasure(&row)?, account: false, logins: 0 });
        }
        if !there && !is_known {
            return Err(AccountError::NotFound);
        }
        let row = sqlx::query(sql::ERASURE_BEGIN)
            .bind(Uuid::now_v7())
            .bind(user.as_str())
            .bind(&origin.request_id)
            .bind(interval(token_life))
            .fetch_one(&mut *transaction)
            .await?;
        let erasure = erasure(&row)?;
        let logins = forget(&mut transaction, user, id).await?;
        let action = Action {
            name: actions::USER_ERASED,
            target_type: "USER",
            target_id: id.map(|id| id.to_string()),
            severity: Severity::Warning,
            category: if is_own { "user" } else { "admin" },
            before: None,
            after: Some(json!({"erasure": erasure.id, "account": there, "logins": logins})),
            detail: reason.map_or_else(|| "Erased".to_owned(), |reason| format!("Erased: {reason}")),
            origin,
        };
        actions::record(&mut transaction, &action).await?;
        transaction.commit().await?;
        Ok(Erased { erasure, account: there, logins })
    }

    /// Erasures under way, by name from behind `after` on, `limit` at most.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn erasures(&self, after: Uuid, limit: u32) -> Result<Vec<Erasure>, AccountError> {
        let rows =
            sqlx::query(sql::ERASURES).bind(after).bind(i64::from(limit)).fetch_all(&self.pool).await?;
        Ok(rows.iter().map(erasure).collect::<sqlx::Result<_>>()?)
    }

    /// Redis was told, and no entry behind this one is of the person; what was unlinked before has to be unlinked anew.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn erasure_told(&self, id: Uuid, told: Told) -> Result<(), AccountError> {
        sqlx::query(sql::ERASURE_TOLD).bind(id).bind(told.0).bind(told.1).execute(&self.pool).await?;
        Ok(())
    }

    /// The history was unlinked, behind this entry.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn erasure_unlinked(&self, id: Uuid, told: Told) -> Result<(), AccountError> {
        sqlx::query(sql::ERASURE_UNLINKED).bind(id).bind(told.0).bind(told.1).execute(&self.pool).await?;
        Ok(())
    }

    /// Everything is done: forgets that it was.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn end_erasure(&self, erasure: &Erasure) -> Result<(), AccountError> {
        let mut transaction = self.pool.begin().await?;
        // Whatever a request left that had begun before the tokens were refused.
        forget(&mut transaction, &erasure.user, AccountId::of(&erasure.user)).await?;
        sqlx::query(sql::ERASURE_END).bind(erasure.id).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Locks an account, be it in the trash, and every active administrator in one order; answers whether it is there.
async fn lock(connection: &mut Connection, id: AccountId) -> Result<bool, AccountError> {
    let rows: Vec<(AccountId, bool)> = sqlx::query_as(sql::ERASE_LOCK).bind(id).fetch_all(connection).await?;
    let Some((_, administers)) = rows.iter().find(|(other, _)| *other == id) else {
        return Ok(false);
    };
    if *administers && !rows.iter().any(|(other, administers)| *other != id && *administers) {
        return Err(AccountError::LastAdmin);
    }
    Ok(true)
}

/// Forgets what is kept of a person here; answers how many logins went.
async fn forget(connection: &mut Connection, user: &UserId, id: Option<AccountId>) -> sqlx::Result<i64> {
    sqlx::query(sql::VISIBILITY_FORGET).bind(user.as_str()).execute(&mut *connection).await?;
    let Some(id) = id else {
        return Ok(0);
    };
    let logins = sqlx::query_scalar(sql::FAMILIES_COUNT).bind(id).fetch_one(&mut *connection).await?;
    sqlx::query(sql::ACCOUNT_FORGET).bind(id).execute(connection).await?;
    Ok(logins)
}
