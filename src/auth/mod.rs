//! Who is calling: access tokens of our own and of trusted issuers, passwords, second factors.
//!
//! Knows nothing of the database, and of HTTP only how the keys of an issuer are read. A token or a hash goes in, typed
//! facts or a refusal come out; who may do what with them is decided above.

mod claims;
mod common;
mod host;
mod jwks;
mod mapping;
mod one_time;
mod own_keys;
mod password;
mod room_grants;
mod rooms;
mod sample;
mod second_factor;
mod signature;
mod stored;
mod token;
mod vault;
mod verifier;

pub use claims::{Claims, Grant, TokenError};
pub use jwks::KeyTimes;
pub use one_time::ResetToken;
pub use own_keys::{KeyError, random_signing_key};
pub use password::{Password, PasswordCost, PasswordError, PasswordRule, Passwords, Place, Verdict};
pub use rooms::{RoomGrant, RoomPattern, RoomRights};
pub use sample::{HostGrant, sample_token};
pub use second_factor::{SecondFactor, TotpSecret, recovery_codes};
pub use signature::{SigningSecret, signature};
pub use stored::is_stored_hash;
pub use token::{AuthSettings, Tokens};
pub use vault::{Opened, Vault};
pub use verifier::Verifier;
