//! The public API over HTTP and the internal listener. The only module, with `live`, that knows axum and tower.
//!
//! Read [`router`] first: it is the table of every path. A request comes in through [`serve`] (the accept
//! loop), passes the layers of [`middleware`], and reaches a handler in [`routes`] whose arguments ([`extract`])
//! have parsed and checked everything; what goes wrong is an [`ApiError`].

mod error;
pub mod extract;
mod fallback;
pub mod middleware;
mod paths;
mod problem;
mod request_id;
mod server;
mod time;

pub use error::{ApiError, FieldError};
pub use fallback::{not_allowed, not_found};
pub use problem::Problem;
pub use request_id::RequestId;
pub use server::{Drained, Limits, serve};
pub use time::Timestamp;
