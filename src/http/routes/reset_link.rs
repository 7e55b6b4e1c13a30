//! `.../{id}/reset-link/`: a link by which somebody sets a new password, once. Nobody chooses another's password.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::AccountId;
use crate::app::App;
use crate::auth::ResetToken;
use crate::http::error::ApiError;
use crate::http::extract::{Body, May, Path, Source, to};
use crate::http::time::Timestamp;

/// How long a link is good: a day, unless asked otherwise; a week at most. In ms.
const LIFE: i64 = 86_400_000;
const LONGEST_LIFE: i64 = 7 * LIFE;

/// How long.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetLinkBody {
    /// How long the link is good, in ms; a day if absent, a week at most.
    #[schema(minimum = 1, maximum = 604_800_000)]
    expires_in_ms: Option<i64>,
}

/// A link. Shown once.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResetLinkAnswer {
    /// To be sent to `/api/auth/password/reset/` with the new password.
    token: String,
    /// Until when it is good.
    expires_at: Timestamp,
}

/// Makes a link by which somebody sets a new password
///
/// It takes the place of an older one. A moderator makes them for plain users only; nobody for themselves.
#[utoipa::path(post, path = "/api/users/admin/users/{id}/reset-link/", tag = "administration",
    params(("id" = i64, Path, description = "account")),
    request_body = Option<ResetLinkBody>, responses((status = 200, body = ResetLinkAnswer)))]
pub async fn create(
    State(app): State<App>,
    May(claims, ..): May<to::EditUser>,
    Path(id): Path<i64>,
    source: Source,
    Body(ResetLinkBody { expires_in_ms }): Body<ResetLinkBody>,
) -> Result<Json<ResetLinkAnswer>, ApiError> {
    let life = expires_in_ms.unwrap_or(LIFE);
    let life = u64::try_from(life).ok().filter(|_| (1..=LONGEST_LIFE).contains(&life));
    let life =
        life.ok_or_else(|| ApiError::invalid("/expires_in_ms", format!("expected 1 to {LONGEST_LIFE}")))?;
    let token = ResetToken::random();
    let life = Duration::from_millis(life);
    let link = app.accounts.create_reset_link(AccountId(id), token.hash(), life, &source.of(&claims)).await?;
    Ok(Json(ResetLinkAnswer {
        token: token.text().expose_secret().to_owned(),
        expires_at: link.expires_at.into(),
    }))
}
