//! Keys of host applications' servers: made, listed, taken back.
//!
//! A key is `rc_sk_<id>_<secret>`; the secret is 256 random bits and kept only as a hash. It is shown once, to whoever
//! has it made.

use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngExt;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use time::OffsetDateTime;

use super::account::word;
use super::entitlement::check_entitled;
use super::families::interval;
use super::{AccountError, Accounts, Action, Origin, Permission, Severity, actions, sql};
use crate::presence::Org;

/// How a key begins, so that scanners for leaked secrets can know it.
const PREFIX: &str = "rc_sk_";
/// Length of an id, in characters.
const ID_LENGTH: usize = 12;
const ID_LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// Say that people are active.
    #[serde(rename = "activity:write")]
    ActivityWrite,
    /// See who is present.
    #[serde(rename = "presence:read")]
    PresenceRead,
    /// Count who is present.
    #[serde(rename = "stats:read")]
    StatsRead,
    /// Sign grants that let people into rooms.
    #[serde(rename = "grants")]
    Grants,
}

impl Scope {
    /// The word as it is stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ActivityWrite => "activity:write",
            Self::PresenceRead => "presence:read",
            Self::StatsRead => "stats:read",
            Self::Grants => "grants",
        }
    }
}

/// A word that is no scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope is activity:write, presence:read, stats:read or grants")]
pub struct InvalidScope;

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(word: &str) -> Result<Self, InvalidScope> {
        let mut all = [Self::ActivityWrite, Self::PresenceRead, Self::StatsRead, Self::Grants].into_iter();
        all.find(|scope| scope.as_str() == word).ok_or(InvalidScope)
    }
}

/// What a key is made of.
#[derive(Clone, Debug)]
pub struct NewServiceKey {
    /// For people to know it by; 1-100 characters.
    pub name: String,
    /// What it may do; at least one.
    pub scopes: Vec<Scope>,
    /// It speaks of people of this organisation only; `None`: of all.
    pub org: Option<Org>,
    /// How long it is good; `None`: until it is taken back.
    pub life: Option<Duration>,
}

/// A key as people see it: without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceKey {
    /// Its name in the key itself.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Of whom it speaks; `None`: of all.
    pub org: Option<Org>,
    /// The user id of who had it made.
    pub created_by: Option<String>,
    /// When.
    pub created_at: OffsetDateTime,
    /// When it ends by itself.
    pub expires_at: Option<OffsetDateTime>,
    /// When it was taken back.
    pub revoked_at: Option<OffsetDateTime>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<OffsetDateTime>,
}

/// Reads scopes; words of a later version say nothing to this one.
pub(super) fn scopes(row: &PgRow) -> sqlx::Result<Vec<Scope>> {
    let words: Vec<String> = row.try_get("scopes")?;
    Ok(words.iter().filter_map(|word| word.parse().ok()).collect())
}

/// Reads an organisation that may be none.
pub(super) fn org(row: &PgRow) -> sqlx::Result<Option<Org>> {
    row.try_get::<Option<&str>, _>("org")?.map(|_| word(row, "org")).transpose()
}

impl FromRow<'_, PgRow> for ServiceKey {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            scopes: scopes(row)?,
            org: org(row)?,
            created_by: row.try_get("created_by")?,
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
            revoked_at: row.try_get("revoked_at")?,
            last_used_at: row.try_get("last_used_at")?,
        })
    }
}

/// A key taken apart: its id, and the hash of its secret.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Presented {
    pub(super) id: String,
    pub(super) hash: [u8; 32],
}

impl Presented {
    /// The parts of a text; `None` if it has not the form of a key.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        if id.len() != ID_LENGTH || secret.len() != 43 || !id.bytes().all(|byte| ID_LETTERS.contains(&byte)) {
            return None;
        }
        let secret: [u8; 32] = URL_SAFE_NO_PAD.decode(secret).ok()?.try_into().ok()?;
        Some(Self { id: id.to_owned(), hash: Sha256::digest(secret).into() })
    }
}

/// A new key, and what is kept of it.
fn random_key() -> (SecretString, Presented) {
    let mut random = rand::rng();
    let letter = |_| char::from(ID_LETTERS[random.random_range(0..ID_LETTERS.len())]);
    let id: String = (0..ID_LENGTH).map(letter).collect();
    let secret: [u8; 32] = rand::random();
    let text = format!("{PREFIX}{id}_{}", URL_SAFE_NO_PAD.encode(secret));
    (text.into(), Presented { id, hash: Sha256::digest(secret).into() })
}

impl Accounts {
    /// Makes a key; the text is shown to whoever asked, and known to nobody after.
    ///
    /// # Errors
    /// [`AccountError::NotEntitled`]; [`AccountError::Invalid`] if the name is too long.
    pub async fn create_service_key(
        &self,
        new: &NewServiceKey,
        origin: &Origin,
    ) -> Result<(ServiceKey, SecretString), AccountError> {
        let (text, kept) = random_key();
        let mut transaction = self.pool.begin().await?;
        check_entitled(&mut transaction, origin, Permission::ManageServiceKeys).await?;
        let words: Vec<&str> = new.scopes.iter().map(|scope| scope.as_str()).collect();
        let key: ServiceKey = sqlx::query_as(sql::SERVICE_KEY_CREATE)
            .bind(&kept.id)
            .bind(&new.name)
            .bind(kept.hash.as_slice())
            .bind(&words)
            .bind(new.org.as_ref().map(Org::as_str))
            .bind(&origin.actor)
            .bind(new.life.map(interval))
            .fetch_one(&mut *transaction)
            .await?;
        let action = on(&key, actions::SERVICE_KEY_CREATED, "Service key created", origin);
        actions::record(&mut transaction, &Action { after: Some(facts(&key)), ..action }).await?;
        transaction.commit().await?;
        Ok((key, text))
    }

    /// Every key there ever was, newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn service_keys(&self) -> Result<Vec<ServiceKey>, AccountError> {
        Ok(sqlx::query_as(sql::SERVICE_KEYS).fetch_all(&self.pool).await?)
    }

    /// Takes a key back. One that was taken back before stays so, and leaves no second row.
    ///
    /// # Errors
    /// [`AccountError::NotFound`]; [`AccountError::NotEntitled`].
    pub async fn revoke_service_key(&self, id: &str, origin: &Origin) -> Result<ServiceKey, AccountError> {
        let mut transaction = self.pool.begin().await?;
        check_entitled(&mut transaction, origin, Permission::ManageServiceKeys).await?;
        let revoked = sqlx::query(sql::SERVICE_KEY_REVOKE).bind(id).execute(&mut *transaction).await?;
        let key: ServiceKey = sqlx::query_as(sql::SERVICE_KEY).bind(id).fetch_one(&mut *transaction).await?;
        if revoked.rows_affected() > 0 {
            let action = on(&key, actions::SERVICE_KEY_REVOKED, "Service key taken back", origin);
            actions::record(&mut transaction, &Action { before: Some(facts(&key)), ..action }).await?;
        }
        transaction.commit().await?;
        Ok(key)
    }

    /// Notes that keys were used now.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn note_service_keys_used(&self, ids: &[String]) -> Result<(), AccountError> {
        sqlx::query(sql::SERVICE_KEYS_USED).bind(ids).execute(&self.pool).await?;
        Ok(())
    }
}

fn on<'a>(key: &ServiceKey, name: &'static str, said: &str, origin: &'a Origin) -> Action<'a> {
    Action {
        target_type: "SERVICE_KEY",
        target_id: Some(key.id.clone()),
        severity: Severity::Warning,
        category: "security",
        ..Action::on_system(name, format!("{said}: {}", key.name), origin)
    }
}

fn facts(key: &ServiceKey) -> serde_json::Value {
    let ends = key.expires_at.map(|at| at.unix_timestamp() * 1_000);
    json!({"name": key.name, "scopes": key.scopes, "org": key.org, "expires_at_ms": ends})
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_key_is_read_back_and_other_texts_are_none() {
        let (text, kept) = random_key();
        let text = text.expose_secret();
        assert_eq!(text.len(), 6 + 12 + 1 + 43);
        assert!(Presented::parse(text).is_some_and(|presented| presented == kept));
        let other = format!("{}x", &text[..text.len() - 1]);
        assert!(Presented::parse(&other).is_none_or(|presented| presented != kept));
        for bad in [
            "",
            "rc_sk_",
            "rc_sk_abc_def",
            &text[1..],
            &text[..60],
            &format!("{text}A"),
            &text.to_uppercase(),
        ] {
            assert!(Presented::parse(bad).is_none(), "{bad}");
        }
        for scope in [Scope::ActivityWrite, Scope::PresenceRead, Scope::StatsRead] {
            assert_eq!(scope.as_str().parse(), Ok(scope));
        }
        assert_eq!("root".parse::<Scope>(), Err(InvalidScope));
    }
}
