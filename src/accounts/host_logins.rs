//! The ends of logins of other issuers' people, who have no account here. What Redis was told is kept until the last
//! token that it concerns is over, because Redis may lose it before.

use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::account::word;
use super::decisions::with_reason;
use super::entitlement::check_entitled;
use super::families::{interval, login_id};
use super::logins::{Ended, EndedLogin, EndedTokens};
use super::{AccountError, Accounts, Action, Origin, Permission, actions, sql};
use crate::presence::{LoginId, Org, Reason, UserId};

/// What has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostEnd {
    /// One login.
    Login(LoginId),
    /// Every token issued before this second.
    IssuedBefore(i64),
}

/// An end of logins of another issuer's user.
#[derive(Clone, Debug)]
pub struct EndedHost {
    /// Whose.
    pub user: UserId,
    /// The user's organisation.
    pub org: Org,
    /// What has ended.
    pub end: HostEnd,
    /// For so long a token of it may still live.
    pub life: Duration,
    /// What transitions say: `logout`, `logout_all` or `force_logout`.
    pub reason: Reason,
}

impl Accounts {
    /// Keeps that logins of another issuer's user have ended, before Redis is told. `why` is an administrator's.
    ///
    /// # Errors
    /// [`AccountError::NotEntitled`] if an administrator ends them who is none any more; those of the database.
    pub async fn end_host(
        &self,
        ended: &EndedHost,
        why: Option<&str>,
        origin: &Origin,
    ) -> Result<(), AccountError> {
        let mut transaction = self.pool.begin().await?;
        let (name, said, actor) = match ended.reason {
            Reason::ForceLogout => {
                check_entitled(&mut transaction, origin, Permission::ForceLogoutUser).await?;
                (actions::FORCE_LOGOUT, "Logged out by an administrator", origin.request_id.as_deref())
            }
            Reason::LogoutAll => (actions::LOGOUT_ALL, "Logged out everywhere", None),
            _ => (actions::USER_LOGOUT, "Logged out", None),
        };
        let (login, version) = match &ended.end {
            HostEnd::Login(login) => (login.as_str(), None),
            HostEnd::IssuedBefore(second) => ("", Some(*second)),
        };
        let done = sqlx::query(sql::HOST_LOGIN_END)
            .bind(ended.user.as_str())
            .bind(login)
            .bind(ended.org.as_str())
            .bind(version)
            .bind(ended.reason.as_str())
            .bind(actor)
            .bind(interval(ended.life))
            .execute(&mut *transaction)
            .await?;
        // A logout that is said again is no second one.
        if done.rows_affected() > 0 {
            let action = Action::on_user(&ended.user, name, with_reason(said, why), origin);
            actions::record(&mut transaction, &Action { category: "security", ..action }).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Adds what ended within the last `span`, or ever, and may still concern a token.
    pub(super) async fn add_ended_hosts(
        &self,
        span: Option<Duration>,
        ended: &mut Ended,
    ) -> Result<(), AccountError> {
        let rows = sqlx::query(sql::HOST_LOGINS_ENDED).bind(span.map(interval)).fetch_all(&self.pool).await?;
        for row in &rows {
            add(row, ended)?;
        }
        Ok(())
    }

    /// Forgets ends that concern no token any more; answers how many.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn forget_ended_hosts(&self) -> Result<u64, AccountError> {
        Ok(sqlx::query(sql::HOST_LOGINS_FORGET).execute(&self.pool).await?.rows_affected())
    }
}

fn add(row: &PgRow, ended: &mut Ended) -> sqlx::Result<()> {
    let (user, org) = (word(row, "user_id")?, word(row, "org")?);
    match row.try_get::<Option<i64>, _>("token_version")? {
        Some(version) => ended.tokens.push(EndedTokens {
            user,
            org,
            version,
            keep: None,
            reason: word(row, "reason")?,
            actor: row.try_get("actor")?,
        }),
        None => {
            let left: i64 = row.try_get("left_ms")?;
            ended.logins.push(EndedLogin {
                user,
                org,
                login: login_id(row.try_get("login")?)?,
                reason: word(row, "reason")?,
                actor: row.try_get("actor")?,
                life: Some(Duration::from_millis(u64::try_from(left).unwrap_or(0))),
            });
        }
    }
    Ok(())
}
