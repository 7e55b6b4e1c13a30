//! Logins: opened and ended. Each is a family of refresh tokens under one name, the claim `sid`.

use std::time::Duration;

use rand::distr::{Alphanumeric, SampleString};
use secrecy::SecretString;
use sqlx::postgres::types::PgInterval;
use time::OffsetDateTime;

use super::refresh::RefreshToken;
use super::{Account, AccountError, AccountId, Accounts, Action, Origin, actions, sql};
use crate::database::Connection;
use crate::presence::{Device, LoginId, Reason};

/// Length of a login's name: 71 random bits. It is no secret, but nobody should guess another's.
const LOGIN_LENGTH: usize = 12;

/// Why a login was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// Its user logged out there.
    Logout,
    /// Its user logged out everywhere.
    LogoutAll,
    /// An administrator ended it.
    ForceLogout,
    /// The password changed elsewhere.
    PasswordChanged,
    /// A refresh token came back that had been exchanged.
    Reuse,
    /// The account was banned.
    Banned,
    /// The account was put into the trash.
    Deleted,
    /// It was opened, but logging in failed after that: nobody ever had its tokens.
    Abandoned,
}

impl EndReason {
    /// The word as it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::LogoutAll => "logout_all",
            Self::ForceLogout => "force_logout",
            Self::PasswordChanged => "password_changed",
            Self::Reuse => "reuse",
            Self::Abandoned => "abandoned",
            Self::Banned => "banned",
            Self::Deleted => "deleted",
        }
    }

    /// What the transition says when all logins end for this reason; `None` where the user did it.
    pub(super) const fn transition(self) -> Option<Reason> {
        match self {
            Self::ForceLogout => Some(Reason::ForceLogout),
            Self::Banned => Some(Reason::Banned),
            Self::Deleted => Some(Reason::Deactivated),
            _ => None,
        }
    }

    /// The action that ends logins for this reason, and what it says. A login that nobody had is no event in anybody's
    /// history, and a ban and a deletion have rows of their own.
    const fn action(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::Logout => (actions::USER_LOGOUT, "Logged out"),
            Self::LogoutAll => (actions::LOGOUT_ALL, "Logged out everywhere"),
            Self::ForceLogout => (actions::FORCE_LOGOUT, "Logged out by an administrator"),
            Self::PasswordChanged => (actions::PASSWORD_CHANGED, "Password changed"),
            Self::Reuse => (actions::REFRESH_REUSED, "A refresh token was used twice; the login was ended"),
            Self::Abandoned | Self::Banned | Self::Deleted => return None,
        })
    }
}

/// Where a login comes from, for its user to recognise it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoginMeta {
    /// The kind of device, if the client says.
    pub device: Option<Device>,
    /// The client's program; the first 512 characters are kept.
    pub user_agent: Option<String>,
    /// The client's address, as far as it is kept.
    pub address: Option<String>,
}

/// A login just opened.
#[derive(Clone, Debug)]
pub struct Family {
    /// Its name, the claim `sid`.
    pub login: LoginId,
    /// Its first refresh token.
    pub refresh: SecretString,
    /// When it ends by itself.
    pub expires_at: OffsetDateTime,
}

/// A span for Postgres, which counts in microseconds; what is finer is cut off.
pub(super) fn interval(span: Duration) -> PgInterval {
    PgInterval { months: 0, days: 0, microseconds: i64::try_from(span.as_micros()).unwrap_or(i64::MAX) }
}

/// Reads a name that only this module wrote.
pub(super) fn login_id(text: &str) -> sqlx::Result<LoginId> {
    LoginId::parse(text).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// Ends an account's logins but `keep`, in a transaction under way.
pub(super) async fn end_families(
    connection: &mut Connection,
    account: AccountId,
    keep: Option<&LoginId>,
    reason: EndReason,
    origin: &Origin,
) -> sqlx::Result<()> {
    sqlx::query(sql::FAMILIES_END)
        .bind(account)
        .bind(keep.map(LoginId::as_str))
        .bind(reason.as_str())
        .execute(&mut *connection)
        .await?;
    let Some((name, detail)) = reason.action() else {
        return Ok(());
    };
    actions::record(connection, &Action { category: "security", ..Action::on(account, name, detail, origin) })
        .await
}

/// Ends all access tokens of an account, in a transaction under way; answers the lowest version that is still good.
pub(super) async fn end_tokens(
    connection: &mut Connection,
    account: AccountId,
    reason: EndReason,
    origin: &Origin,
) -> sqlx::Result<i64> {
    sqlx::query_scalar(sql::TOKENS_END)
        .bind(account)
        .bind(reason.transition().map(Reason::as_str))
        .bind(reason.transition().and(origin.request_id.as_ref()))
        .fetch_one(connection)
        .await
}

/// Ends one login in a transaction under way; false if it was not there or had ended.
pub(super) async fn end_one(
    connection: &mut Connection,
    account: AccountId,
    login: &LoginId,
    reason: EndReason,
    origin: &Origin,
) -> sqlx::Result<bool> {
    let done = sqlx::query(sql::FAMILY_END)
        .bind(login.as_str())
        .bind(account)
        .bind(reason.as_str())
        .execute(&mut *connection)
        .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    let Some((name, detail)) = reason.action() else {
        return Ok(true);
    };
    let mut action = Action::on(account, name, format!("{detail} (login {login})"), origin);
    action.category = "security";
    if reason == EndReason::Reuse {
        action.severity = actions::Severity::Warning;
    }
    actions::record(connection, &action).await?;
    Ok(true)
}

/// Opens a login, in a transaction under way.
pub(super) async fn open(
    connection: &mut Connection,
    account: &Account,
    meta: &LoginMeta,
    ttl: Duration,
) -> Result<Family, AccountError> {
    let name = Alphanumeric.sample_string(&mut rand::rng(), LOGIN_LENGTH);
    let token = RefreshToken::random();
    let expires_at = sqlx::query_scalar(sql::FAMILY_OPEN)
        .bind(&name)
        .bind(account.id)
        .bind(account.token_version)
        .bind(interval(ttl))
        .bind(meta.device.map(Device::as_str))
        .bind(&meta.user_agent)
        .bind(&meta.address)
        .fetch_optional(&mut *connection)
        .await?
        .ok_or(AccountError::LoginEnded)?;
    sqlx::query(sql::TOKEN_ADD).bind(token.hash()).bind(&name).bind(1_i32).execute(connection).await?;
    Ok(Family { login: login_id(&name)?, refresh: token.text(), expires_at })
}

impl Accounts {
    /// Opens a login that lasts `ttl` from now. Whether the account may log in is the caller's to decide;
    /// that its logins were not all ended since it was read is checked here, so that a password changed
    /// meanwhile is not outrun.
    ///
    /// # Errors
    /// [`AccountError::LoginEnded`] if they were, or the account is gone.
    pub async fn open_family(
        &self,
        account: &Account,
        meta: &LoginMeta,
        ttl: Duration,
    ) -> Result<Family, AccountError> {
        let mut transaction = self.pool.begin().await?;
        let family = open(&mut transaction, account, meta, ttl).await?;
        transaction.commit().await?;
        Ok(family)
    }

    /// Ends one login of an account. Its access tokens are the store's to refuse. False if it had ended, or
    /// is not this account's.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn end_family(
        &self,
        account: AccountId,
        login: &LoginId,
        reason: EndReason,
        origin: &Origin,
    ) -> Result<bool, AccountError> {
        let mut transaction = self.pool.begin().await?;
        let ended = end_one(&mut transaction, account, login, reason, origin).await?;
        transaction.commit().await?;
        Ok(ended)
    }

    /// Ends all logins of an account but `keep`, and all access tokens: the new token version is the lowest
    /// that is still good. Who keeps a login needs a new access token for it.
    ///
    /// # Errors
    /// [`AccountError::NotFound`] if there is no such account.
    pub async fn end_all(
        &self,
        account: AccountId,
        keep: Option<&LoginId>,
        reason: EndReason,
        origin: &Origin,
    ) -> Result<i64, AccountError> {
        let mut transaction = self.pool.begin().await?;
        let version = end_tokens(&mut transaction, account, reason, origin).await?;
        end_families(&mut transaction, account, keep, reason, origin).await?;
        transaction.commit().await?;
        Ok(version)
    }
}
