//! The core: what presence means here, as values and pure functions.
//!
//! No clock, no I/O, no async: time is always an argument ([`Millis`]). The scripts in `lua/` do the same
//! on the shared state in Redis, and a property test drives both side by side ([`machine`]).

mod claim;
mod entry;
mod ids;
pub mod machine;
mod policy;
mod session;
mod status;
mod user;

pub use claim::{Amendment, Claim, Claims, Gate, Whose};
pub use entry::{Entry, EntryKind, Outgoing, RawEntry};
pub use ids::{ConnectionId, IdError, LoginId, Millis, Org, Room, SessionId, Tab, UserId};
pub use policy::{Policy, Rhythm};
pub use session::{Mode, Said, Session};
pub use status::{
    Activity, ChangeKind, Device, GateKind, LastSeenVisibility, Pace, Reason, Role, Status, UnknownWord,
};
pub use user::{MOST_SESSIONS, ShownTimes, User};
