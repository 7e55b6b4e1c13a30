//! `GET /api/users/admin/users/export/`: accounts as a file. Hashes of passwords are not in it.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use utoipa::IntoParams;

use crate::accounts::{
    Account, AccountError, AccountId, AccountStatus, Accounts, Action, Filter, ListCursor, Order, Place,
    Profile, actions,
};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::{May, Query, Source, to};
use crate::http::file::{self, Form, Pages, attachment};
use crate::http::time::Timestamp;
use crate::presence::{Org, Role};

/// Which accounts, in which form.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PeopleExportQuery {
    /// `csv` (if absent), `ndjson` or `json`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    format: Form,
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
struct Row {
    id: AccountId,
    username: String,
    email: String,
    first_name: String,
    last_name: String,
    role: Role,
    status: &'static str,
    is_active: bool,
    org: Org,
    email_verified: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
    last_login_at: Option<Timestamp>,
    father_name: Option<String>,
    position: Option<String>,
    phone_number: Option<String>,
    id_card_number: Option<String>,
    national_id_card_number: Option<String>,
    description: Option<String>,
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

impl Row {
    fn new(account: Account, profile: Option<&Profile>) -> Self {
        let fact = |field: &str| profile.and_then(|profile| profile.get(field)).map(str::to_owned);
        Self {
            id: account.id,
            username: account.username,
            email: account.email,
            first_name: account.first_name,
            last_name: account.last_name,
            role: account.role,
            status: account.status.as_str(),
            is_active: account.is_active,
            org: account.org,
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

/// The accounts that pass a filter, first made first.
struct People {
    accounts: Accounts,
    filter: Filter,
}

impl Pages for People {
    type Row = Row;
    type Cursor = ListCursor;
    type Error = AccountError;
    const COLUMNS: &'static [&'static str] = COLUMNS;

    async fn page(&self, behind: Option<ListCursor>, limit: u32) -> Result<file::Page<Self>, AccountError> {
        let place = behind.map_or(Place::After(0), Place::Behind);
        let page = self.accounts.page(&self.filter, Order::Oldest, &place, limit).await?;
        let ids: Vec<AccountId> = page.accounts.iter().map(|account| account.id).collect();
        let profiles: HashMap<_, _> = self.accounts.profiles(&ids).await?.into_iter().collect();
        let rows = page.accounts.into_iter().map(|account| {
            let profile = profiles.get(&account.id);
            Row::new(account, profile)
        });
        Ok((rows.collect(), page.next))
    }
}

/// Exports accounts, first made first
///
/// The file is sent while it is read. If that fails in the middle, the connection breaks off and the file is not whole.
#[utoipa::path(get, path = "/api/users/admin/users/export/", tag = "administration", params(PeopleExportQuery),
    responses((status = 200, description = "the file", content(
        (String = "text/csv"), (String = "application/x-ndjson"), (String = "application/json")))))]
pub async fn export(
    State(app): State<App>,
    May(claims, ..): May<to::ExportData>,
    source: Source,
    Query(query): Query<PeopleExportQuery>,
) -> Result<Response, ApiError> {
    let PeopleExportQuery { format, search, role, status, org } = query;
    let after = json!({"format": format, "search": search, "role": role, "status": status, "org": org});
    let origin = source.of(&claims);
    // Who takes data out of the house is remembered, before the first row leaves it.
    let action = Action::on_system(actions::DATA_EXPORTED, "accounts were exported", &origin);
    app.accounts.record(&Action { after: Some(after), ..action }).await?;
    let filter = Filter { search, role, status, org, ..Filter::default() };
    let now = app.audit.reach().await?.now;
    attachment(People { accounts: app.accounts.clone(), filter }, format, "users", now).await
}
