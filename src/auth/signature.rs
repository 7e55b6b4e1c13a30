//! Signatures of what is sent to other servers: HMAC-SHA256 over the time and the body, so that a receiver knows who
//! sent it, that nothing was changed, and that it is not an old one sent again.

use std::fmt::Write;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::Vault;

/// How a secret begins, so that scanners for leaked secrets can know it.
const PREFIX: &str = "rc_wh_";

/// The secret that a receiver and the service share: a text, of which every byte counts.
pub struct SigningSecret(SecretString);

impl SigningSecret {
    /// A new one, of 256 random bits.
    #[must_use]
    pub fn random() -> Self {
        let secret: [u8; 32] = rand::random();
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(secret)).into())
    }

    /// The secret as its receiver is shown it.
    #[must_use]
    pub const fn text(&self) -> &SecretString {
        &self.0
    }

    /// The secret of this webhook as it is stored.
    #[must_use]
    pub fn sealed(&self, vault: &Vault, webhook: Uuid) -> Vec<u8> {
        vault.seal(&owner(webhook), self.0.expose_secret().as_bytes())
    }

    /// A stored secret, and whether it should be sealed anew; `None` if it does not open.
    #[must_use]
    pub fn open(vault: &Vault, webhook: Uuid, sealed: &[u8]) -> Option<(Self, bool)> {
        let opened = vault.open(&owner(webhook), sealed)?;
        Some((Self(String::from_utf8(opened.plain).ok()?.into()), opened.is_old))
    }
}

/// Whose the secret is to the vault, where people are numbers.
fn owner(webhook: Uuid) -> String {
    format!("webhook {webhook}")
}

/// The header that signs a body at a time (in seconds since 1970): `t=..,v1=..`, with one `v1` for each secret.
#[must_use]
pub fn signature(secrets: &[SigningSecret], at: i64, body: &[u8]) -> String {
    let mut header = format!("t={at}");
    let time = format!("{at}.");
    for secret in secrets {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.0.expose_secret().as_bytes());
        let mut context = hmac::Context::with_key(&key);
        context.update(time.as_bytes());
        context.update(body);
        header.push_str(",v1=");
        for byte in context.sign().as_ref() {
            // Writing to a string cannot fail.
            let _ = write!(header, "{byte:02x}");
        }
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_other_programs_make_of_it() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
        let expected = "a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03";
        let key = || SigningSecret("key".to_owned().into());
        let body = br#"{"a":1}"#;
        assert_eq!(signature(&[key()], 1_700_000_000, body), format!("t=1700000000,v1={expected}"));
        assert_eq!(
            signature(&[key(), key()], 1_700_000_000, body),
            format!("t=1700000000,v1={expected},v1={expected}")
        );
        assert_ne!(signature(&[key()], 1_700_000_001, body), signature(&[key()], 1_700_000_000, body));
        assert_ne!(
            signature(&[SigningSecret::random()], 1, body),
            signature(&[SigningSecret::random()], 1, body)
        );
    }

    #[test]
    fn a_stored_secret_is_the_same_again() {
        let vault = Vault::new(&"a secret".into(), None);
        let secret = SigningSecret::random();
        let webhook = Uuid::now_v7();
        let sealed = secret.sealed(&vault, webhook);
        let (opened, is_old) = SigningSecret::open(&vault, webhook, &sealed).unwrap();
        assert_eq!((opened.text().expose_secret(), is_old), (secret.text().expose_secret(), false));
        assert!(SigningSecret::open(&vault, Uuid::now_v7(), &sealed).is_none());
    }
}
