//! Logins: opened, listed and ended. Each is a family of refresh tokens under one name, the claim `sid`.

use std::time::Duration;

use rand::distr::{Alphanumeric, SampleString};
use secrecy::SecretString;
use sqlx::postgres::types::PgInterval;
use sqlx::{PgConnection, Row};
use time::OffsetDateTime;

use super::refresh::RefreshToken;
use super::{Account, AccountError, AccountId, Accounts, Action, Origin, actions, sql};
use crate::presence::{Device, LoginId, UserId};

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
        }
    }

    /// The action that ends logins for this reason, and what it says.
    const fn action(self) -> (&'static str, &'static str) {
        match self {
            Self::Logout => (actions::USER_LOGOUT, "Logged out"),
            Self::LogoutAll => (actions::LOGOUT_ALL, "Logged out everywhere"),
            Self::ForceLogout => (actions::FORCE_LOGOUT, "Logged out by an administrator"),
            Self::PasswordChanged => (actions::PASSWORD_CHANGED, "Password changed"),
            Self::Reuse => (
                actions::REFRESH_REUSED,
                "A refresh token was used twice; the login was ended",
            ),
        }
    }
}

/// Where a login comes from, for its user to recognise it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoginMeta {
    /// The kind of device, if the client says.
    pub device: Option<Device>,
    /// The client's program; the first 512 characters are kept.
    pub user_agent: Option<String>,
    /// The client's address.
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

/// A login that can still be refreshed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Its name.
    pub login: LoginId,
    /// When it was opened.
    pub created_at: OffsetDateTime,
    /// When it was last refreshed.
    pub last_used_at: OffsetDateTime,
    /// When it ends by itself.
    pub expires_at: OffsetDateTime,
    /// Where it comes from.
    pub meta: LoginMeta,
}

/// A login that was ended before its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedLogin {
    /// Whose.
    pub user: UserId,
    /// Its name.
    pub login: LoginId,
    /// When. Its access tokens may be about for one life of a token more.
    pub ended_at: OffsetDateTime,
}

/// What must not be accepted any more although its access tokens may not have expired.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Logins ended one by one.
    pub logins: Vec<EndedLogin>,
    /// The lowest token version that is still good, of users whose tokens ended all at once.
    pub versions: Vec<(UserId, i64)>,
}

/// A span for Postgres, which counts in microseconds; what is finer is cut off.
pub(super) fn interval(span: Duration) -> PgInterval {
    PgInterval {
        months: 0,
        days: 0,
        microseconds: i64::try_from(span.as_micros()).unwrap_or(i64::MAX),
    }
}

/// Reads a name that only this module wrote.
pub(super) fn login_id(text: &str) -> sqlx::Result<LoginId> {
    LoginId::parse(text).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// Ends an account's logins but `keep`, in a transaction under way.
pub(super) async fn end_families(
    connection: &mut PgConnection,
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
    let (name, detail) = reason.action();
    actions::record(
        connection,
        &Action {
            category: "security",
            ..Action::on(account, name, detail, origin)
        },
    )
    .await
}

/// Ends one login in a transaction under way; false if it was not there or had ended.
pub(super) async fn end_one(
    connection: &mut PgConnection,
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
    let (name, detail) = reason.action();
    let mut action = Action::on(account, name, format!("{detail} (login {login})"), origin);
    action.category = "security";
    if reason == EndReason::Reuse {
        action.severity = actions::Severity::Warning;
    }
    actions::record(connection, &action).await?;
    Ok(true)
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
        let name = Alphanumeric.sample_string(&mut rand::rng(), LOGIN_LENGTH);
        let token = RefreshToken::random();
        let mut transaction = self.pool.begin().await?;
        let expires_at = sqlx::query_scalar(sql::FAMILY_OPEN)
            .bind(&name)
            .bind(account.id)
            .bind(account.token_version)
            .bind(interval(ttl))
            .bind(meta.device.map(Device::as_str))
            .bind(&meta.user_agent)
            .bind(&meta.address)
            .fetch_optional(&mut *transaction)
            .await?
            .ok_or(AccountError::LoginEnded)?;
        sqlx::query(sql::TOKEN_ADD)
            .bind(token.hash())
            .bind(&name)
            .bind(1_i32)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Family {
            login: login_id(&name)?,
            refresh: token.text(),
            expires_at,
        })
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
        let version = sqlx::query_scalar(sql::TOKENS_END)
            .bind(account)
            .fetch_one(&mut *transaction)
            .await?;
        end_families(&mut transaction, account, keep, reason, origin).await?;
        transaction.commit().await?;
        Ok(version)
    }

    /// The logins of an account that can still be refreshed, last used first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn sessions(&self, account: AccountId) -> Result<Vec<Login>, AccountError> {
        let rows = sqlx::query(sql::FAMILIES_LIVE)
            .bind(account)
            .fetch_all(&self.pool)
            .await?;
        let login = |row: &sqlx::postgres::PgRow| -> sqlx::Result<Login> {
            Ok(Login {
                login: login_id(row.try_get("login")?)?,
                created_at: row.try_get("created_at")?,
                last_used_at: row.try_get("last_used_at")?,
                expires_at: row.try_get("expires_at")?,
                meta: LoginMeta {
                    device: row
                        .try_get::<Option<&str>, _>("device")?
                        .and_then(|word| word.parse().ok()),
                    user_agent: row.try_get("user_agent")?,
                    address: row.try_get("address")?,
                },
            })
        };
        Ok(rows.iter().map(login).collect::<sqlx::Result<_>>()?)
    }

    /// What was ended within the last `life`, the longest life of an access token: to be loaded into a store
    /// that came back empty.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn ended_since(&self, life: Duration) -> Result<Ended, AccountError> {
        let rows = sqlx::query_as::<_, (String, AccountId, OffsetDateTime)>(sql::FAMILIES_ENDED)
            .bind(interval(life))
            .fetch_all(&self.pool)
            .await?;
        let logins = rows
            .into_iter()
            .map(|(login, id, ended_at)| {
                Ok(EndedLogin {
                    user: id.user(),
                    login: login_id(&login)?,
                    ended_at,
                })
            })
            .collect::<sqlx::Result<_>>()?;
        let versions = sqlx::query_as::<_, (AccountId, i64)>(sql::VERSIONS_RAISED)
            .bind(interval(life))
            .fetch_all(&self.pool)
            .await?;
        Ok(Ended {
            logins,
            versions: versions
                .into_iter()
                .map(|(id, version)| (id.user(), version))
                .collect(),
        })
    }

    /// Forgets logins, and their tokens, that were over `age` ago; answers how many.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn forget_families(&self, age: Duration) -> Result<u64, AccountError> {
        let done = sqlx::query(sql::FAMILIES_FORGET)
            .bind(interval(age))
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected())
    }
}
