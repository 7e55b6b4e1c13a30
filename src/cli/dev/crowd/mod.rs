//! The crowd of `rollcall dev --demo`: people who log in, use a page, idle, hide it, are busy, lose the network, leave and
//! come back, over sockets or requests like any client.

mod page;
mod person;
mod requests;
mod sockets;
mod visit;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::people::DemoPerson;
use crate::presence::Policy;
use person::Person;

/// Between one arrival and the next, at the start: checking a password costs tens of milliseconds of a core.
const ARRIVALS: Duration = Duration::from_millis(50);
/// Shorter than the service keeps an idle connection, so that none is used that it just closed.
const IDLE_CONNECTION: Duration = Duration::from_secs(8);
/// For one request.
const PATIENCE: Duration = Duration::from_secs(10);

/// What all of the crowd share.
#[derive(Debug)]
pub(super) struct World {
    client: Client,
    base: String,
    password: String,
    policy: Policy,
}

/// Why a request did not do what it should.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// The login is over.
    #[error("logged out")]
    LoggedOut,
    /// Anything that may be better in a moment.
    #[error("{0:#}")]
    Passing(anyhow::Error),
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Self {
        Self::Passing(error)
    }
}

impl From<reqwest::Error> for Trouble {
    fn from(error: reqwest::Error) -> Self {
        Self::Passing(error.into())
    }
}

impl World {
    pub(super) fn new(base: String, password: String, policy: Policy) -> reqwest::Result<Self> {
        Ok(Self {
            client: Client::builder()
                .pool_idle_timeout(IDLE_CONNECTION)
                .timeout(PATIENCE)
                .no_proxy()
                .build()?,
            base,
            password,
            policy,
        })
    }

    fn put(&self, path: &str, body: &Value) -> RequestBuilder {
        self.client.put(format!("{}{path}", self.base)).json(body)
    }

    fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.base)).json(body)
    }

    /// Logs in; answers the access token.
    async fn log_in(&self, username: &str) -> Result<String, Trouble> {
        let body = json!({"username": username, "password": self.password});
        let answer: Value = send(self.post("/api/auth/login/", &body)).await?;
        let token = answer["tokens"]["access"].as_str().context("an answer without a token");
        token.map(str::to_owned).map_err(Trouble::Passing)
    }
}

/// Sends a request and reads the answer to it.
async fn send<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, Trouble> {
    let response = request.send().await?;
    match response.status() {
        StatusCode::UNAUTHORIZED => Err(Trouble::LoggedOut),
        status if status.is_success() => Ok(response.json().await?),
        status => {
            Err(Trouble::Passing(anyhow::anyhow!("{status}: {}", response.text().await.unwrap_or_default())))
        }
    }
}

/// Lets all of them live, one after the other at first, until `stop`.
pub(super) async fn run(world: Arc<World>, people: Vec<DemoPerson>, stop: CancellationToken) {
    let mut lives = JoinSet::new();
    for (number, person) in (0..).zip(people) {
        let mut person = Person::new(person.username, number, Arc::clone(&world));
        lives.spawn(stop.clone().run_until_cancelled_owned(async move {
            tokio::time::sleep(ARRIVALS * number).await;
            person.live().await;
        }));
    }
    lives.join_all().await;
}
