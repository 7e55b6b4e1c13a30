//! What needs programs beside Redis and Postgres: Prometheus and promtool, proxies, systemd's tools; and a program that is
//! built to send traces. `./run operations` installs and builds all that and runs this; `cargo test` leaves it out unless it is named.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod observability;
mod proxies;
mod rules;
#[allow(dead_code, reason = "tests/integration uses the rest of it")]
#[path = "../integration/support/mod.rs"]
mod support;
mod systemd;
mod tools;
#[cfg(feature = "otlp")]
mod traces;
