//! Every test that needs a real Redis and Postgres, or the whole repository, in one program: one pair of servers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accounts;
mod alerts;
mod audit;
mod chain;
mod cli;
mod cluster;
mod dashboards;
mod database;
mod deploy;
mod devstack;
mod doctor;
mod documents;
mod figures;
mod history;
mod house;
mod http;
mod journeys;
mod live;
mod secrets;
mod store;
mod support;
mod tokens;
mod webhooks;
