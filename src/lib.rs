//! Rollcall: who is online, since when, and when each person was last seen.

/// Settings from file, environment and flags.
pub mod config;
/// A private Redis and Postgres for development and tests.
pub mod devstack;
pub mod presence;

pub mod metrics;

pub mod store;
/// Logging.
pub mod telemetry;

/// Who is calling: access tokens and passwords.
pub mod auth;

/// People in Postgres: accounts, logins and refresh tokens, and what was done to them.
pub mod accounts;

/// The public API and the internal listener.
pub mod http;
