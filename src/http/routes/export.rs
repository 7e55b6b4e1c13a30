//! `/api/presence/transitions/export/`: every change of status there was, as a file.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

use super::transitions::{TransitionPages, check};
use crate::accounts::{Action, Origin, actions};
use crate::app::App;
use crate::audit::{Filter, Sight};
use crate::http::error::ApiError;
use crate::http::extract::{May, Query, Source, to};
use crate::http::file::{Form, attachment};
use crate::http::sight::sight;
use crate::http::time::{Timestamp, moment};
use crate::http::words::Why;
use crate::presence::{Millis, Org, Reason, SessionId, Status, UserId};

/// Which transitions, in which form.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// `csv` (if absent), `ndjson` or `json`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    format: Form,
    /// Of this user.
    #[param(value_type = Option<String>)]
    user: Option<UserId>,
    /// That this session caused; with `user` only.
    #[param(value_type = Option<String>)]
    session: Option<SessionId>,
    /// In this organisation.
    #[param(value_type = Option<String>)]
    org: Option<Org>,
    /// For this reason.
    #[param(value_type = Option<String>)]
    reason: Option<Reason>,
    /// From this status.
    #[param(value_type = Option<String>)]
    from: Option<Status>,
    /// To this status.
    #[param(value_type = Option<String>)]
    to: Option<Status>,
    /// At this moment or later (RFC 3339).
    #[serde(default, deserialize_with = "moment")]
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Millis>,
    /// Before this moment (RFC 3339).
    #[serde(default, deserialize_with = "moment")]
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Millis>,
    /// Tells what the invisible did, too, and leaves an action with this reason (at most 500 characters). Without it
    /// changes are told as others saw them.
    #[param(value_type = Option<String>)]
    why: Option<Why>,
}

/// Exports changes of status, newest first
///
/// As others saw them; with `why`, as they were. The file is sent while it is read. If that fails in the middle, the connection breaks off and the file is not whole.
#[utoipa::path(get, path = "/api/presence/transitions/export/", tag = "presence", params(ExportQuery),
    responses((status = 200, description = "the file", content(
        (String = "text/csv"), (String = "application/x-ndjson"), (String = "application/json")))))]
pub async fn export(
    State(app): State<App>,
    May(claims, ..): May<to::ExportData>,
    source: Source,
    Query(query): Query<ExportQuery>,
) -> Result<Response, ApiError> {
    let looks =
        sight(&app, &claims, query.why.as_ref(), query.user.as_ref(), "export", source.clone()).await?;
    let filter = query.filter(looks);
    check(&filter)?;
    let now = app.audit.reach().await?.now;
    // What comes in later would only make the file depend on how fast it is read.
    let filter = Filter { until: Some(filter.until.unwrap_or(Millis(i64::MAX)).min(now)), ..filter };
    let origin = source.of(&claims);
    app.accounts.record(&exported(&filter, query.format, &origin)).await?;
    let pages = TransitionPages { audit: app.audit.clone(), filter };
    attachment(pages, query.format, "transitions", now).await
}

impl ExportQuery {
    fn filter(&self, sight: Sight) -> Filter {
        Filter {
            user: self.user.clone(),
            org: self.org.clone(),
            reason: self.reason,
            from: self.from,
            to: self.to,
            since: self.since,
            until: self.until,
            shard: None,
            session: self.session.clone(),
            sight,
        }
    }
}

/// Who takes data out of the house is remembered, before the first row leaves it.
pub fn exported<'a>(filter: &Filter, format: Form, origin: &'a Origin) -> Action<'a> {
    let after = json!({
        "log": "transitions_log", "format": format, "user": filter.user, "session": filter.session,
        "org": filter.org, "reason": filter.reason, "from": filter.from, "to": filter.to,
        "since": filter.since.map(Timestamp::from), "until": filter.until.map(Timestamp::from),
    });
    let action = Action::on_system(actions::DATA_EXPORTED, "transitions of presence were exported", origin);
    Action { after: Some(after), ..action }
}
