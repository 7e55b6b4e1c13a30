//! An account as a value: what it may do, and whether it may be online.

use std::str::FromStr;

use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use time::OffsetDateTime;

use super::{Email, NameRule, Username};
use crate::presence::{GateKind, Org, Role, UserId};

/// The number of an account. Presence knows the same user by its decimal text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct AccountId(pub i64);

impl AccountId {
    /// The name by which presence, tokens and the audit know the user.
    #[must_use]
    pub fn user(self) -> UserId {
        UserId::parse(&self.0.to_string()).expect("decimal digits are a user id")
    }

    /// The account behind a user; none for a subject of another issuer.
    #[must_use]
    pub fn of(user: &UserId) -> Option<Self> {
        // One user has one name: `+7` and `007` are not user 7.
        let is_plain = user.as_str().starts_with(|first: char| matches!(first, '1'..='9'));
        user.as_str().parse().ok().filter(|_| is_plain).map(Self)
    }
}

impl std::fmt::Display for AccountId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Where an account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountStatus {
    /// In use.
    Active,
    /// Registered, not yet approved.
    Pending,
    /// Shut out, perhaps until an end.
    Suspended,
    /// Shut out for good.
    Banned,
}

impl AccountStatus {
    /// The word as it is stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Suspended => "suspended",
            Self::Banned => "banned",
        }
    }
}

impl FromStr for AccountStatus {
    type Err = NameRule;

    fn from_str(word: &str) -> Result<Self, NameRule> {
        [Self::Active, Self::Pending, Self::Suspended, Self::Banned]
            .into_iter()
            .find(|status| status.as_str() == word)
            .ok_or(NameRule("Status must be active, pending, suspended or banned"))
    }
}

/// What a new account is made of.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// The name to log in with.
    pub username: Username,
    /// The address; also good to log in with.
    pub email: Email,
    /// The password's hash, a PHC string.
    pub password_hash: String,
    /// What the account may do.
    pub role: Role,
    /// `Active`, or `Pending` where accounts need approval.
    pub status: AccountStatus,
    /// The organisation.
    pub org: Org,
    /// At most 150 characters.
    pub first_name: String,
    /// At most 150 characters.
    pub last_name: String,
}

/// An account as it was when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub id: AccountId,
    /// The name to log in with.
    pub username: String,
    /// The address.
    pub email: String,
    /// May be empty.
    pub first_name: String,
    /// May be empty.
    pub last_name: String,
    /// May be empty.
    pub bio: String,
    /// Path or URL of a picture.
    pub avatar: Option<String>,
    /// What it may do.
    pub role: Role,
    /// Where it stands.
    pub status: AccountStatus,
    /// Whether it is switched on.
    pub is_active: bool,
    /// The organisation.
    pub org: Org,
    /// Whether the address is known to work.
    pub email_verified: bool,
    /// Tokens with a lower version have ended.
    pub token_version: i64,
    /// Raised with every change of the gate.
    pub gate_version: i64,
    /// When a suspension ends; `None` if it does not, or there is none.
    pub suspended_until: Option<OffsetDateTime>,
    /// Whether that moment had passed, by Postgres's clock, when the account was read.
    pub suspension_over: bool,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
    /// When somebody last logged in to it.
    pub last_login_at: Option<OffsetDateTime>,
    /// When it was put into the trash, if it was.
    pub deleted_at: Option<OffsetDateTime>,
}

impl Account {
    /// First and last name, as far as they are known.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name).trim().to_owned()
    }

    /// Why the account may not be online; `None` if it may. A suspension whose end has passed is none.
    #[must_use]
    pub const fn gate(&self) -> Option<GateKind> {
        if !self.is_active || self.deleted_at.is_some() {
            return Some(GateKind::Inactive);
        }
        match self.status {
            AccountStatus::Banned => Some(GateKind::Banned),
            AccountStatus::Suspended if !self.suspension_over => Some(GateKind::Suspended),
            AccountStatus::Pending => Some(GateKind::Pending),
            AccountStatus::Suspended | AccountStatus::Active => None,
        }
    }
}

/// Reads a column whose text has one of presence's forms.
pub(super) fn word<T>(row: &PgRow, column: &str) -> sqlx::Result<T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    row.try_get::<&str, _>(column)?.parse().map_err(|error: T::Err| sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: Box::new(error),
    })
}

impl FromRow<'_, PgRow> for Account {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            username: row.try_get("username")?,
            email: row.try_get("email")?,
            first_name: row.try_get("first_name")?,
            last_name: row.try_get("last_name")?,
            bio: row.try_get("bio")?,
            avatar: row.try_get("avatar")?,
            role: word(row, "role")?,
            status: word(row, "status")?,
            is_active: row.try_get("is_active")?,
            org: word(row, "org")?,
            email_verified: row.try_get("email_verified")?,
            token_version: row.try_get("token_version")?,
            gate_version: row.try_get("gate_version")?,
            suspended_until: row.try_get("suspended_until")?,
            suspension_over: row.try_get("suspension_over")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
            last_login_at: row.try_get("last_login_at")?,
            deleted_at: row.try_get("deleted_at")?,
        })
    }
}

/// What a list of those who are present shows of an account.
#[derive(Clone, Debug)]
pub struct Card {
    /// Number.
    pub id: AccountId,
    /// The name to log in by.
    pub username: String,
    /// The address.
    pub email: String,
    /// What it may do.
    pub role: Role,
    /// Where it stands.
    pub status: AccountStatus,
}

impl FromRow<'_, PgRow> for Card {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            username: row.try_get("username")?,
            email: row.try_get("email")?,
            role: word(row, "role")?,
            status: word(row, "status")?,
        })
    }
}

/// An account and the hash to check a password against.
#[derive(Clone)]
pub struct Credentials {
    /// The account.
    pub account: Account,
    /// A PHC string.
    pub password_hash: String,
}
