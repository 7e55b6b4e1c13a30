//! Attempts to prove who one is, and to make an account: everything that can be guessed, or costs a password hash.
//!
//! One protocol for all of it: [`Attempts::admit`] before anything is looked up or hashed, then [`Attempt::failed`] or
//! [`Attempt::good`]. Whether a name exists makes no difference here: quotas and waits go by the hash of what was
//! typed. A wrong password costs a place in the address's and in the account's quota; after the first few failures at
//! this account from this address each makes the next one wait, 1, 2, 4 ... 60 s. Strangers share the account's quota,
//! addresses that it was used from lately have one each: whoever guesses slows down himself and other strangers, and
//! never locks the owner out at home.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::client_of;
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::limits::{self, Allowances};
use crate::http::offences;
use crate::metrics::labels::LimitPolicy;
use crate::store::limits::Subject;

/// Where attempts come from.
#[derive(Clone, Debug)]
pub struct Attempts {
    /// `None` for an address that is not limited, and for a request that came over no connection.
    limited: Option<String>,
    /// The same, however it is treated.
    from: Option<String>,
    address: Option<IpAddr>,
    shown: Allowances,
}

impl FromRequestParts<App> for Attempts {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let address = client_of(&parts.extensions, &parts.headers, &app.config.proxies.trusted);
        let from = address.map(|address| offences::network(address).to_string());
        Ok(Self {
            limited: from
                .clone()
                .filter(|_| !address.is_some_and(|address| offences::is_spared(app, address))),
            from,
            address,
            shown: Allowances::of(&parts.extensions),
        })
    }
}

impl Attempts {
    /// Counts a registration of this address.
    ///
    /// # Errors
    /// 429 if it is one too many.
    pub async fn register(&self, app: &App) -> Result<(), ApiError> {
        self.count(app, LimitPolicy::Register).await
    }

    async fn count(&self, app: &App, policy: LimitPolicy) -> Result<(), ApiError> {
        let Some(address) = &self.limited else { return Ok(()) };
        let outcome = app.limits.take(&app.store, policy, address).await;
        limits::taken(app, policy, outcome, &self.shown)
    }

    /// Asks whether somebody who calls themselves `name` may try to prove it. To be asked before anything else is done.
    ///
    /// # Errors
    /// 429, with the time after which to try again.
    pub async fn admit(&self, app: &App, name: &str) -> Result<Attempt, ApiError> {
        self.count(app, LimitPolicy::Login).await?;
        let subject = Subject::new(name, self.from.as_deref());
        let outcome = app.limits.admit(&app.store, &subject).await;
        let known = outcome.as_ref().is_ok_and(|admitted| admitted.known);
        let standing = outcome.map(|admitted| admitted.standing);
        limits::taken(app, LimitPolicy::LoginAccount, standing, &self.shown)?;
        Ok(Attempt { subject, known, address: self.address.filter(|_| self.limited.is_some()) })
    }
}

/// An attempt that was admitted. One that neither fails nor succeeds (the service was busy) is counted as an attempt
/// and nothing else.
#[derive(Debug)]
#[must_use = "whoever is never told of failures slows nobody down"]
pub struct Attempt {
    subject: Subject,
    known: bool,
    address: Option<IpAddr>,
}

impl Attempt {
    /// Somebody got in from there lately: a flood of strangers is not to keep them from having their password checked.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.known
    }

    /// It was wrong: the next one may have to wait, and the address may be blocked for a time.
    pub async fn failed(self, app: &App) {
        self.note(app, false).await;
        if let Some(address) = self.address {
            offences::failed(app, address).await;
        }
    }

    /// It was right.
    pub async fn good(self, app: &App) {
        self.note(app, true).await;
    }

    async fn note(&self, app: &App, good: bool) {
        if app.limits.quota(LimitPolicy::LoginAccount).is_none() {
            return;
        }
        if let Err(error) = app.store.note_attempt(&self.subject, good).await {
            tracing::debug!(%error, "how an attempt went was not noted");
        }
    }
}
