//! A person's own data: `/api/auth/export/` for oneself, `/api/users/admin/users/{id}/export/` and
//! `/api/users/data/export/` for administrators, and `/api/users/data/delete/`, the form in which existing clients ask
//! for an erasure.

use axum::Json;
use axum::body::Body as Stream;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};

use super::erase::{ErasedAnswer, erase};
use crate::accounts::{AccountId, Action, Origin, Severity, actions};
use crate::app::App;
use crate::http::dossier::{Dossier, Selected};
use crate::http::error::ApiError;
use crate::http::extract::{Body, Caller, May, Path, Source, to};
use crate::presence::UserId;

/// Which parts of the data.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DataOptions {
    /// The account and what was chosen.
    profile: bool,
    /// Not this service's.
    messages: bool,
    /// Logins, presence, history, actions.
    activity: bool,
    /// Not this service's.
    connections: bool,
}

/// Whose data, and which parts; all that there are, if it does not say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DataBody {
    /// The user id, as text or number.
    #[serde(deserialize_with = "user_id")]
    #[schema(schema_with = text_or_number)]
    user_id: UserId,
    options: Option<DataOptions>,
}

fn text_or_number() -> Schema {
    let either = |kind| ObjectBuilder::new().schema_type(kind).build();
    OneOfBuilder::new().item(either(Type::String)).item(either(Type::Integer)).build().into()
}

fn user_id<'de, D: Deserializer<'de>>(input: D) -> Result<UserId, D::Error> {
    use serde::de::Error;
    match Value::deserialize(input)? {
        Value::Number(number) => UserId::parse(&number.to_string()).map_err(D::Error::custom),
        Value::String(text) => UserId::parse(&text).map_err(D::Error::custom),
        _ => Err(D::Error::custom("expected a user id")),
    }
}

impl DataBody {
    fn selected(&self) -> Selected {
        self.options.map_or(Selected::ALL, |options| Selected {
            profile: options.profile,
            messages: options.messages,
            activity: options.activity,
            connections: options.connections,
        })
    }
}

/// Exports everything kept about the caller
///
/// One JSON document, sent while it is read; one that ends well is whole. `data` has `profile` (the account) and
/// `activity`: `logins`, `presence`, `transitions`, `intervals`, `actions_by` and `actions_on` the person, newest first.
/// `kept` says what is kept where and how long.
#[utoipa::path(get, path = "/api/auth/export/", tag = "auth",
    responses((status = 200, description = "the document", content_type = "application/json", body = Object)))]
pub async fn own(
    State(app): State<App>,
    Caller(claims): Caller,
    source: Source,
) -> Result<Response, ApiError> {
    let origin = source.of(&claims);
    export(app, claims.user, Selected::ALL, &origin).await
}

/// Exports everything kept about an account
///
/// The document of `/api/auth/export/`.
#[utoipa::path(get, path = "/api/users/admin/users/{id}/export/", tag = "administration",
    params(("id" = i64, Path, description = "account")),
    responses((status = 200, description = "the document", content_type = "application/json", body = Object)))]
pub async fn of_account(
    State(app): State<App>,
    May(claims, ..): May<to::ExportData>,
    Path(id): Path<i64>,
    source: Source,
) -> Result<Response, ApiError> {
    export(app, AccountId(id).user(), Selected::ALL, &source.of(&claims)).await
}

/// Exports what is kept about a user, or some of it
///
/// The document of `/api/auth/export/`; `null` for parts that were not selected, and `unsupported` names those that are
/// not this service's.
#[utoipa::path(post, path = "/api/users/data/export/", tag = "administration", request_body = DataBody,
    responses((status = 200, description = "the document", content_type = "application/json", body = Object), (status = 404, description = "There is no such user")))]
pub async fn selected(
    State(app): State<App>,
    May(claims, ..): May<to::ExportData>,
    source: Source,
    Body(body): Body<DataBody>,
) -> Result<Response, ApiError> {
    let selected = body.selected();
    export(app, body.user_id, selected, &source.of(&claims)).await
}

async fn export(app: App, user: UserId, selected: Selected, origin: &Origin) -> Result<Response, ApiError> {
    let is_own = origin.actor.as_deref() == Some(user.as_str());
    let dossier = Dossier::open(app.clone(), user.clone(), selected, is_own).await?;
    // Who takes data out of the house is remembered, before the first of them leaves it.
    let action = Action {
        name: actions::DATA_EXPORTED,
        target_type: "USER",
        target_id: Some(user.to_string()),
        severity: Severity::Info,
        category: if is_own { "user" } else { "admin" },
        before: None,
        after: Some(json!({"selected": selected})),
        detail: "everything kept about a user was exported".to_owned(),
        origin,
    };
    app.accounts.record(&action).await?;
    let name = format!("attachment; filename=\"user-data-{}.json\"", dossier.generated_at().compact());
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_str(&name).map_err(ApiError::internal)?),
        // Proxies that gather answers before they pass them on (nginx) should not.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((headers, Stream::from_stream(dossier.stream())).into_response())
}

/// What was deleted.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeletedAnswer {
    message: &'static str,
    #[schema(value_type = String, example = "42")]
    user_id: UserId,
    deleted: ErasedAnswer,
    /// What was asked for and is not this service's.
    unsupported: Vec<&'static str>,
}

/// Erases a user
///
/// The same as `/api/admin/erase/`. Profile and activity go together: a history without its person is what is left
/// anyway.
#[utoipa::path(post, path = "/api/users/data/delete/", tag = "administration", request_body = DataBody,
    responses((status = 200, body = DeletedAnswer), (status = 404, description = "There is no such user")))]
pub async fn delete(
    State(app): State<App>,
    May(claims, ..): May<to::EraseUser>,
    source: Source,
    Body(body): Body<DataBody>,
) -> Result<Json<DeletedAnswer>, ApiError> {
    let selected = body.selected();
    if !(selected.profile && selected.activity) {
        return Err(ApiError::invalid("/options", "`profile` and `activity` can only be deleted together"));
    }
    let deleted = erase(app, body.user_id.clone(), None, source.of(&claims)).await?;
    let unsupported = selected.unsupported();
    Ok(Json(DeletedAnswer { message: deleted.message, user_id: body.user_id, deleted, unsupported }))
}
