//! Deliveries, as they are looked up and sent again.

use std::time::Duration;

use serde_json::json;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{lock, on, read};
use crate::accounts::account::word;
use crate::accounts::entitlement::check_entitled;
use crate::accounts::families::interval;
use crate::accounts::{AccountError, Accounts, Action, Origin, Permission, Severity, actions, sql};

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
            .fetch_all(&mut connection)
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
