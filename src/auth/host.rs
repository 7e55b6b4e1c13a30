//! Tokens of host applications: verified by the keys of their issuer, and translated into our facts.
//!
//! Which issuer a token claims to be of is read before anything is verified, and chooses nothing but by whose keys and
//! rules the whole is judged then. A host says who its users are, in its own name space (`name~subject`), and never that
//! somebody is a user of ours or of another host.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::jwks::{KeyRing, KeyTimes, Source};
use super::mapping;
use super::{Claims, TokenError};
use crate::config::{Issuer, IssuerKeys, Signature};

/// Types of tokens that may say who is calling; one without a type is as good, for many issuers name none. Any other is
/// made for something else: to log out by, to prove a key.
const TYPES: [&str; 3] = ["JWT", "at+jwt", "application/at+jwt"];

/// What an issuer's tokens are verified by.
enum Keys {
    Shared(DecodingKey),
    Public(Arc<KeyRing>),
}

/// A trusted issuer, ready to verify.
pub(super) struct Host {
    pub(super) issuer: Issuer,
    keys: Keys,
    validations: Vec<(Algorithm, Validation)>,
}

/// The facts of a verified token of a host.
pub(super) struct HostClaims {
    pub(super) claims: Claims,
    /// Until when they may be believed, in seconds since 1970: the end of the token and the leeway.
    pub(super) good_until: i64,
    /// The generation of the keys by which it was verified.
    pub(super) generation: u64,
}

impl Host {
    /// Prepares an issuer. Its keys are read when they are needed.
    ///
    /// # Errors
    /// In words, if there is nothing to read them with.
    pub(super) fn new(issuer: Issuer, times: KeyTimes) -> Result<Self, String> {
        let keys = match &issuer.keys {
            IssuerKeys::Secret(secret) => {
                Keys::Shared(DecodingKey::from_secret(secret.expose_secret().as_bytes()))
            }
            IssuerKeys::Url(url) => Keys::Public(KeyRing::new(Source::url(url)?, times)),
            IssuerKeys::File(file) => Keys::Public(KeyRing::new(Source::File(file.clone()), times)),
        };
        let validations = issuer.algorithms.iter().map(|signature| {
            let algorithm = match signature {
                Signature::EdDSA => Algorithm::EdDSA,
                Signature::ES256 => Algorithm::ES256,
                Signature::RS256 => Algorithm::RS256,
                Signature::HS256 => Algorithm::HS256,
            };
            let mut validation = Validation::new(algorithm);
            validation.set_issuer(&[&issuer.issuer]);
            validation.set_audience(&[&issuer.audience]);
            validation.set_required_spec_claims(&["exp", "iss", "aud"]);
            // Time is an argument of `verify`, and the library reads the clock.
            validation.validate_exp = false;
            (algorithm, validation)
        });
        Ok(Self { validations: validations.collect(), keys, issuer })
    }

    /// Whether checking a token once more would cost a public-key signature.
    pub(super) const fn is_costly(&self) -> bool {
        matches!(self.keys, Keys::Public(_))
    }

    /// The generation of the keys in force; `None` if there are none.
    pub(super) fn generation(&self) -> Option<u64> {
        match &self.keys {
            Keys::Shared(_) => Some(0),
            Keys::Public(ring) => ring.generation(),
        }
    }

    /// The facts of a token, if this issuer made it for us and its time is not over at `now`.
    ///
    /// # Errors
    /// [`TokenError`].
    pub(super) async fn verify(&self, token: &str, now: OffsetDateTime) -> Result<HostClaims, TokenError> {
        let (claims, generation) = self.signed(token, is_access).await?;
        let issued_at = self.in_time(&claims, now.unix_timestamp())?;
        let expires_at = mapping::seconds(&claims, "exp").ok_or(TokenError::Invalid)?;
        let claims = mapping::facts(&self.issuer, &claims, issued_at, expires_at)?;
        Ok(HostClaims { claims, good_until: expires_at.saturating_add(self.leeway()), generation })
    }

    /// The claims of a token that this issuer has signed, if its type is the one that is asked for, and the generation of
    /// the keys. When it is good is not looked at.
    pub(super) async fn signed(
        &self,
        token: &str,
        is_of_type: fn(&Header) -> bool,
    ) -> Result<(Map<String, Value>, u64), TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?;
        if !is_of_type(&header) {
            return Err(TokenError::Invalid);
        }
        let validation = self.validation(&header)?;
        match &self.keys {
            Keys::Shared(key) => Ok((decoded(token, key, validation)?, 0)),
            Keys::Public(ring) => {
                let (key, generation) = ring.key(header.kid.as_deref(), header.alg).await?;
                Ok((decoded(token, &key.key, validation)?, generation))
            }
        }
    }

    fn leeway(&self) -> i64 {
        self.issuer.leeway.millis().0 / 1_000
    }

    /// What the header's algorithm must be verified by. The library parses `crit` but does not act on it, and neither
    /// nested nor compressed nor encrypted tokens are anything to us.
    fn validation(&self, header: &Header) -> Result<&Validation, TokenError> {
        let plain =
            header.crit.is_none() && header.cty.is_none() && header.enc.is_none() && header.zip.is_none();
        let mut validations = self.validations.iter();
        let fitting = validations.find(|(algorithm, _)| *algorithm == header.alg);
        fitting.filter(|_| plain).map(|(_, validation)| validation).ok_or(TokenError::Invalid)
    }

    /// Checks when the token is good; answers when it was issued. A life longer than the settings allow is refused,
    /// because ended logins are not remembered for longer.
    pub(super) fn in_time(&self, claims: &Map<String, Value>, now: i64) -> Result<i64, TokenError> {
        let leeway = self.leeway();
        let at = |name| mapping::seconds(claims, name).ok_or(TokenError::Invalid);
        let (issued_at, expires_at) = (at("iat")?, at("exp")?);
        let from = if claims.contains_key("nbf") { at("nbf")? } else { issued_at };
        let life = expires_at.saturating_sub(issued_at);
        if life > self.issuer.longest_life.millis().0 / 1_000
            || issued_at.max(from) > now.saturating_add(leeway)
        {
            return Err(TokenError::Invalid);
        }
        if expires_at.saturating_add(leeway) <= now {
            return Err(TokenError::Expired);
        }
        Ok(issued_at)
    }
}

fn is_access(header: &Header) -> bool {
    header.typ.as_deref().is_none_or(|typ| TYPES.iter().any(|ok| typ.eq_ignore_ascii_case(ok)))
}

fn decoded(
    token: &str,
    key: &DecodingKey,
    validation: &Validation,
) -> Result<Map<String, Value>, TokenError> {
    let decoded = jsonwebtoken::decode(token, key, validation).map_err(|_| TokenError::Invalid)?;
    Ok(decoded.claims)
}
