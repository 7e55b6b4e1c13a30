//! Hashes of passwords as they are stored: our own, older ones of ours, and those that came with accounts from
//! elsewhere.
//!
//! | form | made by |
//! |---|---|
//! | `$argon2id$v=19$m=..,t=..,p=..$salt$hash` | this service |
//! | `pbkdf2_sha256$iterations$salt$hash` | Django |
//! | `!...` | Django, for an account without a password: nothing opens it |
//!
//! What a check costs stands in the hash itself, so it is bounded before any work is done.

use std::num::NonZeroU32;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error as HashError, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::pbkdf2;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::PasswordError;

/// The most iterations of PBKDF2 that are made for one check. Django's default was 1 200 000 in 2025.
const MOST_ITERATIONS: u32 = 2_000_000;
/// The most memory that one check by argon2 may take, in KiB.
const MOST_MEMORY: u32 = 256 * 1024;
/// The most passes over it, and the most lanes.
const MOST_PASSES: u32 = 16;
const MOST_LANES: u32 = 16;
/// The longest salt of Django's, in bytes.
const LONGEST_SALT: usize = 128;

/// A stored hash, taken apart.
pub(super) enum Stored {
    Argon2(Box<PasswordHash>),
    Django { iterations: NonZeroU32, salt: String, digest: Vec<u8> },
    Unusable,
}

/// Whether this is a hash that a login can check, at a cost that is bearable: so that a file of accounts brings no other.
#[must_use]
pub fn is_stored_hash(text: &str) -> bool {
    Stored::parse(text).is_ok_and(|stored| !matches!(stored, Stored::Unusable))
}

impl Stored {
    /// Takes a stored hash apart.
    pub(super) fn parse(text: &str) -> Result<Self, PasswordError> {
        let wrong = |what: &str| PasswordError::Hash(format!("a stored hash has {what}"));
        if text.starts_with('!') {
            return Ok(Self::Unusable);
        }
        if let Some(rest) = text.strip_prefix("pbkdf2_sha256$") {
            let mut parts = rest.split('$');
            let (Some(iterations), Some(salt), Some(digest), None) =
                (parts.next(), parts.next(), parts.next(), parts.next())
            else {
                return Err(wrong("not three parts"));
            };
            let iterations = iterations.parse().map_err(|_| wrong("no number of iterations"))?;
            if iterations > NonZeroU32::new(MOST_ITERATIONS).unwrap_or(NonZeroU32::MIN) {
                return Err(wrong("too many iterations"));
            }
            let digest = STANDARD.decode(digest).map_err(|_| wrong("no digest in base 64"))?;
            if digest.len() != 32 || !(1..=LONGEST_SALT).contains(&salt.len()) {
                return Err(wrong("a digest or a salt of another length"));
            }
            return Ok(Self::Django { iterations, salt: salt.to_owned(), digest });
        }
        let hash = PasswordHash::new(text).map_err(|error| PasswordError::Hash(error.to_string()))?;
        let params = Params::try_from(&hash).map_err(|error| PasswordError::Hash(error.to_string()))?;
        if !hash.algorithm.as_str().starts_with("argon2") || hash.hash.is_none() || hash.salt.is_none() {
            return Err(wrong("another algorithm, or not all its parts"));
        }
        let is_dear = params.t_cost() > MOST_PASSES || params.p_cost() > MOST_LANES;
        if is_dear || params.m_cost() > MOST_MEMORY {
            return Err(wrong("a cost that is out of bounds"));
        }
        Ok(Self::Argon2(Box::new(hash)))
    }

    /// Whether it is the hash of this password. Takes tens of milliseconds.
    pub(super) fn matches(&self, hasher: &Argon2<'_>, password: &[u8]) -> Result<bool, PasswordError> {
        match self {
            Self::Argon2(hash) => match hasher.verify_password(password, &**hash) {
                Ok(()) => Ok(true),
                Err(HashError::PasswordInvalid) => Ok(false),
                Err(error) => Err(error.into()),
            },
            Self::Django { iterations, salt, digest } => {
                let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
                Ok(pbkdf2::verify(algorithm, *iterations, salt.as_bytes(), password, digest).is_ok())
            }
            Self::Unusable => Ok(false),
        }
    }

    /// Whether it was made as new ones are.
    pub(super) fn is_current(&self, hasher: &Argon2<'_>) -> bool {
        let Self::Argon2(hash) = self else { return false };
        hash.algorithm == Algorithm::Argon2id.ident()
            && hash.version == Some(u32::from(Version::V0x13))
            && Params::try_from(&**hash).is_ok_and(|params| {
                let ours = hasher.params();
                (params.m_cost(), params.t_cost(), params.p_cost())
                    == (ours.m_cost(), ours.t_cost(), ours.p_cost())
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_checked_is_a_hash() {
        let django = format!("salt${}", STANDARD.encode([7; 32]));
        let argon =
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzYWx0$WN7jVqTdzVCD9TQ2yd8BT8bXxF1QrxX5m6sKGJz0nWA";
        for good in [
            argon.to_owned(),
            format!("pbkdf2_sha256$600000${django}"),
            format!("pbkdf2_sha256$2000000${django}"),
        ] {
            assert!(is_stored_hash(&good), "{good}");
        }
        for wrong in [
            String::new(),
            "plain".to_owned(),
            "!".to_owned(),
            "$2b$12$abcdefghijklmnopqrstuv".to_owned(),
            "$argon2id$first".to_owned(),
            "pbkdf2_sha256$600000$salt".to_owned(),
            "pbkdf2_sha256$600000$salt$AAAA".to_owned(),
            format!("pbkdf2_sha256$2000001${django}"),
            format!("pbkdf2_sha256$0${django}"),
            format!("pbkdf2_sha256$-1${django}"),
            format!("pbkdf2_sha256$600000${django}$more"),
            format!("pbkdf2_sha1$600000${django}"),
            argon.replace("m=19456", "m=4194304"),
            argon.replace("$WN7jVqTdzVCD9TQ2yd8BT8bXxF1QrxX5m6sKGJz0nWA", ""),
        ] {
            assert!(!is_stored_hash(&wrong), "{wrong}");
        }
    }
}
