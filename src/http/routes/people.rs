//! `GET /api/users/admin/users/`: the directory of people, filtered, sorted and paged.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::admin_users::see_accounts;
use super::people_query::ListQuery;
use crate::accounts::Place;
use crate::app::App;
use crate::auth::Claims;
use crate::http::error::ApiError;
use crate::http::extract::{May, Query, to};
use crate::http::person::Person;

/// Where pages of this list begin.
const LIST: &str = "/api/users/admin/users/";
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
    if let Some(status) = query.online_status() {
        // Who has come or gone since the choice was made would look like a mistake.
        results.retain(|person| person.is_shown(status));
    }
    Ok(Json(PeoplePage { count, next, previous, next_cursor, results }))
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
