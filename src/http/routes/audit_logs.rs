//! `/api/admin/audit-logs/`: what administrators did, and what concerned the security of accounts; as a list and as a
//! file. The names of the fields are those that existing clients read.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use crate::accounts::{
    AccountError, Accounts, Action, ActionCursor, ActionFilter, Origin, RecordedAction, actions,
};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::{May, Query, Source, to};
use crate::http::failures::Asked;
use crate::http::file::{Form, Page, Pages, attachment};
use crate::http::pages::{cursor, limit};
use crate::http::time::{Timestamp, moment, point};
use crate::presence::Millis;

/// Characters of a value to look for, at most.
const MOST: usize = 128;

/// Declares query strings that say which actions, and something besides.
macro_rules! queries {
    ($($(#[$doc:meta])* $name:ident { $($more:tt)* })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Deserialize, IntoParams)]
        #[serde(deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        pub struct $name {
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
            /// From this login. Also `session_id`.
            #[serde(alias = "session_id")]
            session: Option<String>,
            /// By this request.
            request_id: Option<String>,
            /// With these words in the description or in what changed. Looks through everything that the other filters
            /// leave: narrow the time, too.
            search: Option<String>,
            /// At this moment or later (RFC 3339).
            #[serde(default, deserialize_with = "moment")]
            #[param(value_type = Option<String>, format = DateTime)]
            since: Option<Millis>,
            /// Before this moment (RFC 3339).
            #[serde(default, deserialize_with = "moment")]
            #[param(value_type = Option<String>, format = DateTime)]
            until: Option<Millis>,
            $($more)*
        }

        impl $name {
            fn filter(&self) -> Result<ActionFilter, ApiError> {
                Ok(ActionFilter {
                    actor: value("actor", &self.actor)?,
                    action: value("action", &self.action)?,
                    target_type: value("target_type", &self.target_type)?,
                    target: value("target", &self.target)?,
                    severity: value("severity", &self.severity)?,
                    category: value("category", &self.category)?,
                    session: value("session", &self.session)?,
                    request: value("request_id", &self.request_id)?,
                    words: value("search", &self.search)?,
                    since: self.since.map(|at| point("since", at)).transpose()?,
                    until: self.until.map(|at| point("until", at)).transpose()?,
                })
            }
        }
    )+};
}

queries! {
    /// Which actions, and which page of them.
    AuditLogsQuery {
        /// The `next_cursor` of the page before.
        cursor: Option<String>,
        /// At most 1000; 100 if absent.
        #[param(minimum = 1, maximum = 1000)]
        limit: Option<u32>,
    }
    /// Which actions, in which form.
    AuditExportQuery {
        /// `csv` (if absent), `ndjson` or `json`.
        #[serde(default)]
        #[param(value_type = Option<String>)]
        format: Form,
    }
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
    let found = app.accounts.actions(&query.filter()?, cursor, limit).await;
    let (actions, next) = found.map_err(Asked::answer)?;
    Ok(Json(AuditLogsPage {
        results: actions.into_iter().map(AuditLogRow::from).collect(),
        next_cursor: next.map(|cursor| cursor.to_string()),
    }))
}

/// Exports what administrators did and what concerned the security of accounts, newest first
///
/// The file is sent while it is read. If that fails in the middle, the connection breaks off and the file is not whole.
#[utoipa::path(get, path = "/api/admin/audit-logs/export/", tag = "administration", params(AuditExportQuery),
    responses((status = 200, description = "the file", content(
        (String = "text/csv"), (String = "application/x-ndjson"), (String = "application/json")))))]
pub async fn export(
    State(app): State<App>,
    May(claims, ..): May<to::ExportData>,
    source: Source,
    Query(query): Query<AuditExportQuery>,
) -> Result<Response, ApiError> {
    let filter = query.filter()?;
    let now = app.audit.reach().await?.now;
    // What comes in later, this export's own row among it, would make the file depend on how fast it is read.
    let until = point("until", query.until.unwrap_or(now).min(now))?;
    let filter = ActionFilter { until: Some(until), ..filter };
    let origin = source.of(&claims);
    app.accounts.record(&exported(&filter, query.format, &origin)).await?;
    let pages = ActionPages { accounts: app.accounts.clone(), filter };
    attachment(pages, query.format, "audit-logs", now).await
}

/// Who takes the record out of the house is remembered, before the first row leaves it.
pub fn exported<'a>(filter: &ActionFilter, format: Form, origin: &'a Origin) -> Action<'a> {
    let at = |at: Option<OffsetDateTime>| at.map(Timestamp::from);
    let after = json!({
        "log": "admin_actions", "format": format, "actor": filter.actor, "action": filter.action,
        "target": filter.target, "target_type": filter.target_type, "severity": filter.severity,
        "category": filter.category, "session": filter.session, "request_id": filter.request,
        "search": filter.words, "since": at(filter.since), "until": at(filter.until),
    });
    let action = Action::on_system(actions::DATA_EXPORTED, "the record of actions was exported", origin);
    Action { after: Some(after), ..action }
}

/// Actions, to be read page by page.
#[derive(Clone, Debug)]
pub struct ActionPages {
    /// Where they are.
    pub accounts: Accounts,
    /// Which.
    pub filter: ActionFilter,
}

impl Pages for ActionPages {
    type Row = AuditLogRow;
    type Cursor = ActionCursor;
    type Error = AccountError;

    const COLUMNS: &'static [&'static str] = &[
        "id",
        "timestamp",
        "actor",
        "actor_id",
        "action_type",
        "description",
        "target_type",
        "target_id",
        "severity",
        "category",
        "ip_address",
        "user_agent",
        "session_id",
        "metadata",
    ];

    async fn page(&self, behind: Option<ActionCursor>, limit: u32) -> Result<Page<Self>, AccountError> {
        let (rows, next) = self.accounts.actions(&self.filter, behind, limit).await?;
        Ok((rows.into_iter().map(AuditLogRow::from).collect(), next))
    }
}

/// A value to look for, if it could be one.
fn value(name: &str, value: &Option<String>) -> Result<Option<String>, ApiError> {
    match value {
        Some(text) if text.chars().count() > MOST || text.chars().any(char::is_control) => {
            Err(ApiError::invalid(name, format!("expected at most {MOST} printable characters")))
        }
        value => Ok(value.clone()),
    }
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
