//! Logins looked at from outside: those a user has, those that ended lately, those to forget.

use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgRow;
use time::OffsetDateTime;

use super::account::word;
use super::families::{LoginMeta, interval, login_id};
use super::{AccountError, AccountId, Accounts, sql};
use crate::presence::{LoginId, Org, Reason, UserId};

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
    /// The user's organisation.
    pub org: Org,
    /// Its name.
    pub login: LoginId,
}

/// A user whose tokens ended all at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedTokens {
    /// Whose.
    pub user: UserId,
    /// The user's organisation.
    pub org: Org,
    /// The lowest token version that is still good.
    pub version: i64,
    /// A login that goes on: the one that was kept, or else the first that was opened since, whose tokens are of this
    /// version anyway.
    pub keep: Option<LoginId>,
    /// What the transition says.
    pub reason: Reason,
    /// The administrator's request that ended them.
    pub actor: Option<String>,
}

/// What must not be accepted any more although its access tokens may not have expired.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Logins ended one by one.
    pub logins: Vec<EndedLogin>,
    /// Users whose tokens ended all at once.
    pub tokens: Vec<EndedTokens>,
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

    /// What was ended within the last `span`. A transaction's rows carry the time at which it began, so that one that
    /// commits late shows what is some seconds old already.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn ended_since(&self, span: Duration) -> Result<Ended, AccountError> {
        let login = |row: &PgRow| -> sqlx::Result<EndedLogin> {
            Ok(EndedLogin {
                user: row.try_get::<AccountId, _>("user_id")?.user(),
                org: word(row, "org")?,
                login: login_id(row.try_get("login")?)?,
            })
        };
        let tokens = |row: &PgRow| -> sqlx::Result<EndedTokens> {
            Ok(EndedTokens {
                user: row.try_get::<AccountId, _>("id")?.user(),
                org: word(row, "org")?,
                version: row.try_get("token_version")?,
                keep: row.try_get::<Option<&str>, _>("kept")?.map(login_id).transpose()?,
                reason: match row.try_get::<Option<&str>, _>("tokens_end_reason")? {
                    None => Reason::LogoutAll,
                    Some(_) => word(row, "tokens_end_reason")?,
                },
                actor: row.try_get("tokens_end_actor")?,
            })
        };
        let span = interval(span);
        let logins = sqlx::query(sql::FAMILIES_ENDED).bind(span).fetch_all(&self.pool).await?;
        let versions = sqlx::query(sql::VERSIONS_RAISED).bind(span).fetch_all(&self.pool).await?;
        Ok(Ended {
            logins: logins.iter().map(login).collect::<sqlx::Result<_>>()?,
            tokens: versions.iter().map(tokens).collect::<sqlx::Result<_>>()?,
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
