//! Rollcall: who is online, since when, and when each person was last seen.

pub mod presence;

pub mod store;

/// Who is calling: access tokens and passwords.
pub mod auth;

/// The public API and the internal listener.
pub mod http;
