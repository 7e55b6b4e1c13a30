//! Who is calling: access tokens of our own and of trusted issuers, and passwords.
//!
//! Knows nothing of the database, and of HTTP only how the keys of an issuer are read. A token or a hash goes in, typed
//! facts or a refusal come out; who may do what with them is decided above.

mod claims;
mod host;
mod jwks;
mod mapping;
mod own_keys;
mod password;
mod sample;
mod stored;
mod token;
mod verifier;

pub use claims::{Claims, Grant, TokenError};
pub use jwks::KeyTimes;
pub use own_keys::{KeyError, random_signing_key};
pub use password::{Password, PasswordCost, PasswordError, PasswordRule, Passwords, Place, Verdict};
pub use sample::{HostGrant, sample_token};
pub use stored::is_stored_hash;
pub use token::{AuthSettings, Tokens};
pub use verifier::Verifier;
