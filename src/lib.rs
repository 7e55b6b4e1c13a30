//! Rollcall: who is online, since when, and when each person was last seen.

/// Settings from file, environment and flags.
pub mod config;
/// A private Redis and Postgres for development and tests.
pub mod devstack;
/// Metrics for Prometheus.
pub mod metrics;
pub mod presence;

pub mod store;
/// Logging.
pub mod telemetry;
