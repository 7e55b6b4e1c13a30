//! Whether the past is told as it was, or as others saw it. The truth, `invisible` included, is for administrators who say
//! why (`?why=`); the look leaves its row first, as [`reveal`](super::seen::reveal) does for the present.

use serde_json::{Value, json};

use super::error::ApiError;
use super::extract::Source;
use super::words::Why;
use crate::accounts::Permission;
use crate::app::App;
use crate::audit::Sight;
use crate::auth::Claims;
use crate::presence::{Status, UserId};

/// How much the caller is told of the past; `looked_at` says in the action what they look at.
///
/// # Errors
/// 403 for whoever may not look and says why all the same; the accounts do not answer.
pub(super) async fn sight(
    app: &App,
    viewer: &Claims,
    why: Option<&Why>,
    user: Option<&UserId>,
    looked_at: &'static str,
    source: Source,
) -> Result<Sight, ApiError> {
    let Some(why) = why.and_then(Why::some) else { return Ok(Sight::Shown) };
    if !viewer.role.may(Permission::RevealPresence) {
        return Err(ApiError::Forbidden);
    }
    let after: Value = json!({ "history": looked_at });
    app.accounts.record_look(user, after, why, &source.of(viewer)).await?;
    Ok(Sight::Truth)
}

/// Whether a status can be asked for.
///
/// # Errors
/// Nobody is invisible to those who do not say why.
pub(super) fn check(sight: Sight, name: &'static str, status: Option<Status>) -> Result<(), ApiError> {
    if sight == Sight::Shown && status == Some(Status::Invisible) {
        return Err(ApiError::invalid(name, "`invisible` is told only with `why`"));
    }
    Ok(())
}
