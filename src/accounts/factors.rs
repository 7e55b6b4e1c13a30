//! Second factors: begun, confirmed, spent, given up. A code is good once: the row remembers the step of the last one,
//! and of two who bring the same code one finds it used.

use serde_json::json;
use sqlx::Row;

use super::entitlement::lock;
use super::{AccountError, AccountId, Accounts, Action, Origin, Permission, Severity, actions, sql};
use crate::database::Connection;

/// The second factor of an account.
#[derive(Clone, Debug)]
pub struct Factor {
    /// The authenticator's secret, sealed.
    pub secret: Vec<u8>,
    /// It was confirmed, and is asked for at each login.
    pub active: bool,
    /// How many recovery codes are left.
    pub recovery_codes: i64,
    /// What time it was when this was read, in seconds since 1970, by the clock of Postgres.
    pub now: i64,
}

/// A second factor that was found right, and is yet to be spent.
#[derive(Clone, Debug)]
pub enum Spend {
    /// A code of the authenticator.
    Code {
        /// The step that it belongs to.
        step: i64,
        /// The secret sealed anew, if it should be.
        resealed: Option<Vec<u8>>,
    },
    /// A recovery code, by its hash.
    Recovery([u8; 32]),
}

impl Accounts {
    /// The second factor of an account, confirmed or not.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn factor(&self, id: AccountId) -> Result<Option<Factor>, AccountError> {
        let row = sqlx::query(sql::TOTP).bind(id).fetch_optional(&self.pool).await?;
        let factor = |row: sqlx::postgres::PgRow| -> sqlx::Result<Factor> {
            Ok(Factor {
                secret: row.try_get("secret")?,
                active: row.try_get("active")?,
                recovery_codes: row.try_get("recovery_codes")?,
                now: row.try_get("now")?,
            })
        };
        Ok(row.map(factor).transpose()?)
    }

    /// Begins a second factor, in place of one that was never confirmed. Until it is confirmed nothing changes for
    /// anybody, so it leaves no row.
    ///
    /// # Errors
    /// [`AccountError::Conflict`] if one is in use.
    pub async fn begin_totp(&self, id: AccountId, sealed: &[u8]) -> Result<(), AccountError> {
        let done = sqlx::query(sql::TOTP_BEGIN).bind(id).bind(sealed).execute(&self.pool).await?;
        if done.rows_affected() == 0 {
            return Err(AccountError::Conflict("A second factor is in use already"));
        }
        Ok(())
    }

    /// Takes a second factor into use: a code of this step was right for this very secret. Its recovery codes are
    /// stored by their hashes.
    ///
    /// # Errors
    /// [`AccountError::Conflict`] if it was confirmed or begun anew meanwhile.
    pub async fn confirm_totp(
        &self,
        id: AccountId,
        sealed: &[u8],
        step: i64,
        recovery: &[[u8; 32]],
        origin: &Origin,
    ) -> Result<(), AccountError> {
        let hashes: Vec<&[u8]> = recovery.iter().map(<[u8; 32]>::as_slice).collect();
        let mut transaction = self.pool.begin().await?;
        let confirmed = sqlx::query(sql::TOTP_CONFIRM).bind(id).bind(sealed).bind(step);
        if confirmed.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Err(AccountError::Conflict("The enrolment is over; begin anew"));
        }
        sqlx::query(sql::RECOVERY_ADD).bind(id).bind(hashes).execute(&mut *transaction).await?;
        record(&mut transaction, id, actions::TOTP_ENABLED, "Second factor enabled", origin).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Spends a second factor for something else that is asked for with it.
    ///
    /// # Errors
    /// [`AccountError::WrongCode`] if the proof was used before.
    pub async fn spend_factor(
        &self,
        id: AccountId,
        proof: &Spend,
        origin: &Origin,
    ) -> Result<(), AccountError> {
        let mut transaction = self.pool.begin().await?;
        spend(&mut transaction, id, proof, origin).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Gives up a second factor, for whoever has just proved to have it.
    ///
    /// # Errors
    /// [`AccountError::WrongCode`] if the proof was used before.
    pub async fn disable_totp(
        &self,
        id: AccountId,
        proof: &Spend,
        origin: &Origin,
    ) -> Result<(), AccountError> {
        let mut transaction = self.pool.begin().await?;
        spend(&mut transaction, id, proof, origin).await?;
        sqlx::query(sql::TOTP_DELETE).bind(id).execute(&mut *transaction).await?;
        record(&mut transaction, id, actions::TOTP_DISABLED, "Second factor disabled", origin).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Takes away somebody's second factor, whose authenticator is lost. One's own needs a proof.
    ///
    /// # Errors
    /// [`AccountError::NotFound`], also if there is none; [`AccountError::NotEntitled`].
    pub async fn reset_totp(
        &self,
        id: AccountId,
        reason: Option<&str>,
        origin: &Origin,
    ) -> Result<(), AccountError> {
        if origin.actor == Some(id.to_string()) {
            return Err(AccountError::Conflict("Your own second factor is disabled with its code"));
        }
        let mut transaction = self.pool.begin().await?;
        lock(&mut transaction, id, origin, Permission::ResetTotp).await?;
        let done = sqlx::query(sql::TOTP_DELETE).bind(id).execute(&mut *transaction).await?;
        if done.rows_affected() == 0 {
            return Err(AccountError::Conflict("The account has no second factor"));
        }
        let detail = reason.map_or_else(
            || "Second factor taken away by an administrator".to_owned(),
            |reason| format!("Second factor taken away by an administrator: {reason}"),
        );
        let action = Action::on(id, actions::TOTP_RESET, detail, origin);
        let action = Action { category: "admin", severity: Severity::Warning, ..action };
        actions::record(&mut transaction, &action).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Spends a second factor in a transaction under way.
pub(super) async fn spend(
    connection: &mut Connection,
    id: AccountId,
    second: &Spend,
    origin: &Origin,
) -> Result<(), AccountError> {
    let done = match second {
        Spend::Code { step, resealed } => {
            let spent = sqlx::query(sql::TOTP_SPEND).bind(id).bind(step).bind(resealed);
            spent.execute(&mut *connection).await?
        }
        Spend::Recovery(hash) => {
            let spent = sqlx::query(sql::RECOVERY_SPEND).bind(id).bind(hash.as_slice());
            spent.execute(&mut *connection).await?
        }
    };
    if done.rows_affected() == 0 {
        return Err(AccountError::WrongCode);
    }
    if matches!(second, Spend::Recovery(_)) {
        record(connection, id, actions::RECOVERY_CODE_USED, "A recovery code was used", origin).await?;
    }
    Ok(())
}

/// What happens to second factors is rare, and somebody should look at it.
async fn record(
    connection: &mut Connection,
    id: AccountId,
    name: &'static str,
    detail: &'static str,
    origin: &Origin,
) -> sqlx::Result<()> {
    let severity = if name == actions::TOTP_ENABLED { Severity::Info } else { Severity::Warning };
    let after =
        Some(json!({"totp": name == actions::TOTP_ENABLED})).filter(|_| name != actions::RECOVERY_CODE_USED);
    let action = Action::on(id, name, detail, origin);
    actions::record(connection, &Action { category: "security", severity, after, ..action }).await
}
