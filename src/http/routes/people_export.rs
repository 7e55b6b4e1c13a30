//! `GET /api/users/admin/users/export/`: accounts as a file. Hashes of passwords are not in it.
//!
//! Read by pages and sent as they come, like the export of transitions: a body that ends well is whole.

use std::collections::HashMap;

use axum::body::Body as Stream;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use utoipa::IntoParams;

use super::export::Format;
use crate::accounts::{
    Account, AccountId, AccountStatus, Action, Filter, Order, Page, Place, Profile, actions,
};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::{May, Query, Source, to};
use crate::http::rows::{Form, Writer};
use crate::http::time::Timestamp;
use crate::presence::{Org, Role};

/// Accounts that are read, and held, at a time.
const PAGE: u32 = 1_000;
/// Proxies that gather answers before they pass them on (nginx) should not.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Which accounts, in which form.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PeopleExportQuery {
    /// `csv` (if absent) or `ndjson`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    format: Format,
    /// Part of a user name, an address or a full name, without regard to case.
    search: Option<String>,
    /// `user`, `moderator` or `admin`.
    #[param(value_type = Option<String>)]
    role: Option<Role>,
    /// `active`, `pending`, `suspended` or `banned`.
    #[serde(default, deserialize_with = "status")]
    #[param(value_type = Option<String>)]
    status: Option<AccountStatus>,
    /// Of this organisation.
    #[param(value_type = Option<String>)]
    org: Option<Org>,
}

fn status<'de, D: Deserializer<'de>>(input: D) -> Result<Option<AccountStatus>, D::Error> {
    String::deserialize(input)?.parse().map(Some).map_err(serde::de::Error::custom)
}

/// One line of the file.
#[derive(Debug, Serialize)]
struct Row<'a> {
    id: AccountId,
    username: &'a str,
    email: &'a str,
    first_name: &'a str,
    last_name: &'a str,
    role: Role,
    status: &'static str,
    is_active: bool,
    org: &'a Org,
    email_verified: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
    last_login_at: Option<Timestamp>,
    father_name: Option<&'a str>,
    position: Option<&'a str>,
    phone_number: Option<&'a str>,
    id_card_number: Option<&'a str>,
    national_id_card_number: Option<&'a str>,
    description: Option<&'a str>,
}

const COLUMNS: &[&str] = &[
    "id",
    "username",
    "email",
    "first_name",
    "last_name",
    "role",
    "status",
    "is_active",
    "org",
    "email_verified",
    "created_at",
    "updated_at",
    "last_login_at",
    "father_name",
    "position",
    "phone_number",
    "id_card_number",
    "national_id_card_number",
    "description",
];

impl<'a> Row<'a> {
    fn new(account: &'a Account, profile: Option<&'a Profile>) -> Self {
        let fact = |field: &str| profile.and_then(|profile| profile.get(field));
        Self {
            id: account.id,
            username: &account.username,
            email: &account.email,
            first_name: &account.first_name,
            last_name: &account.last_name,
            role: account.role,
            status: account.status.as_str(),
            is_active: account.is_active,
            org: &account.org,
            email_verified: account.email_verified,
            created_at: account.created_at.into(),
            updated_at: account.updated_at.into(),
            last_login_at: account.last_login_at.map(Timestamp::from),
            father_name: fact("father_name"),
            position: fact("position"),
            phone_number: fact("phone_number"),
            id_card_number: fact("id_card_number"),
            national_id_card_number: fact("national_id_card_number"),
            description: fact("description"),
        }
    }
}

/// Exports accounts, first made first
///
/// The file is sent while it is read. If that fails in the middle, the connection breaks off and the file is not whole.
#[utoipa::path(get, path = "/api/users/admin/users/export/", tag = "administration", params(PeopleExportQuery),
    responses((status = 200, description = "the file", content(
        (String = "text/csv"), (String = "application/x-ndjson")))))]
pub async fn export(
    State(app): State<App>,
    May(claims, ..): May<to::ExportData>,
    source: Source,
    Query(query): Query<PeopleExportQuery>,
) -> Result<Response, ApiError> {
    let form = match query.format {
        Format::Csv => Form::Csv,
        Format::Ndjson => Form::Ndjson,
    };
    let after = json!({
        "format": query.format, "search": query.search, "role": query.role, "status": query.status, "org": query.org,
    });
    let origin = source.of(&claims);
    // Who takes data out of the house is remembered, before the first row leaves it.
    let action = Action::on_system(actions::DATA_EXPORTED, "accounts were exported", &origin);
    app.accounts.record(&Action { after: Some(after), ..action }).await?;
    let PeopleExportQuery { search, role, status, org, .. } = query;
    let filter = Filter { search, role, status, org, ..Filter::default() };
    let first = app.accounts.page(&filter, Order::Oldest, &Place::After(0), PAGE).await?;
    let now = Timestamp::from(OffsetDateTime::now_utc()).compact();
    let disposition =
        HeaderValue::from_str(&format!("attachment; filename=\"users-{now}.{}\"", form.ending()));
    let headers = [
        (header::CONTENT_TYPE, form.content_type()),
        (header::CONTENT_DISPOSITION, disposition.map_err(ApiError::internal)?),
        (UNBUFFERED, HeaderValue::from_static("no")),
    ];
    Ok((headers, Stream::from_stream(file(app, filter, form, first))).into_response())
}

/// The file, page by page.
fn file(
    app: App,
    filter: Filter,
    form: Form,
    first: Page,
) -> impl futures::Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
    futures::stream::try_unfold((Some(first), true), move |(page, is_first)| {
        let (app, filter) = (app.clone(), filter.clone());
        async move {
            let Some(page) = page else {
                return Ok(None);
            };
            let bytes = written(&app, form, &page.accounts, is_first).await?;
            let next = match page.next {
                None => None,
                Some(cursor) => {
                    let place = Place::Behind(cursor);
                    Some(app.accounts.page(&filter, Order::Oldest, &place, PAGE).await.map_err(broken)?)
                }
            };
            Ok(Some((bytes, (next, false))))
        }
    })
}

async fn written(
    app: &App,
    form: Form,
    accounts: &[Account],
    is_first: bool,
) -> Result<Bytes, std::io::Error> {
    let ids: Vec<AccountId> = accounts.iter().map(|account| account.id).collect();
    let profiles: HashMap<AccountId, Profile> =
        app.accounts.profiles(&ids).await.map_err(broken)?.into_iter().collect();
    let mut writer = Writer::new(form, COLUMNS, is_first)?;
    for account in accounts {
        writer.row(&Row::new(account, profiles.get(&account.id)))?;
    }
    writer.finish()
}

fn broken(error: crate::accounts::AccountError) -> std::io::Error {
    tracing::error!(%error, "an export of accounts broke off in the middle");
    std::io::Error::other(error)
}
