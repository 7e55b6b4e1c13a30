//! Whether an account may be online: approved, rejected, suspended, banned, activated; and logged out by force.
//!
//! Each is one transaction: the account, its row in `admin_actions`, and the number of its gate. Redis is told after it;
//! until Redis has confirmed that number, a task tells it again. A suspension keeps the logins, which are refused until
//! it ends; a ban ends them, so that whoever is let in again has to log in.

use serde_json::json;
use sqlx::FromRow;
use time::OffsetDateTime;

use super::entitlement::lock;
use super::families::{self, EndReason, interval};
use super::{
    Account, AccountError, AccountGate, AccountId, AccountStatus, Accounts, Action, Origin, Permission,
    Severity, actions, sql,
};
use crate::database::Connection;

/// When a suspension ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Not by itself.
    Never,
    /// So much later than now.
    After(std::time::Duration),
    /// Then.
    At(OffsetDateTime),
}

/// What an administrator decides about an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A pending account may be used.
    Approve,
    /// A pending account may not be used: it is banned, and keeps its name.
    Reject,
    /// Shut out until an end; says which anew for an account that is suspended.
    Suspend(End),
    /// Shut out for good; its logins end.
    Ban,
    /// Neither suspended, banned nor switched off any more.
    Activate,
}

impl Decision {
    const fn action(self) -> (&'static str, &'static str) {
        match self {
            Self::Approve => (actions::USER_APPROVED, "Approved"),
            Self::Reject => (actions::USER_REJECTED, "Rejected"),
            Self::Suspend(_) => (actions::USER_SUSPENDED, "Suspended"),
            Self::Ban => (actions::USER_BANNED, "Banned"),
            Self::Activate => (actions::USER_ACTIVATED, "Activated"),
        }
    }

    /// What it demands of who decides.
    #[must_use]
    pub const fn permission(self) -> Permission {
        match self {
            Self::Approve | Self::Reject => Permission::ApproveUser,
            Self::Suspend(_) | Self::Ban | Self::Activate => Permission::SuspendUser,
        }
    }

    /// Where this leads an account from `status`; it may be where it is.
    ///
    /// # Errors
    /// [`AccountError::Conflict`] if it does not apply there.
    const fn from(self, status: AccountStatus) -> Result<AccountStatus, AccountError> {
        use AccountStatus::{Active, Banned, Pending, Suspended};
        Ok(match (self, status) {
            (Self::Approve, Pending | Active) => Active,
            (Self::Approve, _) => {
                return Err(AccountError::Conflict("Only a pending account can be approved"));
            }
            (Self::Reject, Pending | Banned) => Banned,
            (Self::Reject, _) => {
                return Err(AccountError::Conflict("Only a pending account can be rejected"));
            }
            (Self::Suspend(_), Active | Suspended) => Suspended,
            (Self::Suspend(_), Pending) => {
                return Err(AccountError::Conflict("A pending account is approved or rejected"));
            }
            (Self::Suspend(_), Banned) => return Err(AccountError::Conflict("The account is banned")),
            (Self::Ban, _) => Banned,
            (Self::Activate, Pending) => {
                return Err(AccountError::Conflict("A pending account is approved or rejected"));
            }
            (Self::Activate, _) => Active,
        })
    }
}

/// What became of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// How the gate stands now.
    pub gate: AccountGate,
    /// The lowest token version that is still good, if this ended tokens.
    pub ended: Option<i64>,
}

impl Accounts {
    /// Decides about an account. What is so already is not done again and leaves no row.
    ///
    /// # Errors
    /// [`AccountError::NotFound`]; [`AccountError::Conflict`] if the account is in no state for it;
    /// [`AccountError::LastAdmin`] if nobody could administer any more; [`AccountError::NotEntitled`].
    pub async fn decide(
        &self,
        id: AccountId,
        decision: Decision,
        reason: Option<&str>,
        origin: &Origin,
    ) -> Result<Decided, AccountError> {
        let mut transaction = self.pool.begin().await?;
        let locked = lock(&mut transaction, id, origin, decision.permission()).await?;
        let row = sqlx::query(sql::GATE).bind(id).fetch_one(&mut *transaction).await?;
        let before = AccountGate::from_row(&row)?;
        let account = &before.account;
        let status = decision.from(standing(account))?;
        let until = ends_at(&mut transaction, decision).await?;
        let is_active = account.is_active || decision == Decision::Activate;
        if (status, is_active, until) == (account.status, account.is_active, account.suspended_until) {
            return Ok(Decided { gate: before, ended: None });
        }
        if locked.last_admin && status != AccountStatus::Active {
            return Err(AccountError::LastAdmin);
        }
        let ended = if status == AccountStatus::Banned && account.status != status {
            let ended = families::end_tokens(&mut transaction, id, EndReason::Banned, origin).await?;
            families::end_families(&mut transaction, id, None, EndReason::Banned, origin).await?;
            Some(ended)
        } else {
            None
        };
        let row = sqlx::query(sql::GATE_SET)
            .bind(id)
            .bind(status.as_str())
            .bind(is_active)
            .bind(until)
            .bind(&origin.request_id)
            .fetch_one(&mut *transaction)
            .await?;
        let gate = AccountGate::from_row(&row)?;
        record(&mut transaction, decision, account, &gate.account, reason, origin).await?;
        transaction.commit().await?;
        Ok(Decided { gate, ended })
    }

    /// Ends all logins of an account, and all its access tokens: the new token version is the lowest that is still good.
    ///
    /// # Errors
    /// [`AccountError::NotFound`]; [`AccountError::NotEntitled`].
    pub async fn force_logout(
        &self,
        id: AccountId,
        reason: Option<&str>,
        origin: &Origin,
    ) -> Result<(Account, i64), AccountError> {
        let mut transaction = self.pool.begin().await?;
        lock(&mut transaction, id, origin, Permission::ForceLogoutUser).await?;
        let version = families::end_tokens(&mut transaction, id, EndReason::ForceLogout, origin).await?;
        sqlx::query(sql::FAMILIES_END)
            .bind(id)
            .bind(None::<&str>)
            .bind(EndReason::ForceLogout.as_str())
            .execute(&mut *transaction)
            .await?;
        let detail = with_reason("Logged out by an administrator", reason);
        let action = Action::on(id, actions::FORCE_LOGOUT, detail, origin);
        let after = Some(json!({"token_version": version}));
        actions::record(&mut transaction, &Action { category: "security", after, ..action }).await?;
        let row = sqlx::query(sql::GATE).bind(id).fetch_one(&mut *transaction).await?;
        let account = Account::from_row(&row)?;
        transaction.commit().await?;
        Ok((account, version))
    }
}

/// Where an account stands now: a suspension whose end has passed is none.
const fn standing(account: &Account) -> AccountStatus {
    match account.status {
        AccountStatus::Suspended if account.suspension_over => AccountStatus::Active,
        status => status,
    }
}

/// When the suspension that is decided ends, by the clock of Postgres.
async fn ends_at(
    connection: &mut Connection,
    decision: Decision,
) -> Result<Option<OffsetDateTime>, AccountError> {
    let Decision::Suspend(end) = decision else {
        return Ok(None);
    };
    let now: OffsetDateTime = sqlx::query_scalar(sql::NOW).fetch_one(connection).await?;
    match end {
        End::Never => Ok(None),
        End::After(span) => now
            .checked_add(time::Duration::microseconds(interval(span).microseconds))
            .map(Some)
            .ok_or_else(|| AccountError::Invalid("the end is too far away".to_owned())),
        End::At(at) if at > now => Ok(Some(at)),
        End::At(_) => Err(AccountError::Invalid("the end has passed".to_owned())),
    }
}

async fn record(
    connection: &mut Connection,
    decision: Decision,
    before: &Account,
    after: &Account,
    reason: Option<&str>,
    origin: &Origin,
) -> sqlx::Result<()> {
    let (name, said) = decision.action();
    let facts = |account: &Account| {
        let until =
            account.suspended_until.map(|at| at.unix_timestamp() * 1_000 + i64::from(at.millisecond()));
        json!({"status": account.status, "is_active": account.is_active, "suspended_until_ms": until})
    };
    let severity = match decision {
        Decision::Suspend(_) | Decision::Ban => Severity::Warning,
        _ => Severity::Info,
    };
    let action = Action {
        category: "admin",
        severity,
        before: Some(facts(before)),
        after: Some(facts(after)),
        ..Action::on(before.id, name, with_reason(said, reason), origin)
    };
    actions::record(connection, &action).await
}

pub(super) fn with_reason(said: &str, reason: Option<&str>) -> String {
    reason.map_or_else(|| said.to_owned(), |reason| format!("{said}: {reason}"))
}
