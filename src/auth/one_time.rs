//! Tokens that are good once: `pr_` and 256 bits, kept only as a hash.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// How a token for a new password begins, so that scanners for leaked secrets can know it.
const PREFIX: &str = "pr_";

/// A token that sets a password once.
pub struct ResetToken([u8; 32]);

impl ResetToken {
    /// A new random token.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// The token in a text; `None` if it has not the form of one.
    #[must_use]
    pub fn parse(text: &SecretString) -> Option<Self> {
        let encoded = text.expose_secret().trim().strip_prefix(PREFIX)?;
        // Checked before decoding: the text may be as long as a request.
        if encoded.len() != 43 {
            return None;
        }
        URL_SAFE_NO_PAD.decode(encoded).ok()?.try_into().ok().map(Self)
    }

    /// The token as it is handed over.
    #[must_use]
    pub fn text(&self) -> SecretString {
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.0)).into()
    }

    /// What is stored of it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_anything_else_is_refused() {
        let token = ResetToken::random();
        assert_eq!(token.text().expose_secret().len(), 46);
        assert_eq!(ResetToken::parse(&token.text()).unwrap().hash(), token.hash());
        let (long, odd) = (format!("pr_{}", "A".repeat(44)), format!("pr_{}", "!".repeat(43)));
        for text in ["", "pr_", "rt_AAAA", &long, &odd, &"A".repeat(46)] {
            assert!(ResetToken::parse(&text.into()).is_none(), "{text}");
        }
    }
}
