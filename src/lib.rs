//! Rollcall: who is online, since when, and when each person was last seen.
//!
//! # Code tour
//! Read [`presence`] first: what the words mean, and the whole event table as a pure machine. [`store`] does the same
//! on shared state in Redis by the scripts in `lua/`; [`audit`] copies what it records into Postgres. [`accounts`] and
//! [`auth`] know people and tokens. [`app`] builds all of it once, [`http`], [`live`] and [`tasks`] are what runs: read the table of
//! paths (`http/router.rs`) and the list of tasks (`tasks/mod.rs`) first. [`cli`] starts them; [`config`],
//! [`database`], [`metrics`], [`telemetry`], [`moment`] and [`devstack`] serve the rest; [`courier`] brings other servers what they are told.
//! Modules stand in reading order; a module uses only modules that stand nearer to `presence` in ARCHITECTURE.md.

pub mod presence;

pub mod store;

pub mod audit;

pub mod accounts;

pub mod auth;

pub mod config;

pub mod devstack;

pub mod database;

pub mod metrics;

pub mod telemetry;

pub mod moment;

pub mod courier;

pub mod app;

pub mod http;

pub mod live;

pub mod tasks;

pub mod cli;
