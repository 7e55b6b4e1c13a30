//! Which stored hashes can be checked at a login: so that a file of accounts brings none that cannot, or that would cost
//! more than a login may.

use argon2::Params;
use argon2::password_hash::phc::PasswordHash;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Most that one check may cost: memory in KiB, passes, lanes; and rounds of PBKDF2.
const MOST_MEMORY: u32 = 256 * 1024;
const MOST_PASSES: u32 = 16;
const MOST_LANES: u32 = 16;
const MOST_ROUNDS: u32 = 2_000_000;
/// Longest salt of Django's, in bytes.
const LONGEST_SALT: usize = 128;

/// Whether this is a hash that a login can check: a PHC string of argon2, or Django's
/// `pbkdf2_sha256$rounds$salt$hash`, of a cost that is bearable.
#[must_use]
pub fn is_stored_hash(text: &str) -> bool {
    match text.strip_prefix("pbkdf2_sha256$") {
        Some(rest) => is_django(rest),
        None => text.starts_with("$argon2") && PasswordHash::new(text).is_ok_and(|hash| is_bearable(&hash)),
    }
}

fn is_bearable(hash: &PasswordHash) -> bool {
    let params = Params::try_from(hash);
    hash.hash.is_some()
        && hash.salt.is_some()
        && params.is_ok_and(|params| {
            params.m_cost() <= MOST_MEMORY && params.t_cost() <= MOST_PASSES && params.p_cost() <= MOST_LANES
        })
}

fn is_django(rest: &str) -> bool {
    let parts: Vec<&str> = rest.split('$').collect();
    let [rounds, salt, hash] = parts.as_slice() else {
        return false;
    };
    let rounds = rounds.parse::<u32>().is_ok_and(|rounds| (1..=MOST_ROUNDS).contains(&rounds));
    rounds
        && (1..=LONGEST_SALT).contains(&salt.len())
        && STANDARD.decode(hash).is_ok_and(|hash| hash.len() == 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_checked_is_a_hash() {
        let django = format!("salt${}", STANDARD.encode([7; 32]));
        let argon =
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzYWx0$WN7jVqTdzVCD9TQ2yd8BT8bXxF1QrxX5m6sKGJz0nWA";
        assert!(is_stored_hash(&format!("pbkdf2_sha256$600000${django}")));
        assert!(is_stored_hash(argon));
        for wrong in [
            String::new(),
            "plain".to_owned(),
            "$2b$12$abcdefghijklmnopqrstuv".to_owned(),
            "pbkdf2_sha256$600000$salt".to_owned(),
            "pbkdf2_sha256$600000$salt$AAAA".to_owned(),
            format!("pbkdf2_sha256$9000000${django}"),
            format!("pbkdf2_sha256$0${django}"),
            format!("pbkdf2_sha1$600000${django}"),
            argon.replace("m=19456", "m=4194304"),
            argon.replace("$WN7jVqTdzVCD9TQ2yd8BT8bXxF1QrxX5m6sKGJz0nWA", ""),
        ] {
            assert!(!is_stored_hash(&wrong), "{wrong}");
        }
    }
}
