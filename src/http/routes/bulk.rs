//! `POST /api/users/admin/users/bulk/`: one action on many accounts, each told by itself.
//!
//! Every account is a transaction of its own with its own record, so that one that cannot be done holds up nobody. The
//! whole is done to its end even if the client goes away, and answered with one result for each account: what is not
//! said to be done was not done.

use std::collections::HashSet;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::gates::{end, logged_out, moment, tell_decided};
use super::trash::{removed, restored};
use crate::accounts::{AccountId, Decision, Origin, Permission};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::{Body, May, Source, to};
use crate::http::uncut::uncut;
use crate::http::words::Why;
use crate::presence::{Reason, Role};

/// Accounts in one request, at most.
const MOST: usize = 1_000;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum BulkAction {
    Approve,
    Reject,
    Suspend,
    Ban,
    Activate,
    ForceLogout,
    Delete,
    Restore,
    SetRole,
}

/// One action on many accounts.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkBody {
    /// Each needs the permission that it needs for one account.
    action: BulkAction,
    /// Accounts, 1 to 1000; one that is named twice counts once.
    #[schema(min_items = 1, max_items = 1000)]
    ids: Vec<i64>,
    /// At most 500 characters; kept with each action.
    #[schema(value_type = Option<String>, max_length = 500)]
    reason: Option<Why>,
    /// Of `set-role`.
    #[schema(value_type = Option<String>)]
    role: Option<Role>,
    /// Of `suspend`: the end, in ms from now; ten years at most.
    #[schema(minimum = 1)]
    expires_in_ms: Option<i64>,
    /// Of `suspend`: the end as a moment (RFC 3339).
    #[serde(default, deserialize_with = "moment")]
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<OffsetDateTime>,
    /// Of `delete`: for good and at once; needs `erase_user`.
    permanent: Option<bool>,
}

/// What became of one account.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkResult {
    #[schema(value_type = i64, example = 42)]
    id: AccountId,
    /// Whether it was done.
    ok: bool,
    /// If it was done, whether presence has been told.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_effect: Option<bool>,
    /// If it was not done, why: the `code` that the same request for one account answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// What became of all.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkAnswer {
    /// Accounts for which it was done.
    done: usize,
    /// Accounts for which it was not.
    failed: usize,
    /// One for each account, in the order given.
    results: Vec<BulkResult>,
}

/// What was asked for, in full.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Decide(Decision),
    ForceLogout,
    Delete { permanent: bool },
    Restore,
    SetRole(Role),
}

impl BulkBody {
    /// The action with what belongs to it.
    fn deed(&self) -> Result<Deed, ApiError> {
        let belongs = |given: bool, to: BulkAction, field: &str| {
            let misplaced = given && self.action != to;
            misplaced.then(|| ApiError::invalid(field, "does not belong to this action")).map_or(Ok(()), Err)
        };
        belongs(self.role.is_some(), BulkAction::SetRole, "/role")?;
        belongs(self.expires_in_ms.is_some(), BulkAction::Suspend, "/expires_in_ms")?;
        belongs(self.until.is_some(), BulkAction::Suspend, "/until")?;
        belongs(self.permanent.is_some(), BulkAction::Delete, "/permanent")?;
        Ok(match self.action {
            BulkAction::Approve => Deed::Decide(Decision::Approve),
            BulkAction::Reject => Deed::Decide(Decision::Reject),
            BulkAction::Suspend => Deed::Decide(Decision::Suspend(end(self.expires_in_ms, self.until)?)),
            BulkAction::Ban => Deed::Decide(Decision::Ban),
            BulkAction::Activate => Deed::Decide(Decision::Activate),
            BulkAction::ForceLogout => Deed::ForceLogout,
            BulkAction::Delete => Deed::Delete { permanent: self.permanent.unwrap_or(false) },
            BulkAction::Restore => Deed::Restore,
            BulkAction::SetRole => Deed::SetRole(
                self.role.ok_or_else(|| ApiError::invalid("/role", "which role is to be given?"))?,
            ),
        })
    }

    /// The accounts, each once.
    fn accounts(&self) -> Result<Vec<AccountId>, ApiError> {
        if !(1..=MOST).contains(&self.ids.len()) {
            return Err(ApiError::invalid("/ids", format!("expected 1 to {MOST} accounts")));
        }
        let mut met = HashSet::new();
        Ok(self.ids.iter().filter(|id| met.insert(**id)).map(|id| AccountId(*id)).collect())
    }
}

impl Deed {
    const fn permission(self) -> Permission {
        match self {
            Self::Decide(decision) => decision.permission(),
            Self::ForceLogout => Permission::ForceLogoutUser,
            Self::Delete { permanent: true } => Permission::EraseUser,
            Self::Delete { permanent: false } | Self::Restore => Permission::DeleteUser,
            Self::SetRole(_) => Permission::AssignModerator,
        }
    }

    /// Does it to one account; whether presence was told.
    async fn done(
        self,
        app: &App,
        id: AccountId,
        why: Option<&str>,
        origin: &Origin,
    ) -> Result<bool, ApiError> {
        match self {
            Self::Decide(decision) => {
                let decided = app.accounts.decide(id, decision, why, origin).await?;
                tell_decided(app, &decided, Reason::Banned, origin).await
            }
            Self::ForceLogout => Ok(logged_out(app, id, why, origin).await?.1),
            Self::Delete { permanent } => removed(app, id, permanent, why, origin).await,
            Self::Restore => Ok(restored(app, id, why, origin).await?.1),
            Self::SetRole(role) => {
                app.accounts.set_role(id, role, origin).await?;
                Ok(true)
            }
        }
    }
}

impl BulkResult {
    fn of(id: AccountId, done: Result<bool, ApiError>) -> Self {
        match done {
            Ok(told) => Self { id, ok: true, in_effect: Some(told), code: None, detail: None },
            Err(error) => {
                if let ApiError::Internal(cause) = &error {
                    tracing::error!(%cause, account = %id, "one of many accounts failed");
                }
                let (code, detail) = (Some(error.code()), Some(error.to_string()));
                Self { id, ok: false, in_effect: None, code, detail }
            }
        }
    }
}

/// Does the same to many accounts
///
/// Answers 200 with one result for each account, done or not. The last administrator stays, whatever the order.
#[utoipa::path(post, path = "/api/users/admin/users/bulk/", tag = "administration",
    request_body = BulkBody, responses((status = 200, body = BulkAnswer)))]
pub async fn bulk(
    State(app): State<App>,
    May(claims, ..): May<to::DeleteUser>,
    source: Source,
    Body(body): Body<BulkBody>,
) -> Result<Json<BulkAnswer>, ApiError> {
    let (deed, accounts) = (body.deed()?, body.accounts()?);
    if !claims.role.may(deed.permission()) {
        return Err(ApiError::Forbidden);
    }
    let origin = source.of(&claims);
    uncut(async move {
        let why = body.reason.as_ref().and_then(Why::some);
        let mut results = Vec::with_capacity(accounts.len());
        // One after the other: each locks the administrators, so that together they would only wait for each other.
        for id in accounts {
            results.push(BulkResult::of(id, deed.done(&app, id, why, &origin).await));
        }
        let done = results.iter().filter(|result| result.ok).count();
        Ok(Json(BulkAnswer { done, failed: results.len() - done, results }))
    })
    .await
}
