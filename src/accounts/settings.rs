//! The settings that nodes were started with, so that a start with others leaves an action.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{AccountError, Accounts, Action, Origin, Severity, actions, sql};

/// Settings that belong to one node, and tell nothing when another has others.
const OF_ONE_NODE: [&str; 3] = ["node", "listen", "internal_listen"];

impl Accounts {
    /// Notes that a node starts with these settings (without secrets), and leaves an action that says what is different
    /// from its last start; for a node that is new, from the last start of any. Answers whether anything is.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn record_settings(
        &self,
        node: &str,
        settings: &BTreeMap<String, String>,
    ) -> Result<bool, AccountError> {
        let mut transaction = self.pool.begin().await?;
        let settings: BTreeMap<&str, &str> =
            settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let last: Option<(String, sqlx::types::Json<BTreeMap<String, String>>)> =
            sqlx::query_as(sql::SETTINGS_LAST).bind(node).fetch_optional(&mut *transaction).await?;
        let changed = last.map_or_else(Vec::new, |(other, last)| {
            let is_own = other == node;
            let names = last.keys().map(String::as_str).chain(settings.keys().copied());
            let mut changed: Vec<_> = names
                .filter(|name| is_own || !OF_ONE_NODE.contains(name))
                .map(|name| (name.to_owned(), last.get(name).cloned(), settings.get(name).copied()))
                .filter(|(_, before, after)| before.as_deref() != *after)
                .collect();
            changed.sort();
            changed.dedup();
            changed
        });
        sqlx::query(sql::SETTINGS_KEEP)
            .bind(node)
            .bind(sqlx::types::Json(&settings))
            .execute(&mut *transaction)
            .await?;
        sqlx::query(sql::SETTINGS_FORGET).execute(&mut *transaction).await?;
        if !changed.is_empty() {
            let before = changed.iter().map(|(name, before, _)| (name.clone(), before.clone().into()));
            let after = changed.iter().map(|(name, _, after)| (name.clone(), (*after).into()));
            let origin = Origin::default();
            let detail = format!("Node {node} started with other settings than before");
            let action = Action::on_system(actions::SYSTEM_SETTINGS_CHANGED, detail, &origin);
            let action = Action {
                target_id: Some(node.to_owned()),
                severity: Severity::Warning,
                before: Some(Value::Object(before.collect())),
                after: Some(Value::Object(after.collect())),
                ..action
            };
            actions::record(&mut transaction, &action).await?;
        }
        transaction.commit().await?;
        Ok(!changed.is_empty())
    }
}
