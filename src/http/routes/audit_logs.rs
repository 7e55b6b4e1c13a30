//! `/api/admin/audit-logs/`: what administrators did, and what concerned the security of accounts. The names of the
//! fields are those that existing clients read.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use crate::accounts::{ActionFilter, RecordedAction};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::{May, Query, to};
use crate::http::pages::{cursor, limit};
use crate::http::time::{Timestamp, moment};
use crate::presence::Millis;

/// Characters of a value to look for, at most.
const MOST: usize = 128;

/// Which actions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditLogsQuery {
    /// By this user id, or `cli` for the command line. Also `actor_id`.
    #[serde(alias = "actor_id")]
    actor: Option<String>,
    /// Of this kind (`USER_LOGIN`, `FORCE_LOGOUT` ...). Also `action_type`.
    #[serde(alias = "action_type")]
    action: Option<String>,
    /// On this thing: a user id, mostly. Also `target_id`.
    #[serde(alias = "target_id")]
    target: Option<String>,
    /// On things of this kind: `USER`, `AUTH`, `SYSTEM`.
    target_type: Option<String>,
    /// Of this weight: `info`, `warning`.
    severity: Option<String>,
    /// `user`, `admin`, `security`.
    category: Option<String>,
    /// At this moment or later (RFC 3339).
    #[serde(default, deserialize_with = "moment")]
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Millis>,
    /// Before this moment (RFC 3339).
    #[serde(default, deserialize_with = "moment")]
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Millis>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// At most 1000; 100 if absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// One action.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditLogRow {
    id: String,
    /// The account name of who acted; `System` where nobody was logged in.
    #[schema(example = "eve")]
    actor: String,
    /// The user id of who acted, or `cli`.
    actor_id: Option<String>,
    #[schema(example = "FORCE_LOGOUT")]
    action_type: String,
    /// In a sentence.
    description: String,
    #[schema(example = "USER")]
    target_type: Option<String>,
    target_id: Option<String>,
    /// `info`, `warning`.
    severity: String,
    /// `user`, `admin`, `security`.
    category: String,
    ip_address: Option<String>,
    user_agent: Option<String>,
    session_id: Option<String>,
    timestamp: Timestamp,
    /// `before` and `after` of what changed, and the `request_id`.
    metadata: Value,
}

/// A page of actions.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditLogsPage {
    /// Newest first.
    results: Vec<AuditLogRow>,
    /// Where the next page begins; `null` after the last.
    next_cursor: Option<String>,
}

/// Lists what administrators did and what concerned the security of accounts, newest first
#[utoipa::path(get, path = "/api/admin/audit-logs/", tag = "administration", params(AuditLogsQuery),
    responses((status = 200, body = AuditLogsPage)))]
pub async fn list(
    State(app): State<App>,
    _: May<to::ViewAuditLogs>,
    Query(query): Query<AuditLogsQuery>,
) -> Result<Json<AuditLogsPage>, ApiError> {
    let (limit, cursor) = (limit(query.limit)?, cursor(query.cursor.as_deref())?);
    let (actions, next) = app.accounts.actions(&query.filter()?, cursor, limit).await?;
    Ok(Json(AuditLogsPage {
        results: actions.into_iter().map(AuditLogRow::from).collect(),
        next_cursor: next.map(|cursor| cursor.to_string()),
    }))
}

impl AuditLogsQuery {
    fn filter(self) -> Result<ActionFilter, ApiError> {
        Ok(ActionFilter {
            actor: value("actor", self.actor)?,
            action: value("action", self.action)?,
            target_type: value("target_type", self.target_type)?,
            target: value("target", self.target)?,
            severity: value("severity", self.severity)?,
            category: value("category", self.category)?,
            since: point("since", self.since)?,
            until: point("until", self.until)?,
        })
    }
}

/// A value to look for, if it could be one.
fn value(name: &str, value: Option<String>) -> Result<Option<String>, ApiError> {
    match value {
        Some(text) if text.chars().count() > MOST || text.chars().any(char::is_control) => {
            Err(ApiError::invalid(name, format!("expected at most {MOST} printable characters")))
        }
        value => Ok(value),
    }
}

fn point(name: &str, at: Option<Millis>) -> Result<Option<OffsetDateTime>, ApiError> {
    let point = |at: Millis| OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000);
    at.map(point).transpose().map_err(|error| ApiError::invalid(name, error.to_string()))
}

impl From<RecordedAction> for AuditLogRow {
    fn from(action: RecordedAction) -> Self {
        let origin = action.origin;
        let actor = action.actor_name.or_else(|| origin.actor.clone());
        Self {
            id: action.id.to_string(),
            actor: actor.unwrap_or_else(|| "System".to_owned()),
            actor_id: origin.actor,
            action_type: action.action,
            description: action.detail.unwrap_or_default(),
            target_type: action.target_type,
            target_id: action.target_id,
            severity: action.severity,
            category: action.category,
            ip_address: origin.address,
            user_agent: origin.user_agent,
            session_id: origin.session_id,
            timestamp: action.occurred_at.into(),
            metadata: json!({
                "before": action.before, "after": action.after, "request_id": origin.request_id,
            }),
        }
    }
}
