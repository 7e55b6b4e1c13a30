//! `/api/users/admin/users/online/` and one account with its presence, for those who look after people.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::accounts::{Account, AccountId, Card};
use crate::app::App;
use crate::auth::Claims;
use crate::http::error::ApiError;
use crate::http::extract::{Entering, May, Path, Query, to};
use crate::http::seen::{Seen, see, see_present};
use crate::http::time::Timestamp;
use crate::presence::{Role, UserId};

/// How many present users are listed, at most.
const MOST_PRESENT: usize = 1_000;

/// The presence of accounts, in their order.
pub(super) async fn see_accounts(
    app: &App,
    claims: &Claims,
    accounts: &[Account],
) -> Result<Vec<Seen>, ApiError> {
    let users: Vec<UserId> = accounts.iter().map(|account| account.id.user()).collect();
    see(app, claims, &users).await
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
    entering: Entering<to::ViewUsers>,
    Query(PresentQuery { limit }): Query<PresentQuery>,
) -> Result<Json<PresentUsers>, ApiError> {
    let limit = limit.unwrap_or(MOST_PRESENT);
    if !(1..=MOST_PRESENT).contains(&limit) {
        return Err(ApiError::invalid("limit", format!("expected 1 to {MOST_PRESENT}")));
    }
    let reading = entering.reading(&app, || app.store.present_views(None, None, limit));
    let (claims, last_seen, views) = reading.await?;
    // People of other issuers have no account.
    let of_account = |seen: Seen| Some((AccountId::of(&seen.user_id)?, seen));
    let mut seen: HashMap<AccountId, Seen> =
        see_present(&app, &claims, views).into_iter().filter_map(of_account).collect();
    let cards = app.accounts.cards(&seen.keys().copied().collect::<Vec<_>>()).await?;
    // This very request is a sign of life.
    if let Some(oneself) = AccountId::of(&claims.user).and_then(|id| seen.get_mut(&id)) {
        oneself.last_seen = oneself.last_seen.max(last_seen.and_then(Timestamp::unless_never));
    }
    let shown = |account: Card| {
        let seen = seen.remove(&account.id)?;
        Some(PresentUser {
            id: account.id,
            username: account.username,
            email: account.email,
            online_status: seen.status.as_str(),
            last_seen: seen.last_seen,
            role: account.role,
            status: account.status.as_str(),
        })
    };
    let mut online_users: Vec<PresentUser> = cards.into_iter().filter_map(shown).collect();
    online_users.sort_by_key(|user| std::cmp::Reverse(user.last_seen));
    Ok(Json(PresentUsers { count: online_users.len(), online_users }))
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

/// An account and its presence.
pub(super) async fn one(app: &App, claims: &Claims, id: i64) -> Result<(Account, Seen), ApiError> {
    let account = app.accounts.by_id(AccountId(id)).await?.ok_or(ApiError::NotFound("User"))?;
    let seen = see(app, claims, &[account.id.user()]).await?.pop();
    let seen = seen.unwrap_or_else(|| Seen::unknown(account.id.user()));
    Ok((account, seen))
}
