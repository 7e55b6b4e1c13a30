//! What the page to play with needs beside the API: whom one may be, and their login without a password typed. Served by
//! `rollcall dev --demo` alone, whose passwords are on the screen anyway.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::assets;
use super::error::ApiError;
use super::extract::{Attempts, Body, Source};
use super::routes::login::{self, LoginBody, SignedIn};
use crate::app::App;

/// Routes of this module, as they are written.
pub(super) const PATHS: [&str; 2] = ["/demo/people/", "/demo/login/"];

/// Who may be played.
#[derive(Clone, Debug)]
pub struct Demo {
    /// All of them.
    pub people: Vec<Guest>,
    /// The password of them all.
    pub password: SecretString,
}

/// Somebody to be.
#[derive(Clone, Debug, Serialize)]
pub struct Guest {
    /// The name of the account.
    pub username: String,
    /// Its id.
    pub user_id: String,
    /// As people say it.
    pub name: String,
}

/// All of them.
#[derive(Clone, Debug, Serialize)]
struct Guests {
    people: Vec<Guest>,
}

/// Whom somebody wants to be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Choice {
    username: String,
}

/// The page and what it asks for.
pub(super) fn routes(demo: Demo) -> Router<App> {
    let guests = Guests { people: demo.people.clone() };
    let demo = Arc::new(demo);
    let enter = move |State(app): State<App>, source: Source, attempts: Attempts, Body(choice)| {
        enter(app, source, attempts, choice, demo)
    };
    Router::new()
        .route(PATHS[0], get(move || async move { Json(guests) }))
        .route(PATHS[1], post(enter))
        .merge(assets::demo_routes())
}

async fn enter(
    app: App,
    source: Source,
    attempts: Attempts,
    choice: Choice,
    demo: Arc<Demo>,
) -> Result<Json<SignedIn>, ApiError> {
    if !demo.people.iter().any(|guest| guest.username == choice.username) {
        return Err(ApiError::invalid("/username".to_owned(), "nobody to be played".to_owned()));
    }
    let body = LoginBody::of(choice.username, demo.password.clone());
    login::login(State(app), source, attempts, Body(body)).await
}
