//! Accounts put away and removed: `DELETE /api/users/admin/users/{id}/`, and `/api/users/trash/`, where they are for 30
//! days.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::gates::tell_decided;
use super::tokens::NoBody;
use crate::accounts::{Account, AccountId, Decided, Origin, trash};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::{Body, May, Path, Query, Source, to};
use crate::http::time::Timestamp;
use crate::http::uncut::uncut;
use crate::presence::{Reason, Role};

/// Where pages of this list begin.
const LIST: &str = "/api/users/trash/";
/// Accounts on a page, unless asked otherwise, and at most.
const PER_PAGE: u32 = 20;
const MOST_PER_PAGE: u32 = 1_000;

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TrashQuery {
    /// Counted from 1.
    #[param(minimum = 1)]
    page: Option<u32>,
    /// At most 1000; 20 if absent.
    #[param(minimum = 1, maximum = 1000)]
    per_page: Option<u32>,
}

/// An account in the trash.
#[derive(Debug, Serialize, ToSchema)]
pub struct Trashed {
    #[schema(value_type = i64, example = 42)]
    id: AccountId,
    username: String,
    email: String,
    first_name: String,
    last_name: String,
    #[schema(value_type = String, example = "user")]
    role: Role,
    /// As it stood: `active`, `pending`, `suspended` or `banned`.
    status: &'static str,
    created_at: Timestamp,
    deleted_at: Option<Timestamp>,
    /// When it is removed for good, within an hour.
    removed_at: Option<Timestamp>,
}

impl From<Account> for Trashed {
    fn from(account: Account) -> Self {
        let removed_at = account.deleted_at.map(|at| Timestamp::from(at + KEPT));
        Self {
            id: account.id,
            username: account.username,
            email: account.email,
            first_name: account.first_name,
            last_name: account.last_name,
            role: account.role,
            status: account.status.as_str(),
            created_at: account.created_at.into(),
            deleted_at: account.deleted_at.map(Timestamp::from),
            removed_at,
        }
    }
}

const KEPT: Duration = trash::KEPT;

/// One page of the trash.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrashPage {
    /// How many there are on all pages.
    count: i64,
    /// The page after this one.
    next: Option<String>,
    /// The page before this one.
    previous: Option<String>,
    /// Last put there first.
    results: Vec<Trashed>,
}

/// Lists the trash
#[utoipa::path(get, path = "/api/users/trash/", tag = "administration", params(TrashQuery),
    responses((status = 200, body = TrashPage)))]
pub async fn list(
    State(app): State<App>,
    _: May<to::ViewUsers>,
    Query(query): Query<TrashQuery>,
) -> Result<Json<TrashPage>, ApiError> {
    let (page, per_page) = (query.page.unwrap_or(1), query.per_page.unwrap_or(PER_PAGE));
    if page == 0 {
        return Err(ApiError::invalid("page", "pages are counted from 1"));
    }
    if !(1..=MOST_PER_PAGE).contains(&per_page) {
        return Err(ApiError::invalid("per_page", format!("expected 1 to {MOST_PER_PAGE}")));
    }
    let skipped = u64::from(page - 1) * u64::from(per_page);
    let (count, accounts) = app.accounts.trashed(skipped, per_page).await?;
    let link = |page: u32| format!("{LIST}?page={page}&per_page={per_page}");
    let more = i64::from(page) * i64::from(per_page) < count;
    Ok(Json(TrashPage {
        count,
        next: more.then(|| link(page + 1)),
        previous: (page > 1).then(|| link(page - 1)),
        results: accounts.into_iter().map(Trashed::from).collect(),
    }))
}

/// Which account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreBody {
    /// Its number.
    #[schema(value_type = i64, example = 42)]
    id: i64,
}

/// An account that is in use again.
#[derive(Debug, Serialize, ToSchema)]
pub struct Restored {
    message: &'static str,
    #[schema(value_type = i64, example = 42)]
    user_id: AccountId,
    /// Where the account stands.
    status: &'static str,
    /// Whether presence has been told; if not, it will be within about a second of its return.
    in_effect: bool,
}

/// Takes an account out of the trash
///
/// It stands as it stood, and has to log in anew. 409 if somebody else has its name or address by now.
#[utoipa::path(post, path = "/api/users/trash/restore/", tag = "administration",
    request_body = RestoreBody, responses((status = 200, body = Restored), (status = 404, description = "There is no such user")))]
pub async fn restore(
    State(app): State<App>,
    May(claims, ..): May<to::DeleteUser>,
    source: Source,
    Body(RestoreBody { id }): Body<RestoreBody>,
) -> Result<Json<Restored>, ApiError> {
    let origin = source.of(&claims);
    uncut(async move {
        let (account, in_effect) = restored(&app, AccountId(id), None, &origin).await?;
        let (user_id, status) = (account.id, account.status.as_str());
        Ok(Json(Restored { message: "User restored successfully", user_id, status, in_effect }))
    })
    .await
}

/// What was removed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Emptied {
    message: &'static str,
    count: u64,
}

/// Removes everything in the trash for good
#[utoipa::path(post, path = "/api/users/trash/empty_trash/", tag = "administration",
    request_body = Option<NoBody>, responses((status = 200, body = Emptied)))]
pub async fn empty(
    State(app): State<App>,
    May(claims, ..): May<to::EraseUser>,
    source: Source,
    _: Body<NoBody>,
) -> Result<Json<Emptied>, ApiError> {
    let origin = source.of(&claims);
    uncut(async move {
        let count = app.accounts.empty_trash(&origin).await?;
        Ok(Json(Emptied { message: "Trash emptied successfully", count }))
    })
    .await
}

/// How far an account is to be removed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeleteQuery {
    /// For good and at once, out of the trash too; needs `erase_user`. Otherwise into the trash, for 30 days.
    #[serde(default)]
    permanent: bool,
}

/// What became of an account.
#[derive(Debug, Serialize, ToSchema)]
pub struct Deleted {
    message: &'static str,
    #[schema(value_type = i64, example = 42)]
    user_id: AccountId,
    /// Whether presence has been told; if not, it will be within about a second of its return.
    in_effect: bool,
}

/// Puts an account into the trash, or removes it for good
///
/// Its user is offline at once, its logins and tokens end, and its names are free.
#[utoipa::path(delete, path = "/api/users/admin/users/{id}/", tag = "administration",
    params(("id" = i64, Path, description = "account"), DeleteQuery), responses((status = 200, body = Deleted)))]
pub async fn delete(
    State(app): State<App>,
    May(claims, ..): May<to::DeleteUser>,
    Path(id): Path<i64>,
    Query(DeleteQuery { permanent }): Query<DeleteQuery>,
    source: Source,
) -> Result<Json<Deleted>, ApiError> {
    let origin = source.of(&claims);
    uncut(async move {
        let user_id = AccountId(id);
        let in_effect = removed(&app, user_id, permanent, None, &origin).await?;
        let message =
            if permanent { "User deleted successfully" } else { "User moved to trash successfully" };
        Ok(Json(Deleted { message, user_id, in_effect }))
    })
    .await
}

/// Removes an account as far as is asked; whether presence was told.
pub(super) async fn removed(
    app: &App,
    id: AccountId,
    permanent: bool,
    why: Option<&str>,
    origin: &Origin,
) -> Result<bool, ApiError> {
    let decided = if permanent {
        app.accounts.purge(id, why, origin).await?
    } else {
        Some(app.accounts.trash(id, why, origin).await?)
    };
    match decided {
        Some(decided) => tell_decided(app, &decided, Reason::Deactivated, origin).await,
        None => Ok(true),
    }
}

/// Takes an account out of the trash; the account, and whether presence was told.
pub(super) async fn restored(
    app: &App,
    id: AccountId,
    why: Option<&str>,
    origin: &Origin,
) -> Result<(Account, bool), ApiError> {
    let gate = app.accounts.restore(id, why, origin).await?;
    let decided = Decided { gate, ended: None };
    let told = tell_decided(app, &decided, Reason::Deactivated, origin).await?;
    Ok((decided.gate.account, told))
}
