//! Logins looked at from outside: those a user has, those that ended lately, those to forget.

use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{FromRow, Row};
use time::OffsetDateTime;

use super::account::word;
use super::entitlement::lock;
use super::families::{self, EndReason, LoginMeta, interval, login_id};
use super::{Account, AccountError, AccountId, Accounts, Origin, Permission, Profile, sql};
use crate::presence::{LoginId, Org, Reason, UserId};

/// Actions whose addresses are forgotten by one statement.
const ADDRESSES_AT_ONCE: i32 = 5_000;

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

/// Everything that is kept of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAccount {
    /// The account.
    pub account: Account,
    /// What clients keep beside it.
    pub profile: Profile,
    /// Its logins, the newest first.
    pub logins: Vec<KeptLogin>,
    /// Since when it has a second factor, and since when that is in use.
    pub totp: Option<(OffsetDateTime, Option<OffsetDateTime>)>,
    /// When a link for a new password was made, and until when it is good.
    pub reset_link: Option<(OffsetDateTime, OffsetDateTime)>,
}

/// An end of logins of another issuer's user that is kept.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct KeptHostEnd {
    /// The login; none where all ended that were older.
    pub login: Option<String>,
    /// Why.
    pub reason: String,
    /// When.
    pub ended_at: OffsetDateTime,
    /// Until when a token of it may live, and this is kept.
    pub until: OffsetDateTime,
}

/// A login that is kept, whether it goes on or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptLogin {
    /// The login.
    pub login: Login,
    /// When it was ended, if it was.
    pub ended_at: Option<OffsetDateTime>,
    /// Why.
    pub end_reason: Option<String>,
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
    /// What the transition says: `logout`, or `force_logout`.
    pub reason: Reason,
    /// The administrator's request that ended it, as far as it is kept.
    pub actor: Option<String>,
    /// For so long a token of it may still live; `None`: as long as any of our own.
    pub life: Option<Duration>,
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

fn login(row: &PgRow) -> sqlx::Result<Login> {
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
}

impl Accounts {
    /// The logins of an account that can still be refreshed, last used first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn sessions(&self, account: AccountId) -> Result<Vec<Login>, AccountError> {
        let rows = sqlx::query(sql::FAMILIES_LIVE).bind(account).fetch_all(&self.pool).await?;
        Ok(rows.iter().map(login).collect::<sqlx::Result<_>>()?)
    }

    /// What is kept of an account, be it in the trash.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn kept(&self, id: AccountId) -> Result<Option<KeptAccount>, AccountError> {
        let Some(row) = sqlx::query(sql::ACCOUNT_KEPT).bind(id).fetch_optional(&self.pool).await? else {
            return Ok(None);
        };
        let Json(profile) = row.try_get("profile")?;
        let rows = sqlx::query(sql::FAMILIES_KEPT).bind(id).fetch_all(&self.pool).await?;
        let kept = |row: &PgRow| -> sqlx::Result<KeptLogin> {
            let (ended_at, end_reason) = (row.try_get("ended_at")?, row.try_get("end_reason")?);
            Ok(KeptLogin { login: login(row)?, ended_at, end_reason })
        };
        let logins = rows.iter().map(kept).collect::<sqlx::Result<_>>()?;
        let totp = sqlx::query_as(sql::TOTP_KEPT).bind(id).fetch_optional(&self.pool).await?;
        let reset_link = sqlx::query_as(sql::RESET_LINK_KEPT).bind(id).fetch_optional(&self.pool).await?;
        Ok(Some(KeptAccount { account: Account::from_row(&row)?, profile, logins, totp, reset_link }))
    }

    /// What is kept of ended logins of another issuer's user.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn kept_host_ends(&self, user: &UserId) -> Result<Vec<KeptHostEnd>, AccountError> {
        Ok(sqlx::query_as(sql::HOST_LOGINS_KEPT).bind(user.as_str()).fetch_all(&self.pool).await?)
    }

    /// What was ended within the last `span`; without one, all that may still concern a token, of which our own live for
    /// `token_life`. A transaction's rows carry the time at which it began, so that one that commits late shows what is
    /// some seconds old already.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn ended_since(
        &self,
        span: Option<Duration>,
        token_life: Duration,
    ) -> Result<Ended, AccountError> {
        let login = |row: &PgRow| -> sqlx::Result<EndedLogin> {
            Ok(EndedLogin {
                user: row.try_get::<AccountId, _>("user_id")?.user(),
                org: word(row, "org")?,
                login: login_id(row.try_get("login")?)?,
                reason: if row.try_get("by_force")? { Reason::ForceLogout } else { Reason::Logout },
                actor: None,
                life: None,
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
        let ours = interval(span.unwrap_or(token_life));
        let logins = sqlx::query(sql::FAMILIES_ENDED).bind(ours).fetch_all(&self.pool).await?;
        let versions = sqlx::query(sql::VERSIONS_RAISED).bind(ours).fetch_all(&self.pool).await?;
        let mut ended = Ended {
            logins: logins.iter().map(login).collect::<sqlx::Result<_>>()?,
            tokens: versions.iter().map(tokens).collect::<sqlx::Result<_>>()?,
        };
        self.add_ended_hosts(span, &mut ended).await?;
        Ok(ended)
    }

    /// Forgets from where actions and logins came that are older than `age`; answers how many rows changed.
    ///
    /// # Errors
    /// Those of the database; what was done stays done.
    pub async fn forget_addresses(&self, age: Duration) -> Result<u64, AccountError> {
        let mut forgotten = 0;
        loop {
            let done: i32 = sqlx::query_scalar(sql::ADDRESSES_FORGET)
                .bind(interval(age))
                .bind(ADDRESSES_AT_ONCE)
                .fetch_one(&self.pool)
                .await?;
            forgotten += u64::from(done.unsigned_abs());
            if done < ADDRESSES_AT_ONCE {
                return Ok(forgotten);
            }
        }
    }

    /// Ends one login of somebody else; answers the account, or `None` if the login had ended or is not this account's.
    ///
    /// # Errors
    /// [`AccountError::NotFound`]; [`AccountError::NotEntitled`].
    pub async fn force_end_family(
        &self,
        id: AccountId,
        login: &LoginId,
        origin: &Origin,
    ) -> Result<Option<Account>, AccountError> {
        let mut transaction = self.pool.begin().await?;
        lock(&mut transaction, id, origin, Permission::ForceLogoutUser).await?;
        if !families::end_one(&mut transaction, id, login, EndReason::ForceLogout, origin).await? {
            return Ok(None);
        }
        let account = sqlx::query_as(sql::ACCOUNTS_BY_ID).bind([id]).fetch_one(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(Some(account))
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
