//! `GET /api/users/admin/users/`: the directory of people, filtered, sorted and paged.

use std::pin::pin;

use axum::Json;
use axum::extract::State;
use futures::stream::TryChunksError;
use futures::{StreamExt, TryFutureExt, TryStreamExt};
use serde::Serialize;
use utoipa::ToSchema;

use super::admin_users::see_accounts;
use super::people_query::ListQuery;
use crate::accounts::{Account, Filter, ListCursor, Order, Place};
use crate::app::App;
use crate::auth::Claims;
use crate::http::error::ApiError;
use crate::http::extract::{May, Query, to};
use crate::http::person::Person;
use crate::http::seen::PART;

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
    let page = page(app, claims, &filter, order, &place, per_page);
    let (count, (mut results, next)) = match place {
        Place::Behind(_) => (None, page.await?),
        Place::After(_) => {
            let count = app.counts.of(&app.accounts, query.list(), &filter).map_err(ApiError::from);
            let (count, page) = tokio::try_join!(count, page)?;
            (Some(count), page)
        }
    };
    let next_cursor = next.as_ref().map(ToString::to_string);
    let (next, previous) = query.links(address, next);
    if let Some(status) = query.online_status() {
        // Who has come or gone since the choice was made would look like a mistake.
        results.retain(|person| person.is_shown(status));
    }
    Ok(Json(PeoplePage { count, next, previous, next_cursor, results }))
}

/// One page of people, and where the next one begins, if there is one.
///
/// Part by part: while Postgres still sends accounts, the presence of those that have come is read.
async fn page(
    app: &App,
    claims: &Claims,
    filter: &Filter,
    order: Order,
    place: &Place,
    limit: u32,
) -> Result<(Vec<Person>, Option<ListCursor>), ApiError> {
    // One more than asked for tells whether another page follows.
    let rows = app.accounts.rows(filter, order, place, i64::from(limit) + 1);
    let limit = limit as usize;
    let parts = rows.try_chunks(PART).map_err(|TryChunksError(_, error)| ApiError::from(error)).enumerate();
    let parts = parts.map(|(before, part)| async move {
        let (mut accounts, room) = (part?, limit - before * PART);
        let more = accounts.len() > room;
        accounts.truncate(room);
        let end = accounts.last().map(|last| ListCursor::behind(last, order));
        Ok::<_, ApiError>((people(app, claims, accounts).await?, end, more))
    });
    // All of them at once: rows are taken while presence is waited for, which may need another connection.
    let mut parts = pin!(parts.buffered(limit / PART + 2));
    let (mut people, mut next, mut more) = (Vec::with_capacity(limit), None, false);
    while let Some((part, end, follows)) = parts.try_next().await? {
        people.extend(part);
        (next, more) = (end.or(next), more || follows);
    }
    Ok((people, next.filter(|_| more)))
}

/// Accounts with their presence.
async fn people(app: &App, claims: &Claims, accounts: Vec<Account>) -> Result<Vec<Person>, ApiError> {
    let seen = see_accounts(app, claims, &accounts).await?;
    Ok(accounts.into_iter().zip(&seen).map(|(account, seen)| Person::new(account, seen)).collect())
}
