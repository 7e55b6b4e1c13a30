//! Webhooks as they are registered: who is told of changes of presence, and of which. How they are told is the history's
//! business (`audit/webhooks/`).
//!
//! Of an address the record of actions has scheme, host and port: what follows may be a secret of the receiver's.

use std::time::Duration;

use serde_json::json;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use super::account::word;
use super::entitlement::check_entitled;
use super::families::interval;
use super::service_keys::org;
use super::{AccountError, Accounts, Action, Origin, Permission, Severity, actions, sql};
use crate::presence::{ChangeKind, Org};

/// The most webhooks there may be: each of them reads every change.
const MOST: i64 = 50;

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

/// What became of a delivery so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is sent, or waits for its turn.
    Pending,
    /// It was taken.
    Delivered,
    /// It was given up.
    Dead,
}

impl DeliveryState {
    /// The word as it is stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }
}

impl std::str::FromStr for DeliveryState {
    type Err = crate::presence::UnknownWord;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let all = [Self::Pending, Self::Delivered, Self::Dead];
        let found = all.into_iter().find(|state| state.as_str() == word);
        found.ok_or(Self::Err { vocabulary: "state", word: word.to_owned() })
    }
}

/// A delivery, without what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// Its name.
    pub id: Uuid,
    /// Its place among all deliveries, and so in lists.
    pub place: i64,
    /// What became of it so far.
    pub state: DeliveryState,
    /// Events in it when it was made.
    pub size: i32,
    /// How often it was sent.
    pub attempts: i32,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was last sent.
    pub tried_at: Option<OffsetDateTime>,
    /// When it was taken, or given up.
    pub ended_at: Option<OffsetDateTime>,
    /// What the receiver answered last.
    pub answer: Option<i16>,
    /// What was wrong the last time.
    pub problem: Option<String>,
}

impl FromRow<'_, PgRow> for WebhookDelivery {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            place: row.try_get("place")?,
            state: word(row, "state")?,
            size: row.try_get("size")?,
            attempts: row.try_get("attempts")?,
            created_at: row.try_get("created_at")?,
            tried_at: row.try_get("tried_at")?,
            ended_at: row.try_get("ended_at")?,
            answer: row.try_get("answer")?,
            problem: row.try_get("problem")?,
        })
    }
}

impl Accounts {
    /// Registers a webhook under an id that the caller has sealed its secret for. It is told what happens from now on.
    ///
    /// # Errors
    /// [`AccountError::NotEntitled`]; [`AccountError::Conflict`] if there are as many as there may be.
    pub async fn create_webhook(
        &self,
        id: Uuid,
        new: &Registration,
        secret: &[u8],
        origin: &Origin,
    ) -> Result<Webhook, AccountError> {
        let mut transaction = self.pool.begin().await?;
        check_entitled(&mut transaction, origin, Permission::ManageWebhooks).await?;
        sqlx::query(sql::WEBHOOKS_LOCK).execute(&mut *transaction).await?;
        let count: i64 = sqlx::query_scalar(sql::WEBHOOKS_COUNT).fetch_one(&mut *transaction).await?;
        if count >= MOST {
            return Err(AccountError::Conflict("There are 50 webhooks already, and no more are allowed"));
        }
        said(sqlx::query(sql::WEBHOOK_CREATE).bind(id), new)
            .bind(secret)
            .bind(&origin.actor)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(sql::WEBHOOK_PROGRESS).bind(id).execute(&mut *transaction).await?;
        sqlx::query(sql::WEBHOOK_START).bind(id).execute(&mut *transaction).await?;
        let webhook = read(&mut transaction, id).await?;
        let action = on(&webhook, actions::WEBHOOK_CREATED, "Webhook created", origin);
        actions::record(&mut transaction, &Action { after: Some(facts(new)), ..action }).await?;
        transaction.commit().await?;
        Ok(webhook)
    }

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
        read(&mut *self.pool.acquire().await?, id).await
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

    /// Changes what is said of a webhook. One that is switched on again is told what happens from then on, and what it had
    /// not taken before.
    ///
    /// # Errors
    /// [`AccountError::NotFound`]; [`AccountError::NotEntitled`].
    pub async fn change_webhook(
        &self,
        id: Uuid,
        change: impl FnOnce(&mut Registration) + Send,
        origin: &Origin,
    ) -> Result<Webhook, AccountError> {
        let mut transaction = self.pool.begin().await?;
        check_entitled(&mut transaction, origin, Permission::ManageWebhooks).await?;
        let before = lock(&mut transaction, id).await?;
        let mut after = before.said.clone();
        change(&mut after);
        if after == before.said {
            return Ok(before);
        }
        said(sqlx::query(sql::WEBHOOK_CHANGE).bind(id), &after).execute(&mut *transaction).await?;
        if after.is_enabled && !before.said.is_enabled {
            sqlx::query(sql::WEBHOOK_AFRESH).bind(id).execute(&mut *transaction).await?;
            sqlx::query(sql::WEBHOOK_HELD_FORGET).bind(id).execute(&mut *transaction).await?;
            sqlx::query(sql::WEBHOOK_START).bind(id).execute(&mut *transaction).await?;
        }
        let action = on(&before, actions::WEBHOOK_CHANGED, "Webhook changed", origin);
        let (old, new) = (Some(facts(&before.said)), Some(facts(&after)));
        actions::record(&mut transaction, &Action { before: old, after: new, ..action }).await?;
        let changed = read(&mut transaction, id).await?;
        transaction.commit().await?;
        Ok(changed)
    }

    /// Removes a webhook with its deliveries.
    ///
    /// # Errors
    /// [`AccountError::NotFound`]; [`AccountError::NotEntitled`].
    pub async fn delete_webhook(&self, id: Uuid, origin: &Origin) -> Result<(), AccountError> {
        let mut transaction = self.pool.begin().await?;
        check_entitled(&mut transaction, origin, Permission::ManageWebhooks).await?;
        let webhook = lock(&mut transaction, id).await?;
        sqlx::query(sql::WEBHOOK_DELETE).bind(id).execute(&mut *transaction).await?;
        let action = on(&webhook, actions::WEBHOOK_DELETED, "Webhook deleted", origin);
        actions::record(&mut transaction, &Action { before: Some(facts(&webhook.said)), ..action }).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Gives a webhook a new secret; the one before signs beside it for `overlap`.
    ///
    /// # Errors
    /// [`AccountError::NotFound`]; [`AccountError::NotEntitled`].
    pub async fn rotate_webhook_secret(
        &self,
        id: Uuid,
        secret: &[u8],
        overlap: Duration,
        origin: &Origin,
    ) -> Result<Webhook, AccountError> {
        let mut transaction = self.pool.begin().await?;
        check_entitled(&mut transaction, origin, Permission::ManageWebhooks).await?;
        lock(&mut transaction, id).await?;
        sqlx::query(sql::WEBHOOK_ROTATE)
            .bind(id)
            .bind(secret)
            .bind(interval(overlap))
            .execute(&mut *transaction)
            .await?;
        let webhook = read(&mut transaction, id).await?;
        let action = on(&webhook, actions::WEBHOOK_SECRET_ROTATED, "Secret of a webhook changed", origin);
        let ends = webhook.previous_until.map(|at| at.unix_timestamp() * 1_000);
        let after = Some(json!({"previous_until_ms": ends}));
        actions::record(&mut transaction, &Action { after, ..action }).await?;
        transaction.commit().await?;
        Ok(webhook)
    }

    /// Stores a secret that was sealed anew, if it is still the one that was read.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn reseal_webhook(&self, id: Uuid, old: &[u8], new: &[u8]) -> Result<(), AccountError> {
        sqlx::query(sql::WEBHOOK_RESEAL).bind(id).bind(old).bind(new).execute(&self.pool).await?;
        Ok(())
    }

    /// Notes that somebody tries a webhook, and answers it.
    ///
    /// # Errors
    /// [`AccountError::NotFound`]; [`AccountError::NotEntitled`].
    pub async fn test_webhook(&self, id: Uuid, origin: &Origin) -> Result<Webhook, AccountError> {
        let mut transaction = self.pool.begin().await?;
        check_entitled(&mut transaction, origin, Permission::ManageWebhooks).await?;
        let webhook = read(&mut transaction, id).await?;
        let action = on(&webhook, actions::WEBHOOK_TESTED, "Webhook tried", origin);
        actions::record(&mut transaction, &Action { severity: Severity::Info, ..action }).await?;
        transaction.commit().await?;
        Ok(webhook)
    }

    /// A page of a webhook's deliveries, newest first, from before the place `before`.
    ///
    /// # Errors
    /// [`AccountError::NotFound`] if there is no such webhook.
    pub async fn webhook_deliveries(
        &self,
        id: Uuid,
        state: Option<DeliveryState>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<WebhookDelivery>, AccountError> {
        let mut connection = self.pool.acquire().await?;
        read(&mut connection, id).await?;
        let rows = sqlx::query_as(sql::WEBHOOK_DELIVERIES)
            .bind(id)
            .bind(state.map(DeliveryState::as_str))
            .bind(before)
            .bind(i64::from(limit))
            .fetch_all(&mut *connection)
            .await?;
        Ok(rows)
    }

    /// Puts a dead letter behind the deliveries that wait, to be sent again.
    ///
    /// # Errors
    /// [`AccountError::NotFound`]; [`AccountError::NotEntitled`]; [`AccountError::Conflict`] if it is no dead letter, or
    /// nothing is left in it.
    pub async fn redeliver_webhook(
        &self,
        id: Uuid,
        delivery: Uuid,
        patience: Duration,
        origin: &Origin,
    ) -> Result<WebhookDelivery, AccountError> {
        let mut transaction = self.pool.begin().await?;
        check_entitled(&mut transaction, origin, Permission::ManageWebhooks).await?;
        let webhook = lock(&mut transaction, id).await?;
        let known: WebhookDelivery = sqlx::query_as(sql::WEBHOOK_DELIVERY)
            .bind(id)
            .bind(delivery)
            .fetch_one(&mut *transaction)
            .await?;
        let again = sqlx::query_as(sql::WEBHOOK_REDELIVER)
            .bind(known.id)
            .bind(interval(patience))
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(again) = again else {
            return Err(AccountError::Conflict("Only a dead letter that still has events can be sent again"));
        };
        sqlx::query(sql::WEBHOOK_AFRESH).bind(id).execute(&mut *transaction).await?;
        let action =
            on(&webhook, actions::WEBHOOK_REDELIVERED, "Dead letter of a webhook sent again", origin);
        let after = Some(json!({"delivery": delivery}));
        actions::record(&mut transaction, &Action { after, severity: Severity::Info, ..action }).await?;
        transaction.commit().await?;
        Ok(again)
    }
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

fn said<'q>(query: Query<'q>, said: &'q Registration) -> Query<'q> {
    let words: Vec<&str> = said.events.iter().map(|kind| kind.as_str()).collect();
    query
        .bind(&said.name)
        .bind(&said.url)
        .bind(said.org.as_ref().map(Org::as_str))
        .bind(words)
        .bind(said.debounce_ms)
        .bind(said.is_enabled)
}

async fn read(connection: &mut PgConnection, id: Uuid) -> Result<Webhook, AccountError> {
    Ok(sqlx::query_as(sql::WEBHOOK).bind(id).fetch_one(connection).await?)
}

/// Reads a webhook that nobody else changes, nor works for, until the transaction ends.
async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<Webhook, AccountError> {
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

fn facts(said: &Registration) -> serde_json::Value {
    // As the URL library writes them: without a user, and with a path.
    let address: Vec<&str> = said.url.split('/').take(3).collect();
    json!({
        "name": said.name, "address": address.join("/"), "org": said.org, "events": said.events,
        "debounce_ms": said.debounce_ms, "enabled": said.is_enabled,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_not_recorded() {
        let said = Registration {
            name: "shop".to_owned(),
            url: "https://hooks.example.com:8443/secret?token=secret".to_owned(),
            org: None,
            events: vec![ChangeKind::Online],
            debounce_ms: None,
            is_enabled: true,
        };
        let facts = facts(&said);
        assert_eq!(facts["address"], "https://hooks.example.com:8443");
        assert!(!facts.to_string().contains("secret"));
    }
}
