//! A JSON Web Key Set, as far as it verifies tokens: each key for the one algorithm of its type.

use std::sync::Arc;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};

/// Most keys of a set that are looked at.
const MOST: usize = 64;

/// A key that verifies tokens of one algorithm.
pub(in crate::auth) struct PublicKey {
    kid: Option<String>,
    pub(in crate::auth) algorithm: Algorithm,
    pub(in crate::auth) key: DecodingKey,
}

/// The keys of a set, and the text that they came from.
pub(super) struct KeySet {
    keys: Vec<Arc<PublicKey>>,
    text: String,
}

impl KeySet {
    /// Reads a set. Keys of kinds that are not used here are passed over: issuers publish keys for others, too.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let set: JwkSet = serde_json::from_str(text).map_err(|error| format!("no key set: {error}"))?;
        let keys = set.keys.iter().take(MOST).filter_map(usable).map(Arc::new).collect();
        Ok(Self { keys, text: text.to_owned() })
    }

    pub(super) fn same(&self, other: &Self) -> bool {
        self.text == other.text
    }

    /// The key of this name and algorithm; without a name the only one of the algorithm.
    pub(super) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<Arc<PublicKey>> {
        let mut fitting = self.keys.iter().filter(|key| key.algorithm == algorithm);
        match kid {
            Some(kid) => fitting.find(|key| key.kid.as_deref() == Some(kid)).cloned(),
            None => {
                let only = fitting.next()?;
                fitting.next().is_none().then(|| Arc::clone(only))
            }
        }
    }
}

/// A key for signatures whose type is ours. The algorithm follows from the type, never from a token; what the key says of
/// itself must agree. Shared secrets (`oct`) have no business in a published set.
fn usable(jwk: &Jwk) -> Option<PublicKey> {
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        _ => return None,
    };
    let common = &jwk.common;
    let for_signatures =
        common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
    let agrees = common.key_algorithm.is_none_or(|named| named == KeyAlgorithm::from(algorithm));
    if !for_signatures || !agrees {
        return None;
    }
    let key = DecodingKey::from_jwk(jwk).ok()?;
    Some(PublicKey { kid: common.key_id.clone(), algorithm, key })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED: &str = r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;

    fn found(key: &str, kid: Option<&str>, algorithm: Algorithm) -> bool {
        let set = KeySet::parse(&format!(r#"{{"keys":[{{{key}}}]}}"#)).unwrap();
        set.find(kid, algorithm).is_some()
    }

    #[test]
    fn a_key_is_found_by_its_name_for_its_algorithm_only() {
        let named = format!(r#""kid":"a",{ED}"#);
        assert!(found(&named, Some("a"), Algorithm::EdDSA));
        assert!(found(&named, None, Algorithm::EdDSA));
        assert!(!found(&named, Some("b"), Algorithm::EdDSA));
        assert!(!found(&named, Some("a"), Algorithm::HS256));
        assert!(!found(ED, Some("a"), Algorithm::EdDSA));
        let two = KeySet::parse(&format!(r#"{{"keys":[{{"kid":"a",{ED}}},{{"kid":"b",{ED}}}]}}"#)).unwrap();
        assert!(two.find(None, Algorithm::EdDSA).is_none(), "nobody guesses which of two");
    }

    #[test]
    fn keys_for_something_else_are_passed_over() {
        assert!(found(&format!(r#""use":"sig","alg":"EdDSA",{ED}"#), None, Algorithm::EdDSA));
        assert!(!found(&format!(r#""use":"enc",{ED}"#), None, Algorithm::EdDSA));
        assert!(!found(&format!(r#""alg":"ES256",{ED}"#), None, Algorithm::EdDSA));
        let secret = r#""kty":"oct","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA","alg":"HS256""#;
        for algorithm in [Algorithm::HS256, Algorithm::EdDSA, Algorithm::RS256] {
            assert!(!found(secret, None, algorithm));
        }
        assert!(
            KeySet::parse(r#"{"keys":[{"kty":"AKP","alg":"ML-DSA-44","pub":"x"}]}"#).unwrap().keys.is_empty()
        );
        for broken in ["", "[]", r#"{"keys":1}"#, "<html>"] {
            assert!(KeySet::parse(broken).is_err(), "{broken}");
        }
    }
}
