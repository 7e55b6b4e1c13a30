//! Logins looked at from outside: those a user has, those that ended lately, those to forget.

use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgRow;
use time::OffsetDateTime;

use super::families::{LoginMeta, interval, login_id};
use super::{AccountError, AccountId, Accounts, sql};
use crate::presence::{LoginId, UserId};

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

impl Accounts {
    /// The logins of an account that can still be refreshed, last used first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn sessions(&self, account: AccountId) -> Result<Vec<Login>, AccountError> {
        let rows = sqlx::query(sql::FAMILIES_LIVE).bind(account).fetch_all(&self.pool).await?;
        let login = |row: &PgRow| -> sqlx::Result<Login> {
            Ok(Login {
                login: login_id(row.try_get("login")?)?,
                created_at: row.try_get("created_at")?,
                last_used_at: row.try_get("last_used_at")?,
                expires_at: row.try_get("expires_at")?,
                meta: LoginMeta {
                    device: row.try_get::<Option<&str>, _>("device")?.and_then(|word| word.parse().ok()),
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
                Ok(EndedLogin { user: id.user(), login: login_id(&login)?, ended_at })
            })
            .collect::<sqlx::Result<_>>()?;
        let versions = sqlx::query_as::<_, (AccountId, i64)>(sql::VERSIONS_RAISED)
            .bind(interval(life))
            .fetch_all(&self.pool)
            .await?;
        Ok(Ended {
            logins,
            versions: versions.into_iter().map(|(id, version)| (id.user(), version)).collect(),
        })
    }

    /// Forgets logins, and their tokens, that were over `age` ago; answers how many.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn forget_families(&self, age: Duration) -> Result<u64, AccountError> {
        let done = sqlx::query(sql::FAMILIES_FORGET).bind(interval(age)).execute(&self.pool).await?;
        Ok(done.rows_affected())
    }
}
