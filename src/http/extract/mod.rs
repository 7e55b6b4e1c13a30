//! What handlers take as arguments: everything a request brings, parsed and validated at the door, and who is
//! calling, with the permission as the argument's type.

mod attempts;
mod body;
mod caller;
mod params;
mod service;
mod source;
pub mod to;

pub use attempts::{Attempt, Attempts};
pub use body::Body;
pub use caller::{
    Beating, Caller, Entering, May, Quiet, Verified, admitted, bearer_token, in_present_role, verify,
};
pub use params::{Path, PathPair, Query};
pub use service::{Counter, Granter, Lister, Reporter, Viewer};
pub use source::{Client, Source, client_of};

use super::error::{ApiError, FieldError};

/// An error of serde in terms of the API: a field it does not know, or a value it does not accept.
fn refused(pointer: String, message: &str) -> ApiError {
    let detail = message.split(" at line ").next().unwrap_or(message).to_owned();
    let field = FieldError { pointer, detail };
    // serde has no kinds of errors; this beginning is `serde::de::Error::unknown_field`'s, kept by a test.
    if message.starts_with("unknown field") {
        ApiError::UnknownField(field)
    } else {
        ApiError::InvalidValue(field)
    }
}
