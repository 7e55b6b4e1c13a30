//! `/api/presence/status/`: what people say of themselves. A wish: it needs no session and survives reconnects.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::auth::Claims;
use crate::http::error::ApiError;
use crate::http::extract::{Body, Quiet, admitted};
use crate::http::seen::{Seen, see_oneself};
use crate::http::words::{Emoji, Words, given};
use crate::presence::{Amendment, Millis, Status, Whose};
use crate::store::Bearer;

/// The farthest end of a claim, in ms: a year.
pub(super) const FARTHEST_END: i64 = 366 * 86_400_000;

/// What the caller wants to be seen as. What is absent stays; `null` takes it away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusBody {
    /// `busy`, `away` or `invisible`; `online` takes the claim back.
    #[serde(default, deserialize_with = "own_status")]
    #[schema(value_type = Option<String>, example = "busy")]
    status: Option<Status>,
    /// At most 100 characters.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 100)]
    text: Option<Option<Words<100>>>,
    /// One emoji.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    emoji: Option<Option<Emoji>>,
    /// When it ends, in ms from now; a year at most.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>, minimum = 1)]
    expires_in_ms: Option<Option<i64>>,
}

fn own_status<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Status>, D::Error> {
    match Status::deserialize(input)? {
        Status::Offline => Err(serde::de::Error::custom("expected busy, away, invisible or online")),
        status => Ok(Some(status)),
    }
}

/// Sets the caller's own status, or some parts of it
///
/// Others see it as long as the caller has a session; it is kept for the return. Answers the caller's presence.
#[utoipa::path(put, path = "/api/presence/status/", tag = "presence",
    request_body = StatusBody, responses((status = 200, body = Seen),
        (status = 409, description = "There is no status to change")))]
pub async fn put(
    State(app): State<App>,
    Quiet(claims): Quiet,
    Body(body): Body<StatusBody>,
) -> Result<Json<Seen>, ApiError> {
    change(&app, &claims, body).await?;
    shown(&app, &claims).await
}

/// Changes the status that somebody wants to be seen in.
///
/// # Errors
/// 400 where what is said contradicts itself, 409 where there is no status to change; the store does not answer.
pub async fn change(app: &App, claims: &Claims, body: StatusBody) -> Result<(), ApiError> {
    if body.status == Some(Status::Online) {
        if body.text.is_some() || body.emoji.is_some() || body.expires_in_ms.is_some() {
            return Err(ApiError::invalid("/status", "`online` takes the claim back, with all that it said"));
        }
        return clear(app, claims).await;
    }
    let amendment = Amendment {
        id: Uuid::now_v7().to_string(),
        status: body.status,
        text: body.text.map(|text| text.map(Words::into_text).unwrap_or_default()),
        emoji: body.emoji.map(|emoji| emoji.map(Emoji::into_text).unwrap_or_default()),
        until: match body.expires_in_ms {
            None => None,
            Some(end) => Some(ends_at(app, end).await?),
        },
    };
    match app.store.amend_claim(&claims.user, &claims.org, &amendment).await? {
        Some(_) => Ok(()),
        None => Err(ApiError::Conflict("There is no status to change: say which.".to_owned())),
    }
}

/// Takes the caller's own status back
#[utoipa::path(delete, path = "/api/presence/status/", tag = "presence", responses((status = 200, body = Seen),
        (status = 409, description = "There is no status to change")))]
pub async fn delete(State(app): State<App>, Quiet(claims): Quiet) -> Result<Json<Seen>, ApiError> {
    clear(&app, &claims).await?;
    shown(&app, &claims).await
}

async fn clear(app: &App, claims: &Claims) -> Result<(), ApiError> {
    app.store.claim(&claims.user, &claims.org, Whose::Manual, None, None).await?;
    Ok(())
}

/// The request is a sign of life, but only after what it says: whoever comes back unseen is never seen in between.
async fn shown(app: &App, claims: &Claims) -> Result<Json<Seen>, ApiError> {
    admitted(app.store.touch(&Bearer::from(claims)).await)?;
    Ok(Json(see_oneself(app, claims).await?))
}

/// The moment that is so many ms away, by the clock of Redis; checks that it is not too far.
pub(super) async fn ends_at(app: &App, ms: Option<i64>) -> Result<Option<Millis>, ApiError> {
    let Some(ms) = ms else {
        return Ok(None);
    };
    if !(1..=FARTHEST_END).contains(&ms) {
        return Err(ApiError::invalid("/expires_in_ms", format!("expected 1 to {FARTHEST_END}")));
    }
    Ok(Some(app.store.now().await? + Millis(ms)))
}
