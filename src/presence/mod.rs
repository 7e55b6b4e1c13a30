//! The core: what presence means here, as values and pure functions.
//!
//! No clock, no I/O, no async: time is always an argument ([`Millis`]). The scripts in `lua/` do the same
//! on the shared state in Redis, and a property test drives both side by side ([`machine`]).

mod entry;
mod ids;
mod policy;
mod status;

pub use entry::{Entry, EntryKind};
pub use ids::{ConnectionId, IdError, LoginId, Millis, Org, SessionId, Tab, UserId};
pub use policy::{Policy, Rhythm};
pub use status::{Activity, Device, GateKind, Pace, Reason, Role, Status, UnknownWord};
