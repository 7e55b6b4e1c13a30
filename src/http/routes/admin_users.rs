//! `/api/users/admin/users/`: people, for those who look after them.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::accounts::{Account, AccountId, AccountStatus, Filter};
use crate::app::App;
use crate::auth::Claims;
use crate::http::error::ApiError;
use crate::http::extract::{May, Path, Query, to};
use crate::http::person::Person;
use crate::http::seen::{Seen, see};
use crate::http::time::Timestamp;
use crate::presence::{Role, Status, UserId};

/// Where pages of this list begin.
const LIST: &str = "/api/users/admin/users/";
/// Accounts on a page, unless asked otherwise.
const PER_PAGE: u32 = 20;
/// Accounts on a page, at most.
const MOST_PER_PAGE: u32 = 1_000;
/// How many present users are listed, at most.
const MOST_PRESENT: usize = 1_000;

/// Which accounts to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Counted from 1.
    #[param(minimum = 1)]
    page: Option<u32>,
    /// At most 1000; 20 if absent.
    #[param(minimum = 1, maximum = 1000)]
    per_page: Option<u32>,
    /// Part of a name or an address, without regard to case.
    search: Option<String>,
    /// `user`, `moderator` or `admin`.
    #[param(value_type = Option<String>)]
    role: Option<Role>,
    /// `active`, `pending`, `suspended` or `banned`.
    #[serde(default, deserialize_with = "account_status")]
    #[param(value_type = Option<String>)]
    status: Option<AccountStatus>,
    /// `online`, `away`, `busy` or `offline`.
    #[serde(default, deserialize_with = "shown_status")]
    #[param(value_type = Option<String>)]
    online_status: Option<Status>,
}

fn account_status<'de, D: Deserializer<'de>>(input: D) -> Result<Option<AccountStatus>, D::Error> {
    String::deserialize(input)?.parse().map(Some).map_err(serde::de::Error::custom)
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
    /// How many there are on all pages.
    count: i64,
    /// The page after this one.
    next: Option<String>,
    /// The page before this one.
    previous: Option<String>,
    /// Newest accounts first.
    results: Vec<Person>,
}

/// Lists accounts with their presence
#[utoipa::path(get, path = "/api/users/admin/users/", tag = "administration", params(ListQuery),
    responses((status = 200, body = PeoplePage)))]
pub async fn list(
    State(app): State<App>,
    May(claims, ..): May<to::ViewUsers>,
    Query(query): Query<ListQuery>,
) -> Result<Json<PeoplePage>, ApiError> {
    let page = query.page.unwrap_or(1);
    let per_page = query.per_page.unwrap_or(PER_PAGE);
    if page == 0 {
        return Err(ApiError::invalid("page", "pages are counted from 1"));
    }
    if !(1..=MOST_PER_PAGE).contains(&per_page) {
        return Err(ApiError::invalid("per_page", format!("expected 1 to {MOST_PER_PAGE}")));
    }
    let filter = Filter { search: query.search.clone(), role: query.role, status: query.status };
    let (count, results) = match query.online_status {
        None => {
            let found = app.accounts.page(&filter, page, per_page).await?;
            (found.count, people(&app, &claims, &found.accounts).await?)
        }
        Some(status) => by_presence(&app, &claims, &filter, status, page, per_page).await?,
    };
    let link = |to: u32| query.link(to);
    let next = i64::from(page) * i64::from(per_page) < count;
    Ok(Json(PeoplePage {
        count,
        next: next.then(|| link(page + 1)),
        previous: (page > 1).then(|| link(page - 1)),
        results,
    }))
}

impl ListQuery {
    /// The address of another page of the same list, relative to this server.
    fn link(&self, page: u32) -> String {
        use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
        let others = [
            ("per_page", self.per_page.map(|number| number.to_string())),
            ("search", self.search.clone()),
            ("role", self.role.map(|role| role.to_string())),
            ("status", self.status.map(|status| status.as_str().to_owned())),
            ("online_status", self.online_status.map(|status| status.to_string())),
        ];
        let mut link = format!("{LIST}?page={page}");
        for (name, value) in others {
            if let Some(value) = value {
                link.push_str(&format!("&{name}={}", utf8_percent_encode(&value, NON_ALPHANUMERIC)));
            }
        }
        link
    }
}

/// A page of those whose presence is `status`. Presence is not in Postgres, so all that pass the filter are looked at.
async fn by_presence(
    app: &App,
    claims: &Claims,
    filter: &Filter,
    status: Status,
    page: u32,
    per_page: u32,
) -> Result<(i64, Vec<Person>), ApiError> {
    let accounts = app.accounts.page(filter, 1, u32::MAX).await?.accounts;
    let seen = see_accounts(app, claims, &accounts).await?;
    let such: Vec<(&Account, &Seen)> =
        accounts.iter().zip(&seen).filter(|(_, seen)| seen.status.shown() == status).collect();
    let before = (page as usize - 1).saturating_mul(per_page as usize);
    let results = such.iter().skip(before).take(per_page as usize);
    let results = results.map(|(account, seen)| Person::new(account, seen)).collect();
    Ok((i64::try_from(such.len()).unwrap_or(i64::MAX), results))
}

async fn see_accounts(app: &App, claims: &Claims, accounts: &[Account]) -> Result<Vec<Seen>, ApiError> {
    let users: Vec<UserId> = accounts.iter().map(|account| account.id.user()).collect();
    see(app, claims, &users).await
}

async fn people(app: &App, claims: &Claims, accounts: &[Account]) -> Result<Vec<Person>, ApiError> {
    let seen = see_accounts(app, claims, accounts).await?;
    Ok(accounts.iter().zip(&seen).map(|(account, seen)| Person::new(account, seen)).collect())
}

/// A present user.
#[derive(Debug, Serialize, ToSchema)]
pub struct PresentUser {
    #[schema(value_type = i64, example = 42)]
    id: AccountId,
    username: String,
    email: String,
    /// `online`, `away` or `busy`.
    online_status: &'static str,
    last_seen: Option<Timestamp>,
    #[schema(value_type = String, example = "user")]
    role: Role,
    /// Where the account stands.
    status: &'static str,
}

/// Who is present.
#[derive(Debug, Serialize, ToSchema)]
pub struct PresentUsers {
    /// Last seen first; at most 1000.
    online_users: Vec<PresentUser>,
    count: usize,
}

/// How many present users to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PresentQuery {
    /// The newest of them; at most 1000, and 1000 if absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Lists who is present: online, away or busy
#[utoipa::path(get, path = "/api/users/admin/users/online/", tag = "administration", params(PresentQuery),
    responses((status = 200, body = PresentUsers)))]
pub async fn online(
    State(app): State<App>,
    May(claims, ..): May<to::ViewUsers>,
    Query(PresentQuery { limit }): Query<PresentQuery>,
) -> Result<Json<PresentUsers>, ApiError> {
    let limit = limit.unwrap_or(MOST_PRESENT);
    if !(1..=MOST_PRESENT).contains(&limit) {
        return Err(ApiError::invalid("limit", format!("expected 1 to {MOST_PRESENT}")));
    }
    let present = app.store.present(None, None, limit).await?;
    let ids: Vec<AccountId> = present.iter().filter_map(|(user, ..)| AccountId::of(user)).collect();
    let accounts = app.accounts.by_ids(&ids).await?;
    let seen = see_accounts(&app, &claims, &accounts).await?;
    let mut online_users: Vec<PresentUser> = accounts
        .into_iter()
        .zip(&seen)
        .filter(|(_, seen)| seen.status.shown() != Status::Offline)
        .map(|(account, seen)| PresentUser {
            id: account.id,
            username: account.username,
            email: account.email,
            online_status: seen.status.as_str(),
            last_seen: seen.last_seen,
            role: account.role,
            status: account.status.as_str(),
        })
        .collect();
    online_users.sort_by_key(|user| std::cmp::Reverse(user.last_seen));
    Ok(Json(PresentUsers { count: online_users.len(), online_users }))
}

/// Answers one account with its presence
#[utoipa::path(get, path = "/api/users/admin/users/{id}/", tag = "administration",
    params(("id" = i64, Path, description = "account")), responses((status = 200, body = Person)))]
pub async fn detail(
    State(app): State<App>,
    May(claims, ..): May<to::ViewUsers>,
    Path(id): Path<i64>,
) -> Result<Json<Person>, ApiError> {
    let (account, seen) = one(&app, &claims, id).await?;
    Ok(Json(Person::new(&account, &seen)))
}

/// One user's presence, as existing clients read it.
#[derive(Debug, Serialize, ToSchema)]
pub struct OnlineStatus {
    #[schema(value_type = i64, example = 42)]
    user_id: AccountId,
    username: String,
    /// `online`, `away`, `busy` or `offline`.
    online_status: &'static str,
    last_seen: Option<Timestamp>,
    is_online: bool,
}

/// Answers the presence of one account
#[utoipa::path(get, path = "/api/users/admin/users/{id}/online-status/", tag = "administration",
    params(("id" = i64, Path, description = "account")), responses((status = 200, body = OnlineStatus)))]
pub async fn online_status(
    State(app): State<App>,
    May(claims, ..): May<to::ViewUsers>,
    Path(id): Path<i64>,
) -> Result<Json<OnlineStatus>, ApiError> {
    let (account, seen) = one(&app, &claims, id).await?;
    Ok(Json(OnlineStatus {
        user_id: account.id,
        username: account.username,
        online_status: seen.status.as_str(),
        last_seen: seen.last_seen,
        is_online: seen.is_present(),
    }))
}

async fn one(app: &App, claims: &Claims, id: i64) -> Result<(Account, Seen), ApiError> {
    let account = app.accounts.by_id(AccountId(id)).await?.ok_or(ApiError::NotFound("User"))?;
    let seen = see(app, claims, &[account.id.user()]).await?.pop();
    let seen = seen.unwrap_or_else(|| Seen::unknown(account.id.user()));
    Ok((account, seen))
}
