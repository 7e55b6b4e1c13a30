//! Secrets that the service must read again, sealed: whoever reads the database alone learns none of them.
//!
//! AES-256-GCM under a key that is derived (HKDF-SHA256) from the secret that signs tokens. What was sealed under the
//! previous secret is still opened, and says so, to be sealed anew when it is next used. A sealed text belongs to the
//! owner it was made for: moved into another's row it does not open.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretString};

/// Keeps keys that are made from one secret for different ends apart.
const SALT: &[u8] = b"rollcall vault";

/// What a sealed text held.
pub struct Opened {
    /// The text.
    pub plain: Vec<u8>,
    /// It was sealed under the previous secret: seal it anew while it is at hand.
    pub is_old: bool,
}

/// The keys. The present one first.
pub struct Vault {
    keys: Vec<LessSafeKey>,
    picking: hmac::Key,
}

impl Vault {
    /// Derives the keys from the secret that signs tokens and the one before it.
    #[must_use]
    pub fn new(secret: &SecretString, previous: Option<&SecretString>) -> Self {
        let keys = std::iter::once(secret).chain(previous).map(sealing_key).collect();
        let secret = secret.expose_secret().as_bytes();
        let material = Salt::new(HKDF_SHA256, SALT).extract(secret);
        let picking = material.expand(&[b"pick"], hmac::HMAC_SHA256);
        Self { keys, picking: hmac::Key::from(picking.expect("an HMAC key is short enough for HKDF")) }
    }

    /// Seals a text for `owner`.
    #[must_use]
    pub fn seal(&self, owner: &str, plain: &[u8]) -> Vec<u8> {
        // Random nonces are safe for far more texts than there are people.
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut sealed = plain.to_vec();
        self.keys[0]
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(owner.as_bytes()),
                &mut sealed,
            )
            .expect("a short text can be sealed");
        [&nonce, sealed.as_slice()].concat()
    }

    /// Opens what was sealed for `owner`; `None` if neither key does, or something was changed.
    #[must_use]
    pub fn open(&self, owner: &str, sealed: &[u8]) -> Option<Opened> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN)?;
        self.keys.iter().enumerate().find_map(|(number, key)| {
            let mut text = sealed.to_vec();
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let plain = key.open_in_place(nonce, Aad::from(owner.as_bytes()), &mut text).ok()?;
            Some(Opened { plain: plain.to_vec(), is_old: number > 0 })
        })
    }

    /// A number for a text, the same each time, that nobody without the secret can foretell. Not negative.
    #[must_use]
    pub fn pick(&self, text: &str) -> i64 {
        let tag = hmac::sign(&self.picking, text.as_bytes());
        let number = tag.as_ref().iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        i64::try_from(number >> 1).unwrap_or_default()
    }
}

fn sealing_key(secret: &SecretString) -> LessSafeKey {
    let material = Salt::new(HKDF_SHA256, SALT).extract(secret.expose_secret().as_bytes());
    let key = material.expand(&[b"seal"], &AES_256_GCM).expect("an AES key is short enough for HKDF");
    LessSafeKey::new(UnboundKey::from(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(secret: &str, previous: Option<&str>) -> Vault {
        Vault::new(&secret.into(), previous.map(SecretString::from).as_ref())
    }

    #[test]
    fn what_was_sealed_opens_for_its_owner_and_nobody_else() {
        let vault = vault("one", None);
        let sealed = vault.seal("42", b"a secret");
        assert_ne!(sealed, vault.seal("42", b"a secret"), "each has a nonce of its own");
        assert!(!sealed.windows(8).any(|part| part == b"a secret"));
        let opened = vault.open("42", &sealed).unwrap();
        assert_eq!((opened.plain.as_slice(), opened.is_old), (&b"a secret"[..], false));
        assert!(vault.open("43", &sealed).is_none());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(vault.open("42", &changed).is_none(), "byte {at}");
            assert!(vault.open("42", &sealed[..at]).is_none(), "cut at {at}");
        }
    }

    #[test]
    fn the_previous_secret_still_opens() {
        let sealed = vault("one", None).seal("42", b"a secret");
        let changed = vault("two", Some("one"));
        assert!(changed.open("42", &sealed).unwrap().is_old);
        assert!(!changed.open("42", &changed.seal("42", b"x")).unwrap().is_old);
        assert!(vault("three", Some("two")).open("42", &sealed).is_none());
    }

    #[test]
    fn a_pick_depends_on_text_and_secret() {
        let (one, two) = (vault("one", None), vault("two", None));
        assert_eq!(one.pick("ann"), one.pick("ann"));
        assert_ne!(one.pick("ann"), one.pick("bob"));
        assert_ne!(one.pick("ann"), two.pick("ann"));
        assert!((0..100).all(|number| one.pick(&number.to_string()) >= 0));
    }
}
