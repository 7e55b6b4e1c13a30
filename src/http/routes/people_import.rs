//! `POST /api/users/admin/users/import/`: accounts from a CSV file, all of them or none.

use axum::Json;
use axum::extract::{DefaultBodyLimit, State};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::UtoipaMethodRouter;
use utoipa_axum::routes;

use crate::accounts::import::{LineError, Newcomer, Secret, read};
use crate::app::App;
use crate::auth::{Password, is_stored_hash};
use crate::http::error::{ApiError, FieldError};
use crate::http::extract::{May, Query, Source, to};
use crate::http::uncut::uncut;

/// Largest file, in bytes: ten thousand accounts with everything that is kept about them.
const LARGEST: usize = 16 * 1024 * 1024;
/// Passwords in a file, at most: each costs as much as a login.
const MOST_PASSWORDS: usize = 100;

/// How to import.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// Only says what would be done, and what is wrong.
    #[serde(default)]
    dry_run: bool,
}

/// What was, or would be, imported.
#[derive(Debug, Serialize, ToSchema)]
pub struct Imported {
    /// Accounts made; 0 by a dry run.
    imported: usize,
    /// Accounts in the file.
    accounts: usize,
    dry_run: bool,
}

/// The route, which accepts larger bodies than others.
pub fn route() -> UtoipaMethodRouter<App> {
    let routes: UtoipaMethodRouter<App> = routes!(import);
    let (schemas, paths, methods) = routes;
    (schemas, paths, methods.layer(DefaultBodyLimit::max(LARGEST)))
}

/// Makes accounts from a file, all of them or none
///
/// CSV in UTF-8, with the columns' names in the first line: `username`, and as far as known `email`, `first_name`,
/// `last_name`, `role`, `status`, `org`, `father_name`, `position`, `phone_number`, `id_card_number`,
/// `national_id_card_number`, `description`, and `password` (in at most 100 lines) or `password_hash` (argon2 or Django's
/// `pbkdf2_sha256`). Whoever has neither needs a reset link. 400 names what is wrong with up to 100 lines.
#[utoipa::path(post, path = "/api/users/admin/users/import/", tag = "administration", params(ImportQuery),
    request_body(content = String, content_type = "text/csv"), responses((status = 200, body = Imported)))]
pub async fn import(
    State(app): State<App>,
    May(claims, ..): May<to::ImportUsers>,
    source: Source,
    Query(ImportQuery { dry_run }): Query<ImportQuery>,
    file: Bytes,
) -> Result<Json<Imported>, ApiError> {
    let mut people = read(&file, is_stored_hash).map_err(|errors| refused(&errors))?;
    let errors = app.accounts.taken(&people).await?;
    if !errors.is_empty() {
        return Err(refused(&errors));
    }
    let passwords = parsed(&people)?;
    let accounts = people.len();
    if dry_run {
        return Ok(Json(Imported { imported: 0, accounts, dry_run }));
    }
    let origin = source.of(&claims);
    uncut(async move {
        for (newcomer, password) in people.iter_mut().zip(passwords) {
            newcomer.account.password_hash = match (&newcomer.secret, password) {
                (_, Some(password)) => app.passwords.hash(password).await?,
                (Secret::Hash(hash), None) => hash.clone(),
                (Secret::Password(_) | Secret::None, None) => app.passwords.unusable(),
            };
        }
        app.accounts.import(&people, &origin).await?;
        Ok(Json(Imported { imported: accounts, accounts, dry_run }))
    })
    .await
}

/// The passwords of those who have one.
fn parsed(people: &[Newcomer]) -> Result<Vec<Option<Password>>, ApiError> {
    let (mut passwords, mut errors, mut count) = (Vec::with_capacity(people.len()), Vec::new(), 0);
    for newcomer in people {
        let Secret::Password(text) = &newcomer.secret else {
            passwords.push(None);
            continue;
        };
        count += 1;
        match Password::parse(text.clone()) {
            Ok(password) => passwords.push(Some(password)),
            Err(rule) => errors.push(LineError {
                line: newcomer.line,
                column: "password".to_owned(),
                detail: rule.to_string(),
            }),
        }
    }
    if count > MOST_PASSWORDS {
        let detail = format!("at most {MOST_PASSWORDS} lines may have a password; send hashes for more");
        return Err(ApiError::invalid("password", detail));
    }
    if errors.is_empty() { Ok(passwords) } else { Err(refused(&errors)) }
}

fn refused(errors: &[LineError]) -> ApiError {
    let fields = errors.iter().map(|error| {
        let column = if error.column.is_empty() { String::new() } else { format!("/{}", error.column) };
        FieldError { pointer: format!("/{}{column}", error.line), detail: error.to_string() }
    });
    ApiError::InvalidLines(fields.collect())
}
