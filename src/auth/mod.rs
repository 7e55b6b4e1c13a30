//! Who is calling: access tokens and passwords.
//!
//! Knows neither HTTP nor the database. A token or a hash goes in, typed facts or a refusal come out; who
//! may do what with them is decided above.

mod password;
mod stored;
mod token;

pub use password::{Password, PasswordCost, PasswordError, PasswordRule, Passwords, Verdict};
pub use stored::is_stored_hash;
pub use token::{AuthSettings, Claims, Grant, TokenError, Tokens};
