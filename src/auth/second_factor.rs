//! The second factor: codes of an authenticator (RFC 6238: SHA-1, 6 digits, 30 s), and recovery codes for the day on
//! which it is lost.
//!
//! A code is good in its own step, the one before and the one after, for clocks that differ. That each is good once is
//! the database's to keep: here only the step that a code belongs to is found.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use totp_rs::{Builder, Totp};

use super::Vault;

/// Bytes of an authenticator's secret, as RFC 4226 recommends.
const SECRET_LENGTH: usize = 20;
/// Digits of a code.
const DIGITS: usize = 6;
/// How many recovery codes somebody gets.
const RECOVERY_CODES: usize = 10;
/// Characters of a recovery code, each of 5 bits: 80 bits cannot be guessed, not even from their hash.
const RECOVERY_LENGTH: usize = 16;
/// The signs of a recovery code (Crockford): without those that look alike.
const SIGNS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Steps by which a code may be early or late.
const SKEW: u16 = 1;

/// The secret that an authenticator and the service share.
pub struct TotpSecret([u8; SECRET_LENGTH]);

impl TotpSecret {
    /// A new random secret.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// The secret as it is stored.
    #[must_use]
    pub fn sealed(&self, vault: &Vault, owner: &str) -> Vec<u8> {
        vault.seal(owner, &self.0)
    }

    /// A stored secret, and whether it should be sealed anew; `None` if it does not open.
    #[must_use]
    pub fn open(vault: &Vault, owner: &str, sealed: &[u8]) -> Option<(Self, bool)> {
        let opened = vault.open(owner, sealed)?;
        Some((Self(opened.plain.try_into().ok()?), opened.is_old))
    }

    /// The secret for typing it in, in base 32.
    #[must_use]
    pub fn text(&self) -> SecretString {
        self.totp("", "").secret().to_base32().into()
    }

    /// What an authenticator reads from a QR code: `otpauth://totp/..`.
    #[must_use]
    pub fn uri(&self, issuer: &str, account: &str) -> SecretString {
        // A colon separates the two in the label.
        let (issuer, account) = (issuer.replace(':', " "), account.replace(':', " "));
        self.totp(&issuer, &account).to_url().unwrap_or_default().into()
    }

    /// The step that a code belongs to, if it is right `now` (in seconds since 1970).
    #[must_use]
    pub fn step_of(&self, code: &str, now: i64) -> Option<i64> {
        let step = self.totp("", "").check(code, u64::try_from(now).ok()?)?;
        i64::try_from(step).ok()
    }

    fn totp(&self, issuer: &str, account: &str) -> Totp {
        let issuer = Some(issuer).filter(|issuer| !issuer.is_empty());
        Builder::new()
            .with_secret(self.0.to_vec())
            .with_skew(SKEW)
            .with_issuer(issuer)
            .with_account_name(account)
            .build_noncompliant()
    }
}

/// What somebody typed as their second factor.
pub enum SecondFactor {
    /// A code of the authenticator.
    Code(String),
    /// The hash of a recovery code.
    Recovery([u8; 32]),
}

impl SecondFactor {
    /// Tells what was typed; spaces and hyphens do not count. Anything else than six digits is taken for a recovery
    /// code, which it may well not be.
    #[must_use]
    pub fn parse(text: &SecretString) -> Self {
        let text: String = text.expose_secret().chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        if text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit()) {
            Self::Code(text)
        } else {
            Self::Recovery(recovery_hash(&text))
        }
    }
}

/// New recovery codes, as they are shown once; of each the hash is stored.
#[must_use]
pub fn recovery_codes() -> (Vec<SecretString>, Vec<[u8; 32]>) {
    (0..RECOVERY_CODES)
        .map(|_| {
            let bytes: [u8; RECOVERY_LENGTH] = rand::random();
            let signs = bytes.map(|byte| char::from(SIGNS[usize::from(byte) % SIGNS.len()]));
            let groups: Vec<String> = signs.chunks(4).map(|group| group.iter().collect()).collect();
            (groups.join("-").into(), recovery_hash(&signs.iter().collect::<String>()))
        })
        .unzip()
}

/// What is stored of a recovery code. It is random enough for a plain hash.
fn recovery_hash(signs: &str) -> [u8; 32] {
    let text = signs.to_ascii_lowercase();
    Sha256::new().chain_update(b"rollcall recovery").chain_update(text.as_bytes()).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of the test vectors of RFC 6238.
    const VECTOR: TotpSecret = TotpSecret(*b"12345678901234567890");

    #[test]
    fn codes_are_those_of_the_standard() {
        for (now, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
        ] {
            assert_eq!(VECTOR.step_of(code, now), Some(now / 30), "{now}");
            assert_eq!(VECTOR.step_of(code, now + 30), Some(now / 30), "a step later");
            assert_eq!(VECTOR.step_of(code, now - 30), Some(now / 30), "a step early");
            assert_eq!(VECTOR.step_of(code, now + 60), None);
            assert_eq!(VECTOR.step_of(code, now - 60), None);
        }
        for wrong in ["", "287083", "28708", "2870820", "abcdef", "-87082"] {
            assert_eq!(VECTOR.step_of(wrong, 59), None, "{wrong}");
        }
        assert_eq!(VECTOR.step_of("287082", -1), None);
    }

    #[test]
    fn an_authenticator_reads_who_it_is_for() {
        let uri = VECTOR.uri("Roll: call", "ann lee");
        assert_eq!(
            uri.expose_secret(),
            "otpauth://totp/Roll%20%20call:ann%20lee?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Roll%20%20call"
        );
        assert_eq!(VECTOR.text().expose_secret(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }

    #[test]
    fn a_stored_secret_is_the_same_again() {
        let vault = Vault::new(&"a secret".into(), None);
        let sealed = VECTOR.sealed(&vault, "42");
        let (secret, is_old) = TotpSecret::open(&vault, "42", &sealed).unwrap();
        assert_eq!((secret.0, is_old), (VECTOR.0, false));
        assert!(TotpSecret::open(&vault, "43", &sealed).is_none());
        assert_ne!(TotpSecret::random().0, TotpSecret::random().0);
    }

    #[test]
    fn recovery_codes_are_known_however_they_are_typed() {
        let (shown, hashes) = recovery_codes();
        assert_eq!((shown.len(), hashes.len()), (10, 10));
        for (code, hash) in shown.iter().zip(hashes) {
            let code = code.expose_secret();
            assert_eq!((code.len(), code.matches('-').count()), (19, 3), "{code}");
            for typed in [code.to_owned(), code.to_uppercase(), code.replace('-', " ")] {
                let SecondFactor::Recovery(typed) = SecondFactor::parse(&typed.into()) else {
                    panic!("{code}")
                };
                assert_eq!(typed, hash);
            }
        }
        let is_code = |text: &str| matches!(SecondFactor::parse(&text.into()), SecondFactor::Code(_));
        assert!(is_code("123456") && is_code("123 456") && !is_code("12345") && !is_code("12345x"));
    }
}
