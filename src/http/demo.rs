//! What the page to play with needs beside the API: whom one may be, and their login without a password typed. Served by
//! `rollcall dev --demo` alone, whose passwords are on the screen anyway.

use std::collections::BTreeSet;
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
    /// The names of their accounts.
    pub people: BTreeSet<String>,
    /// The password of them all.
    pub password: SecretString,
}

/// Somebody to be.
#[derive(Debug, Serialize)]
struct Guest {
    username: String,
    user_id: String,
    name: String,
}

/// All of them.
#[derive(Debug, Serialize)]
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
    let (demo, listed) = (Arc::new(demo.clone()), Arc::new(demo));
    let list = move |State(app): State<App>| async move { guests(&app, &listed).await };
    let enter = move |State(app): State<App>, Source(origin): Source, attempts: Attempts, Body(choice)| {
        enter(app, Source(origin), attempts, choice, demo)
    };
    Router::new().route(PATHS[0], get(list)).route(PATHS[1], post(enter)).merge(assets::demo_routes())
}

async fn guests(app: &App, demo: &Demo) -> Result<Json<Guests>, ApiError> {
    let all = app.accounts.all().await?.into_iter();
    let people = all.filter(|account| demo.people.contains(&account.username)).map(|account| Guest {
        name: format!("{} {}", account.first_name, account.last_name).trim().to_owned(),
        user_id: account.id.to_string(),
        username: account.username,
    });
    Ok(Json(Guests { people: people.collect() }))
}

async fn enter(
    app: App,
    source: Source,
    attempts: Attempts,
    choice: Choice,
    demo: Arc<Demo>,
) -> Result<Json<SignedIn>, ApiError> {
    if !demo.people.contains(&choice.username) {
        return Err(ApiError::invalid("/username".to_owned(), "nobody to be played".to_owned()));
    }
    let body = LoginBody::of(choice.username, demo.password.clone());
    login::login(State(app), source, attempts, Body(body)).await
}
