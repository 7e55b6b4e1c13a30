//! Refresh tokens: `rt_` and 256 bits, kept only as a hash.
//!
//! A token's successor is derived from it and the server's secret. So it can be answered again when the
//! first answer was lost on the way, although nobody keeps it; and who holds an old token but not the secret
//! learns nothing about the next.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// How a refresh token begins, so that scanners for leaked secrets can know it.
const PREFIX: &str = "rt_";

/// A refresh token, taken apart.
#[derive(Clone)]
pub(super) struct RefreshToken([u8; 32]);

impl RefreshToken {
    /// A new random token.
    pub(super) fn random() -> Self {
        Self(rand::random())
    }

    /// The token in a client's text; `None` if it has not the form of one.
    pub(super) fn parse(text: &SecretString) -> Option<Self> {
        let encoded = text.expose_secret().strip_prefix(PREFIX)?;
        // Checked before decoding: the text may be as long as a request.
        if encoded.len() != 43 {
            return None;
        }
        URL_SAFE_NO_PAD.decode(encoded).ok()?.try_into().ok().map(Self)
    }

    /// The token as the client gets it.
    pub(super) fn text(&self) -> SecretString {
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.0)).into()
    }

    /// What is stored of it.
    pub(super) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }

    /// The token that this one is exchanged for. Key and message have a fixed length, so that the plain hash
    /// is as good as an HMAC here: there is nothing to extend.
    pub(super) fn successor(&self, secret: &SecretString) -> Self {
        let key = Sha256::new()
            .chain_update(b"rollcall refresh")
            .chain_update(secret.expose_secret().as_bytes())
            .finalize();
        Self(Sha256::new().chain_update(key).chain_update(self.0).finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_token_is_read_back() {
        let token = RefreshToken::random();
        let text = token.text();
        assert_eq!(text.expose_secret().len(), 46);
        assert_eq!(RefreshToken::parse(&text).unwrap().hash(), token.hash());
    }

    #[test]
    fn other_texts_are_no_tokens() {
        let long = format!("rt_{}", "A".repeat(44));
        let odd = format!("rt_{}", "!".repeat(43));
        let unprefixed = "A".repeat(43);
        // The last character carries bits that no byte has: a second text for the same token.
        let loose = format!("rt_{}B", "A".repeat(42));
        for text in ["", "rt_", "rt_AAAA", &long, &odd, &unprefixed, &loose] {
            assert!(RefreshToken::parse(&text.into()).is_none(), "{text}");
        }
    }

    #[test]
    fn a_successor_depends_on_token_and_secret_only() {
        let (token, other) = (RefreshToken::random(), RefreshToken::random());
        let secret = "a secret".into();
        let next = token.successor(&secret).hash();
        assert_eq!(next, token.successor(&secret).hash());
        assert_ne!(next, other.successor(&secret).hash());
        assert_ne!(next, token.successor(&"another secret".into()).hash());
        assert_ne!(next, token.hash());
    }
}
