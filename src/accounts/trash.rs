//! Accounts put away, taken back and removed for good.
//!
//! What is in the trash is invisible to everything else, its names are free, its logins and tokens have ended and its
//! gate is shut. After [`KEPT`] it is removed. Who is removed before that leaves an empty row for as long as a token may
//! still name it: if Redis lost its data meanwhile, the row is what keeps its gate shut.

use std::time::Duration;

use super::entitlement::{check_entitled, lock};
use super::families::{self, EndReason, interval};
use super::{
    Account, AccountError, AccountGate, AccountId, Accounts, Action, Decided, Origin, Permission, Severity,
    actions, sql,
};
use crate::database::Connection;
use crate::presence::Role;

/// How long an account stays in the trash.
pub const KEPT: Duration = Duration::from_secs(30 * 86_400);

/// Accounts removed by one transaction.
const BATCH: i32 = 500;

impl Accounts {
    /// Puts an account into the trash.
    ///
    /// # Errors
    /// [`AccountError::NotFound`], also if it is there already; [`AccountError::LastAdmin`];
    /// [`AccountError::NotEntitled`].
    pub async fn trash(
        &self,
        id: AccountId,
        reason: Option<&str>,
        origin: &Origin,
    ) -> Result<Decided, AccountError> {
        let mut transaction = self.pool.begin().await?;
        let decided = put_away(&mut transaction, id, Permission::DeleteUser, origin).await?;
        note(&mut transaction, id, actions::USER_DELETED, "Put into the trash", reason, origin).await?;
        transaction.commit().await?;
        Ok(decided)
    }

    /// Takes an account out of the trash. It stands as it stood, and has to log in anew.
    ///
    /// # Errors
    /// [`AccountError::NotFound`] if it is not there; [`AccountError::UsernameTaken`] or [`AccountError::EmailTaken`] if
    /// somebody else has its name by now; [`AccountError::NotEntitled`].
    pub async fn restore(
        &self,
        id: AccountId,
        reason: Option<&str>,
        origin: &Origin,
    ) -> Result<AccountGate, AccountError> {
        let mut transaction = self.pool.begin().await?;
        lock_trashed(&mut transaction, id, Permission::DeleteUser, origin).await?;
        let row = sqlx::query(sql::TRASH_RESTORE)
            .bind(id)
            .bind(&origin.request_id)
            .fetch_one(&mut *transaction)
            .await?;
        let gate = AccountGate::from_row(&row)?;
        note(&mut transaction, id, actions::USER_RESTORED, "Taken out of the trash", reason, origin).await?;
        transaction.commit().await?;
        Ok(gate)
    }

    /// Removes an account for good, from the trash or from use; of one in use, what presence must be told.
    ///
    /// # Errors
    /// [`AccountError::NotFound`]; [`AccountError::LastAdmin`]; [`AccountError::NotEntitled`].
    pub async fn purge(
        &self,
        id: AccountId,
        reason: Option<&str>,
        origin: &Origin,
    ) -> Result<Option<Decided>, AccountError> {
        let mut transaction = self.pool.begin().await?;
        let decided = match put_away(&mut transaction, id, Permission::EraseUser, origin).await {
            Ok(decided) => Some(decided),
            Err(AccountError::NotFound) => {
                lock_trashed(&mut transaction, id, Permission::EraseUser, origin).await?;
                None
            }
            Err(error) => return Err(error),
        };
        wipe(&mut transaction, &[id], reason, origin).await?;
        transaction.commit().await?;
        Ok(decided)
    }

    /// Removes all that is in the trash for good; answers how many accounts.
    ///
    /// # Errors
    /// [`AccountError::NotEntitled`].
    pub async fn empty_trash(&self, origin: &Origin) -> Result<u64, AccountError> {
        let mut removed = 0;
        loop {
            let mut transaction = self.pool.begin().await?;
            check_entitled(&mut transaction, origin, Permission::EraseUser).await?;
            let ids: Vec<AccountId> = sqlx::query_scalar(sql::TRASH_BATCH)
                .bind(i64::from(BATCH))
                .fetch_all(&mut *transaction)
                .await?;
            if ids.is_empty() {
                return Ok(removed);
            }
            wipe(&mut transaction, &ids, None, origin).await?;
            transaction.commit().await?;
            removed += ids.len() as u64;
        }
    }

    /// What is in the trash, last put there first: at most `limit` after the first `skipped`, and how many there are.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn trashed(&self, skipped: u64, limit: u32) -> Result<(i64, Vec<Account>), AccountError> {
        let count = sqlx::query_scalar(sql::TRASH_COUNT).fetch_one(&self.pool).await?;
        let accounts = sqlx::query_as(sql::TRASH_PAGE)
            .bind(i64::from(limit))
            .bind(i64::try_from(skipped).unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await?;
        Ok((count, accounts))
    }

    /// Removes what was in the trash for longer than `kept`, and the empty rows that no token of `token_life` can name
    /// any more; answers how many rows.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn forget_trash(&self, kept: Duration, token_life: Duration) -> Result<u64, AccountError> {
        let (mut forgotten, origin) = (0, Origin::default());
        loop {
            let mut transaction = self.pool.begin().await?;
            let rows: Vec<(AccountId, bool)> = sqlx::query_as(sql::TRASH_FORGET)
                .bind(interval(kept))
                .bind(interval(token_life))
                .bind(BATCH)
                .fetch_all(&mut *transaction)
                .await?;
            for (id, _) in rows.iter().filter(|(_, was_purged)| !was_purged) {
                let detail = "Removed after its time in the trash";
                note(&mut transaction, *id, actions::PERMANENT_DELETE, detail, None, &origin).await?;
            }
            transaction.commit().await?;
            forgotten += rows.len() as u64;
            if rows.len() < usize::try_from(BATCH).unwrap_or(usize::MAX) {
                return Ok(forgotten);
            }
        }
    }
}

/// Takes an account in use out of use: its logins and tokens end, its gate shuts.
async fn put_away(
    connection: &mut Connection,
    id: AccountId,
    permission: Permission,
    origin: &Origin,
) -> Result<Decided, AccountError> {
    if lock(connection, id, origin, permission).await?.last_admin {
        return Err(AccountError::LastAdmin);
    }
    let ended = families::end_tokens(connection, id, EndReason::Deleted, origin).await?;
    families::end_families(connection, id, None, EndReason::Deleted, origin).await?;
    let row =
        sqlx::query(sql::TRASH_PUT).bind(id).bind(&origin.request_id).fetch_one(&mut *connection).await?;
    Ok(Decided { gate: AccountGate::from_row(&row)?, ended: Some(ended) })
}

/// Locks an account in the trash for somebody who may lay hands on it.
async fn lock_trashed(
    connection: &mut Connection,
    id: AccountId,
    permission: Permission,
    origin: &Origin,
) -> Result<(), AccountError> {
    let role: String = sqlx::query_scalar(sql::TRASH_LOCK).bind(id).fetch_one(&mut *connection).await?;
    let by = check_entitled(connection, origin, permission).await?;
    let role: Role = role.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    if by.may_act_on(role) { Ok(()) } else { Err(AccountError::NotEntitled) }
}

/// Takes everything about these people out of their rows.
async fn wipe(
    connection: &mut Connection,
    ids: &[AccountId],
    reason: Option<&str>,
    origin: &Origin,
) -> sqlx::Result<()> {
    for statement in [sql::ACCOUNTS_WIPE, sql::FACTORS_WIPE, sql::RESET_LINKS_WIPE, sql::FAMILIES_WIPE] {
        sqlx::query(statement).bind(ids).execute(&mut *connection).await?;
    }
    for id in ids {
        note(connection, *id, actions::PERMANENT_DELETE, "Removed for good", reason, origin).await?;
    }
    Ok(())
}

async fn note(
    connection: &mut Connection,
    id: AccountId,
    name: &'static str,
    said: &str,
    reason: Option<&str>,
    origin: &Origin,
) -> sqlx::Result<()> {
    let severity = if name == actions::USER_RESTORED { Severity::Info } else { Severity::Warning };
    let detail = reason.map_or_else(|| said.to_owned(), |reason| format!("{said}: {reason}"));
    let action = Action { category: "admin", severity, ..Action::on(id, name, detail, origin) };
    actions::record(connection, &action).await
}
