//! `/api/presence/figures/totals/`: for how long each person was online, the longest first.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{failure, span};
use crate::accounts::AccountId;
use crate::app::App;
use crate::audit::{Among, PersonCursor, PersonTotal, Wanted};
use crate::http::error::ApiError;
use crate::http::extract::{May, Query, to};
use crate::http::pages::{cursor, limit};
use crate::http::time::{Timestamp, moment};
use crate::http::words::Words;
use crate::presence::{Millis, Org, UserId};

/// The span, if nothing is said of it.
const DAYS: i64 = 30;

/// Which span, and whom.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TotalsQuery {
    /// From this moment on (RFC 3339); 30 days before `to` if absent.
    #[serde(default, deserialize_with = "moment")]
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Millis>,
    /// Before this moment (RFC 3339); now if absent, and never later. With a cursor, that of the first page if absent.
    #[serde(default, deserialize_with = "moment")]
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Millis>,
    /// In this organisation; in all if absent.
    #[param(value_type = Option<String>)]
    org: Option<Org>,
    /// Whose user name, address, full name or id has this in it, without regard to case.
    #[param(value_type = Option<String>)]
    search: Option<Words<100>>,
    /// The `next_cursor` of the page before. Give `from` with it.
    cursor: Option<String>,
    /// At most 1000; 100 if absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// For how long somebody was online.
#[derive(Debug, Serialize, ToSchema)]
pub struct TotalRow {
    /// Who; `null` if the person was erased.
    #[schema(value_type = Option<String>, example = "42")]
    user_id: Option<UserId>,
    /// `null` if there is no account: people of a host application, and who was erased.
    username: Option<String>,
    /// For so long in the span.
    online_ms: u64,
    /// In so many unbroken stretches.
    spells: u64,
    /// The first moment online in the span.
    first_seen: Timestamp,
    /// The last one; the end of the span for somebody who was online then.
    last_seen: Timestamp,
}

/// For how long people were online.
#[derive(Debug, Serialize, ToSchema)]
pub struct TotalsAnswer {
    /// Later than asked for if the history begins later.
    from: Timestamp,
    to: Timestamp,
    /// Longest first.
    results: Vec<TotalRow>,
    /// Where the next page begins; `null` after the last.
    next_cursor: Option<String>,
}

/// Lists for how long people were online, longest first
///
/// As others saw them: who was invisible was not online.
#[utoipa::path(get, path = "/api/presence/figures/totals/", tag = "presence", params(TotalsQuery),
    responses((status = 200, body = TotalsAnswer)))]
pub async fn totals(
    State(app): State<App>,
    May(..): May<to::ViewHistory>,
    Query(query): Query<TotalsQuery>,
) -> Result<Json<TotalsAnswer>, ApiError> {
    let after: Option<PersonCursor> = cursor(query.cursor.as_deref())?;
    let limit = limit(query.limit)?;
    let to = query.to.or(after.map(|after| after.to));
    let span = span(&app, query.from, to, query.org, DAYS).await?;
    let among = match query.search.as_ref().and_then(Words::some) {
        Some(text) => Some(among(&app, text).await?),
        None => None,
    };
    let told = app.audit.person_totals(&span, &Wanted { among, after, limit }).await.map_err(failure)?;
    let accounts: Vec<AccountId> =
        told.rows.iter().filter_map(|row| AccountId::of(row.user.as_ref()?)).collect();
    let mut names: HashMap<AccountId, _> = app.accounts.usernames(&accounts).await?.into_iter().collect();
    let mut row = |row: PersonTotal| {
        let account = row.user.as_ref().and_then(AccountId::of);
        let username = account.and_then(|account| names.remove(&account)).map(|name| name.to_string());
        TotalRow::told(row, username)
    };
    Ok(Json(TotalsAnswer {
        from: told.from.into(),
        to: told.to.into(),
        results: told.rows.into_iter().map(&mut row).collect(),
        next_cursor: told.next.map(|next| next.to_string()),
    }))
}

/// The people whose account or id has this text in it.
async fn among(app: &App, text: &str) -> Result<Among, ApiError> {
    let found = app.accounts.found(text).await?;
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    Ok(Among { users: found.into_iter().map(AccountId::user).collect(), pattern: format!("%{escaped}%") })
}

impl TotalRow {
    fn told(row: PersonTotal, username: Option<String>) -> Self {
        Self {
            user_id: row.user,
            username,
            online_ms: row.online_ms,
            spells: row.spells,
            first_seen: row.first_seen.into(),
            last_seen: row.last_seen.into(),
        }
    }
}
