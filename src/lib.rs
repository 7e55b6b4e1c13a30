//! Rollcall: who is online, since when, and when each person was last seen.

pub mod presence;

pub mod store;

pub mod http;
