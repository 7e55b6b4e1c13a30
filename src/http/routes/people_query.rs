//! What a list of people can be asked for, and how that is said in the addresses of its pages.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use time::OffsetDateTime;
use utoipa::IntoParams;

use crate::accounts::{AccountId, AccountStatus, Among, Filter, ListCursor, Order, Place};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::time::moment;
use crate::presence::{Millis, Org, Role, Status, UserId};

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
    /// Of these accounts only: their numbers, separated by commas, at most 1000.
    #[serde(default, deserialize_with = "parsed", serialize_with = "written")]
    #[param(value_type = Option<String>, example = "7,42")]
    ids: Option<Ids>,
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

/// Numbers of accounts in a query.
#[derive(Clone, Debug)]
struct Ids(Vec<AccountId>);

impl FromStr for Ids {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ids: Result<Vec<AccountId>, _> =
            text.split(',').map(|id| id.trim().parse().map(AccountId)).collect();
        let most = MOST_PER_PAGE as usize;
        match ids {
            Ok(ids) if ids.len() <= most => Ok(Self(ids)),
            Ok(_) => Err(format!("expected at most {most} accounts")),
            Err(_) => Err("expected numbers of accounts, separated by commas".to_owned()),
        }
    }
}

impl Display for Ids {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let ids: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&ids.join(","))
    }
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

impl ListQuery {
    /// How many are on a page.
    pub(super) fn per_page(&self) -> Result<u32, ApiError> {
        let per_page = self.per_page.unwrap_or(PER_PAGE);
        if (1..=MOST_PER_PAGE).contains(&per_page) {
            Ok(per_page)
        } else {
            Err(ApiError::invalid("per_page", format!("expected 1 to {MOST_PER_PAGE}")))
        }
    }

    /// The order of the list, and where its page begins.
    pub(super) fn place(&self, per_page: u32) -> Result<(Order, Place), ApiError> {
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
        let shown = match self.online_status {
            None => Among::All,
            Some(Status::Offline | Status::Invisible) => {
                Among::Without(present(app, &[Status::Online, Status::Away, Status::Busy]).await?)
            }
            Some(status) => Among::Only(present(app, &[status]).await?),
        };
        let among = match &self.ids {
            None => shown,
            Some(Ids(ids)) => Among::Only(shown.choose(ids)),
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

    /// The status in which people are to be shown.
    pub(super) const fn online_status(&self) -> Option<Status> {
        self.online_status
    }

    /// The list that this is a page of.
    pub(super) fn list(&self) -> String {
        Self { page: None, per_page: None, sort: None, ..self.clone() }.link("")
    }

    /// The addresses of the next page and of the one before, relative to this server.
    pub(super) fn links(&self, address: &str, next: Option<ListCursor>) -> (Option<String>, Option<String>) {
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
