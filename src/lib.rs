//! Rollcall: who is online, since when, and when each person was last seen.

/// The history of presence in Postgres.
pub mod audit;
pub mod presence;

pub mod store;
