//! `/api/presence/transitions/export/`: every change of status there was, as a file.
//!
//! Read by pages and sent as they come, so that a node holds one page however long the file is, and no connection to
//! Postgres while the client is slow. What fails in the middle breaks the connection off: a body that ends well is
//! whole.

use axum::body::Body as Stream;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::transitions::{TransitionRow, check};
use crate::accounts::{Action, Origin, actions};
use crate::app::App;
use crate::audit::{Cursor, Filter, Page};
use crate::http::error::ApiError;
use crate::http::extract::{May, Query, Source, to};
use crate::http::rows::{Form, Writer};
use crate::http::time::{Timestamp, moment};
use crate::presence::{Millis, Org, Reason, SessionId, Status, UserId};

/// Rows that are read, and held, at a time.
const PAGE: u32 = 2_000;
/// Proxies that gather answers before they pass them on (nginx) should not.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The form of the file.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A table with a head, for spreadsheets; a cell that one could take for a formula begins with `'`.
    #[default]
    Csv,
    /// A JSON object on each line, as in the list.
    Ndjson,
}

/// Which transitions, in which form.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// `csv` (if absent) or `ndjson`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    format: Format,
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
}

/// Exports changes of status, newest first
///
/// The file is sent while it is read. If that fails in the middle, the connection breaks off and the file is not whole.
#[utoipa::path(get, path = "/api/presence/transitions/export/", tag = "presence", params(ExportQuery),
    responses((status = 200, description = "the file", content(
        (String = "text/csv"), (String = "application/x-ndjson")))))]
pub async fn export(
    State(app): State<App>,
    May(claims, ..): May<to::ExportData>,
    source: Source,
    Query(query): Query<ExportQuery>,
) -> Result<Response, ApiError> {
    let form = match query.format {
        Format::Csv => Form::Csv,
        Format::Ndjson => Form::Ndjson,
    };
    let filter = query.filter();
    check(&filter)?;
    let now = app.audit.reach().await?.now;
    // What comes in later would only make the file depend on how fast it is read.
    let filter = Filter { until: Some(filter.until.unwrap_or(Millis(i64::MAX)).min(now)), ..filter };
    record(&app, &query, &source.of(&claims)).await?;
    let first = app.audit.transitions_up_to(&filter, None, PAGE).await?;
    let name = format!("transitions-{}.{}", Timestamp::from(now).compact(), form.ending());
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    let headers = [
        (header::CONTENT_TYPE, form.content_type()),
        (header::CONTENT_DISPOSITION, disposition.map_err(ApiError::internal)?),
        (UNBUFFERED, HeaderValue::from_static("no")),
    ];
    Ok((headers, Stream::from_stream(file(app, filter, form, first))).into_response())
}

impl ExportQuery {
    fn filter(&self) -> Filter {
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
        }
    }
}

/// Who takes data out of the house is remembered, before the first row leaves it.
async fn record(app: &App, query: &ExportQuery, origin: &Origin) -> Result<(), ApiError> {
    let filter = json!({
        "format": query.format, "user": query.user, "session": query.session, "org": query.org,
        "reason": query.reason, "from": query.from, "to": query.to,
        "since": query.since.map(Timestamp::from), "until": query.until.map(Timestamp::from),
    });
    let action = Action {
        after: Some(filter),
        ..Action::on_system(actions::DATA_EXPORTED, "transitions of presence were exported", origin)
    };
    Ok(app.accounts.record(&action).await?)
}

/// Where the file is.
enum Place {
    Begin(Page),
    Behind(Cursor),
    End,
}

/// The file, page by page.
fn file(
    app: App,
    filter: Filter,
    form: Form,
    first: Page,
) -> impl futures::Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
    futures::stream::try_unfold(Place::Begin(first), move |place| {
        let (app, filter) = (app.clone(), filter.clone());
        async move {
            let (page, is_first) = match place {
                Place::Begin(page) => (page, true),
                Place::Behind(cursor) => (next(&app, &filter, cursor).await?, false),
                Place::End => return Ok(None),
            };
            let next = page.next_cursor.map_or(Place::End, Place::Behind);
            let mut writer = Writer::new(form, TransitionRow::COLUMNS, is_first)?;
            for row in page.rows {
                writer.row(&TransitionRow::from(row))?;
            }
            Ok(Some((writer.finish()?, next)))
        }
    })
}

async fn next(app: &App, filter: &Filter, cursor: Cursor) -> Result<Page, std::io::Error> {
    app.audit.transitions_up_to(filter, Some(cursor), PAGE).await.map_err(|error| {
        tracing::error!(%error, "an export broke off in the middle");
        std::io::Error::other(error)
    })
}
