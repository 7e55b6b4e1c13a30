//! The keys of our own tokens: those that verify, the one that signs, and what of them everybody may know.

use base64::Engine as _;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::token::AuthSettings;

/// Why there is nothing to sign with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither a secret nor a key.
    #[error("there is neither a secret nor a key to sign tokens with")]
    Nothing,
    /// Not the private Ed25519 key of 48 bytes that `openssl genpkey -algorithm ed25519` writes.
    #[error("the signing key is not an Ed25519 key in PKCS #8 (PEM): {0}")]
    NotEd25519(String),
}

/// The key that signs.
pub(super) struct SigningKey {
    pub(super) kid: String,
    pub(super) algorithm: Algorithm,
    pub(super) key: EncodingKey,
}

/// A key that verifies, and the name by which tokens choose it.
struct VerifyingKey {
    kid: String,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// All keys of our own.
pub(super) struct OwnKeys {
    pub(super) signing: SigningKey,
    /// Of each algorithm the present key first.
    verifying: Vec<VerifyingKey>,
    published: Vec<Jwk>,
}

impl OwnKeys {
    /// Reads the keys.
    pub(super) fn new(settings: &AuthSettings) -> Result<Self, KeyError> {
        let AuthSettings { secret, previous_secret, signing_key, previous_signing_key, .. } = settings;
        let (mut verifying, mut published) = (Vec::new(), Vec::new());
        for pem in signing_key.iter().chain(previous_signing_key) {
            let (_, jwk) = ed25519(pem)?;
            let key = DecodingKey::from_jwk(&jwk).map_err(|error| KeyError::NotEd25519(error.to_string()))?;
            verifying.push(VerifyingKey { kid: name_of(&jwk), algorithm: Algorithm::EdDSA, key });
            published.push(jwk);
        }
        verifying.extend(secret.iter().chain(previous_secret).map(|secret| {
            let secret = secret.expose_secret().as_bytes();
            let key = DecodingKey::from_secret(secret);
            VerifyingKey { kid: name_of_secret(secret), algorithm: Algorithm::HS256, key }
        }));
        let signing = match (signing_key, secret) {
            (Some(pem), _) => {
                let (key, jwk) = ed25519(pem)?;
                SigningKey { kid: name_of(&jwk), algorithm: Algorithm::EdDSA, key }
            }
            (None, Some(secret)) => {
                let secret = secret.expose_secret().as_bytes();
                let key = EncodingKey::from_secret(secret);
                SigningKey { kid: name_of_secret(secret), algorithm: Algorithm::HS256, key }
            }
            (None, None) => return Err(KeyError::Nothing),
        };
        Ok(Self { signing, verifying, published })
    }

    /// The key of this name for this algorithm; without a name the present one.
    pub(super) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&DecodingKey> {
        let fits = |key: &&VerifyingKey| key.algorithm == algorithm && kid.is_none_or(|kid| kid == key.kid);
        self.verifying.iter().find(fits).map(|key| &key.key)
    }

    /// Whether some token may cost a public-key signature to verify.
    pub(super) const fn may_be_costly(&self) -> bool {
        !self.published.is_empty()
    }

    /// The public halves.
    pub(super) fn published(&self) -> serde_json::Value {
        json!({"keys": self.published})
    }
}

/// A private key and its public half, which is made from the key and never from a secret: the library would write that
/// into the set as it is.
fn ed25519(pem: &SecretString) -> Result<(EncodingKey, Jwk), KeyError> {
    let wrong = |error: jsonwebtoken::errors::Error| KeyError::NotEd25519(error.to_string());
    let key = EncodingKey::from_ed_pem(pem.expose_secret().as_bytes()).map_err(wrong)?;
    let mut jwk = Jwk::from_encoding_key(&key, Algorithm::EdDSA).map_err(wrong)?;
    jwk.common.key_id = Some(jwk.thumbprint(ThumbprintHash::SHA256).map_err(wrong)?);
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    Ok((key, jwk))
}

fn name_of(jwk: &Jwk) -> String {
    jwk.common.key_id.clone().unwrap_or_default()
}

/// A short public name for a secret. It tells no more about it than any signature does.
fn name_of_secret(secret: &[u8]) -> String {
    let digest = Sha256::new().chain_update(b"rollcall kid").chain_update(secret).finalize();
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// A new Ed25519 key (PKCS #8, PEM) of 256 random bits, for measurements: what `openssl genpkey -algorithm ed25519`
/// writes.
#[must_use]
pub fn random_signing_key() -> SecretString {
    /// Version, algorithm and length, in DER: the key itself follows.
    const HEAD: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let mut der = HEAD.to_vec();
    der.extend(rand::random::<[u8; 32]>());
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n").into()
}
