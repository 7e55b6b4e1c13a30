//! `GET /api/users/admin/users/`: the directory of people, filtered, sorted and paged.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Deserializer, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use super::admin_users::see_accounts;
use crate::accounts::{AccountId, AccountStatus, Among, Filter, ListCursor, Order, Place};
use crate::app::App;
use crate::auth::Claims;
use crate::http::error::ApiError;
use crate::http::extract::{May, Query, to};
use crate::http::person::Person;
use crate::http::time::moment;
use crate::presence::{Millis, Org, Role, Status, UserId};

/// Where pages of this list begin.
const LIST: &str = "/api/users/admin/users/";
/// Accounts on a page, unless asked otherwise.
const PER_PAGE: u32 = 20;
/// Accounts on a page, at most.
const MOST_PER_PAGE: u32 = 1_000;

/// Which accounts to list.
#[derive(Clone, Debug, Default, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Counted from 1.
    #[param(minimum = 1)]
    page: Option<u32>,
    /// At most 1000; 20 if absent.
    #[param(minimum = 1, maximum = 1000)]
    per_page: Option<u32>,
    /// The `next_cursor` of a page, in place of `page`.
    #[serde(default, deserialize_with = "parsed", serialize_with = "written")]
    #[param(value_type = Option<String>)]
    cursor: Option<ListCursor>,
    /// Part of a user name, an address or a full name, without regard to case.
    search: Option<String>,
    /// `user`, `moderator` or `admin`.
    #[param(value_type = Option<String>)]
    role: Option<Role>,
    /// `active`, `pending`, `suspended` or `banned`.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>)]
    status: Option<AccountStatus>,
    /// Whether the account is switched on.
    is_active: Option<bool>,
    /// Of this organisation.
    #[param(value_type = Option<String>)]
    org: Option<Org>,
    /// `online`, `away`, `busy` or `offline`.
    #[serde(default, deserialize_with = "shown_status")]
    #[param(value_type = Option<String>)]
    online_status: Option<Status>,
    /// Made at this moment or later (RFC 3339).
    #[serde(default, deserialize_with = "moment", serialize_with = "timestamp")]
    #[param(value_type = Option<String>, format = DateTime)]
    created_since: Option<Millis>,
    /// Made before this moment (RFC 3339).
    #[serde(default, deserialize_with = "moment", serialize_with = "timestamp")]
    #[param(value_type = Option<String>, format = DateTime)]
    created_until: Option<Millis>,
    /// `newest` (if absent), `oldest` or `username`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    sort: Option<Sort>,
}

/// In which order to list.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Sort {
    Newest,
    Oldest,
    Username,
}

impl From<Sort> for Order {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Newest => Self::Newest,
            Sort::Oldest => Self::Oldest,
            Sort::Username => Self::Username,
        }
    }
}

fn parsed<'de, T, D: Deserializer<'de>>(input: D) -> Result<Option<T>, D::Error>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    String::deserialize(input)?.parse().map(Some).map_err(serde::de::Error::custom)
}

#[expect(clippy::ref_option, reason = "the signature is serde's")]
fn written<T: std::fmt::Display, S: serde::Serializer>(value: &Option<T>, out: S) -> Result<S::Ok, S::Error> {
    value.as_ref().map(ToString::to_string).serialize(out)
}

#[expect(clippy::ref_option, reason = "the signature is serde's")]
fn timestamp<S: serde::Serializer>(at: &Option<Millis>, out: S) -> Result<S::Ok, S::Error> {
    at.map(crate::http::time::Timestamp::from).serialize(out)
}

fn shown_status<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Status>, D::Error> {
    match Status::deserialize(input)? {
        Status::Invisible => Err(serde::de::Error::custom("expected online, away, busy or offline")),
        status => Ok(Some(status)),
    }
}

/// One page of people.
#[derive(Debug, Serialize, ToSchema)]
pub struct PeoplePage {
    /// How many there are on all pages, if they are more than 10 000 as of up to a minute ago; not counted for a page behind
    /// a cursor.
    count: Option<i64>,
    /// The page after this one.
    next: Option<String>,
    /// The page before this one.
    previous: Option<String>,
    /// Passed as `cursor`, the page after this one, whatever was added or removed meanwhile.
    next_cursor: Option<String>,
    /// In the order asked for.
    results: Vec<Person>,
}

/// Lists accounts with their presence
///
/// By numbered pages or, quicker and undisturbed by changes meanwhile, from cursor to cursor.
#[utoipa::path(get, path = "/api/users/admin/users/", tag = "administration", params(ListQuery),
    responses((status = 200, body = PeoplePage)))]
pub async fn list(
    State(app): State<App>,
    May(claims, ..): May<to::ViewUsers>,
    Query(query): Query<ListQuery>,
) -> Result<Json<PeoplePage>, ApiError> {
    listed(&app, &claims, &query, LIST).await
}

/// The page that is asked for, of the list at `address`.
pub(super) async fn listed(
    app: &App,
    claims: &Claims,
    query: &ListQuery,
    address: &str,
) -> Result<Json<PeoplePage>, ApiError> {
    let per_page = query.per_page()?;
    let (order, place) = query.place(per_page)?;
    let filter = query.filter(app).await?;
    let (count, page) = match place {
        Place::Behind(_) => (None, app.accounts.page(&filter, order, &place, per_page).await?),
        Place::After(_) => {
            let (count, page) = tokio::try_join!(
                app.counts.of(&app.accounts, query.list(), &filter),
                app.accounts.page(&filter, order, &place, per_page)
            )?;
            (Some(count), page)
        }
    };
    let next_cursor = page.next.as_ref().map(ToString::to_string);
    let (next, previous) = query.links(address, page.next);
    let mut results = people(app, claims, &page.accounts).await?;
    if let Some(status) = query.online_status {
        // Who has come or gone since the choice was made would look like a mistake.
        results.retain(|person| person.is_shown(status));
    }
    Ok(Json(PeoplePage { count, next, previous, next_cursor, results }))
}

impl ListQuery {
    fn per_page(&self) -> Result<u32, ApiError> {
        let per_page = self.per_page.unwrap_or(PER_PAGE);
        if (1..=MOST_PER_PAGE).contains(&per_page) {
            Ok(per_page)
        } else {
            Err(ApiError::invalid("per_page", format!("expected 1 to {MOST_PER_PAGE}")))
        }
    }

    /// The order of the list, and where its page begins.
    fn place(&self, per_page: u32) -> Result<(Order, Place), ApiError> {
        let sort = self.sort.map(Order::from);
        let Some(cursor) = &self.cursor else {
            let page = self.page.unwrap_or(1);
            let before =
                page.checked_sub(1).ok_or_else(|| ApiError::invalid("page", "pages are counted from 1"))?;
            return Ok((sort.unwrap_or_default(), Place::After(u64::from(before) * u64::from(per_page))));
        };
        if self.page.is_some() {
            return Err(ApiError::invalid("page", "expected a page or a cursor, not both"));
        }
        if sort.is_some_and(|sort| sort != cursor.order()) {
            return Err(ApiError::invalid("cursor", "the cursor belongs to a list in another order"));
        }
        Ok((cursor.order(), Place::Behind(cursor.clone())))
    }

    /// The same of those who wait for approval.
    pub(super) fn pending(self) -> Self {
        Self { status: Some(AccountStatus::Pending), ..self }
    }

    /// Which accounts are meant, those found by their presence included.
    pub(super) async fn filter(&self, app: &App) -> Result<Filter, ApiError> {
        let among = match self.online_status {
            None => Among::All,
            Some(Status::Offline | Status::Invisible) => {
                Among::Without(present(app, &[Status::Online, Status::Away, Status::Busy]).await?)
            }
            Some(status) => Among::Only(present(app, &[status]).await?),
        };
        let moment = |at: Option<Millis>| {
            at.and_then(|at| OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000).ok())
        };
        Ok(Filter {
            search: self.search.clone(),
            role: self.role,
            status: self.status,
            is_active: self.is_active,
            org: self.org.clone(),
            created_since: moment(self.created_since),
            created_until: moment(self.created_until),
            among,
        })
    }

    /// The list that this is a page of.
    fn list(&self) -> String {
        Self { page: None, per_page: None, sort: None, ..self.clone() }.link("")
    }

    /// The addresses of the next page and of the one before, relative to this server.
    fn links(&self, address: &str, next: Option<ListCursor>) -> (Option<String>, Option<String>) {
        if self.cursor.is_some() {
            return (next.map(|cursor| Self { cursor: Some(cursor), ..self.clone() }.link(address)), None);
        }
        let page = self.page.unwrap_or(1);
        let to = |page: u32| Self { page: Some(page), ..self.clone() }.link(address);
        (next.and(page.checked_add(1)).map(to), page.checked_sub(1).filter(|page| *page > 0).map(to))
    }

    fn link(&self, address: &str) -> String {
        use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
        // As JSON, because that knows how each of them is written.
        let fields = match serde_json::to_value(self) {
            Ok(serde_json::Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        };
        let given = fields.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{name}={}", utf8_percent_encode(&text, NON_ALPHANUMERIC))
        });
        format!("{address}?{}", given.collect::<Vec<_>>().join("&"))
    }
}

/// The accounts of those who are shown in one of these statuses. Not the accounts are read, but who is present: the cost
/// grows with them, however many accounts there are.
async fn present(app: &App, statuses: &[Status]) -> Result<Vec<AccountId>, ApiError> {
    let users: Vec<UserId> = app.store.all_present(statuses).await?;
    Ok(users.iter().filter_map(AccountId::of).collect())
}

/// Accounts with their presence.
pub(super) async fn people(
    app: &App,
    claims: &Claims,
    accounts: &[crate::accounts::Account],
) -> Result<Vec<Person>, ApiError> {
    let seen = see_accounts(app, claims, accounts).await?;
    Ok(accounts.iter().zip(&seen).map(|(account, seen)| Person::new(account, seen)).collect())
}
