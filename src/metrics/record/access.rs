//! Who came, by what proof, and who was refused.

use super::super::labels::{AuthMethod, AuthResult, KeyReading, LimitPolicy};
use super::super::names;
use super::{count, number, set};

/// A caller said who it is.
pub fn auth_attempt(method: AuthMethod, result: AuthResult) {
    count(&names::AUTH_ATTEMPTS, &[method.as_str(), result.as_str()], 1);
}

/// A refresh token was used again.
pub fn refresh_reuse() {
    count(&names::REFRESH_REUSE, &[], 1);
}

/// The keys of a trusted issuer were read, or could not be.
pub fn keys_read(well: bool) {
    let result = if well { KeyReading::Ok } else { KeyReading::Failed };
    count(&names::KEY_READINGS, &[result.as_str()], 1);
}

/// A token met a key set that could not be read anew when it should have been.
pub fn stale_key() {
    count(&names::STALE_KEYS, &[], 1);
}

/// A token had been verified before.
pub fn known_token() {
    count(&names::KNOWN_TOKENS, &[], 1);
}

/// A request was refused for coming too often.
pub fn rate_limited(policy: LimitPolicy) {
    count(&names::RATE_LIMITED, &[policy.as_str()], 1);
}

/// A request of a blocked address was refused.
pub fn blocked_request() {
    count(&names::BLOCKED_REQUESTS, &[], 1);
}

/// So many networks are blocked.
pub fn blocked_networks(number_of: u64) {
    set(&names::BLOCKED_NETWORKS, &[], number(number_of));
}
