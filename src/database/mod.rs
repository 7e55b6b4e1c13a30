//! Postgres, of which nobody waits forever for an answer.
//!
//! A host that vanishes without a word, or a router between that forgets a connection, leaves a client waiting for bytes
//! that will never come: TCP gives up what it has sent and nobody confirmed, after a quarter of an hour, and what was
//! confirmed never. Postgres itself ends each statement of the service after a time, so whoever has heard nothing for a while
//! longer will hear nothing any more: they get an error of the kind of a lost connection, and the connection is
//! given up. What here bears a name of `sqlx` does what that does, with this limit.

mod connect;
mod connection;
mod patience;
mod pool;

pub use connect::{NoPostgresUrl, connect, connect_as_owner, options};
pub use connection::{Connection, Transaction};
pub use pool::Pool;
