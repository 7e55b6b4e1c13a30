//! Webhooks made, changed, given another secret, tried and deleted: each with its row in the same transaction.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::{Registration, Webhook, lock, on, read};
use crate::accounts::entitlement::check_entitled;
use crate::accounts::families::interval;
use crate::accounts::{AccountError, Accounts, Action, Origin, Permission, Severity, actions, sql};
use crate::presence::Org;

/// The most webhooks there may be: each of them reads every change.
const MOST: i64 = 50;

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
    use crate::presence::ChangeKind;

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
