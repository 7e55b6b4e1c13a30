//! Webhooks as they are registered: who is told of changes of presence, and of which. How they are told is the history's
//! business (`audit/webhooks/`).
//!
//! Reading order: what is registered (here), `changes`, `deliveries`. Of an address the record of actions has scheme, host and port: what follows may be a secret of the receiver's.

mod changes;
mod deliveries;

use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use super::service_keys::org;
use super::{AccountError, Accounts, Action, Origin, Severity, sql};
use crate::database::Connection;
use crate::presence::{ChangeKind, Org};

pub use deliveries::{DeliveryState, WebhookDelivery};

/// What an administrator says of a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// For people to know it by; 1-100 characters.
    pub name: String,
    /// Where to.
    pub url: String,
    /// People of this organisation only; `None`: of all.
    pub org: Option<Org>,
    /// Of what; at least one.
    pub events: Vec<ChangeKind>,
    /// Changes that are undone within so many ms are not told.
    pub debounce_ms: Option<i32>,
    /// Whether it is told anything.
    pub is_enabled: bool,
}

/// A webhook without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its name in paths.
    pub id: Uuid,
    /// What was said of it.
    pub said: Registration,
    /// The user id of who had it made.
    pub created_by: Option<String>,
    /// When.
    pub created_at: OffsetDateTime,
    /// When it was last changed.
    pub updated_at: OffsetDateTime,
    /// Until when the secret before this one signs, too.
    pub previous_until: Option<OffsetDateTime>,
    /// Attempts that failed in a row.
    pub failures: i32,
    /// What was wrong with the last of them.
    pub problem: Option<String>,
    /// When something was last delivered.
    pub succeeded_at: Option<OffsetDateTime>,
    /// When an attempt last failed.
    pub failed_at: Option<OffsetDateTime>,
    /// When the next attempt may be made.
    pub retry_at: OffsetDateTime,
}

impl FromRow<'_, PgRow> for Webhook {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let words: Vec<String> = row.try_get("events")?;
        Ok(Self {
            id: row.try_get("id")?,
            said: Registration {
                name: row.try_get("name")?,
                url: row.try_get("url")?,
                org: org(row)?,
                events: words.iter().filter_map(|word| word.parse().ok()).collect(),
                debounce_ms: row.try_get("debounce_ms")?,
                is_enabled: row.try_get("enabled")?,
            },
            created_by: row.try_get("created_by")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
            previous_until: row.try_get("previous_until")?,
            failures: row.try_get("failures")?,
            problem: row.try_get("problem")?,
            succeeded_at: row.try_get("succeeded_at")?,
            failed_at: row.try_get("failed_at")?,
            retry_at: row.try_get("retry_at")?,
        })
    }
}

impl Accounts {
    /// Every webhook, newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn webhooks(&self) -> Result<Vec<Webhook>, AccountError> {
        Ok(sqlx::query_as(sql::WEBHOOKS).fetch_all(&self.pool).await?)
    }

    /// One of them.
    ///
    /// # Errors
    /// [`AccountError::NotFound`].
    pub async fn webhook(&self, id: Uuid) -> Result<Webhook, AccountError> {
        read(&mut self.pool.acquire().await?, id).await
    }

    /// The secrets of a webhook that sign now, sealed; the present one first.
    ///
    /// # Errors
    /// [`AccountError::NotFound`].
    pub async fn webhook_secrets(&self, id: Uuid) -> Result<Vec<Vec<u8>>, AccountError> {
        let row = sqlx::query(sql::WEBHOOK_SECRETS).bind(id).fetch_one(&self.pool).await?;
        let previous: Option<Vec<u8>> = row.try_get("previous_secret")?;
        Ok(std::iter::once(row.try_get("secret")?).chain(previous).collect())
    }

    /// All secrets that sign, sealed.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn webhook_seals(&self) -> Result<Vec<(Uuid, Vec<u8>)>, AccountError> {
        Ok(sqlx::query_as(sql::WEBHOOK_SEALS).fetch_all(&self.pool).await?)
    }

    /// Stores a secret that was sealed anew, if it is still the one that was read.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn reseal_webhook(&self, id: Uuid, old: &[u8], new: &[u8]) -> Result<(), AccountError> {
        sqlx::query(sql::WEBHOOK_RESEAL).bind(id).bind(old).bind(new).execute(&self.pool).await?;
        Ok(())
    }
}

async fn read(connection: &mut Connection, id: Uuid) -> Result<Webhook, AccountError> {
    Ok(sqlx::query_as(sql::WEBHOOK).bind(id).fetch_one(connection).await?)
}

/// Reads a webhook that nobody else changes, nor works for, until the transaction ends.
async fn lock(connection: &mut Connection, id: Uuid) -> Result<Webhook, AccountError> {
    Ok(sqlx::query_as(sql::WEBHOOK_LOCKED).bind(id).fetch_one(connection).await?)
}

fn on<'a>(webhook: &Webhook, name: &'static str, what: &str, origin: &'a Origin) -> Action<'a> {
    Action {
        target_type: "WEBHOOK",
        target_id: Some(webhook.id.to_string()),
        severity: Severity::Warning,
        category: "admin",
        ..Action::on_system(name, format!("{what}: {}", webhook.said.name), origin)
    }
}
