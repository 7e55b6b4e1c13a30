//! Our own access tokens, in the form of RFC 9068 (`typ: at+jwt`): HS256 by a secret, or EdDSA by an Ed25519 key.
//!
//! One type, every claim required: a token that is anything else is refused before its claims are looked at. The key is
//! chosen by `kid` among the configured ones only, so that headers which bring or point to a key (`jwk`, `jku`, `x5u`)
//! have nothing to say; and each key verifies its own algorithm only, so that a public key is never taken for a secret.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::RoomRights;
use super::claims::{Claims, Grant, TokenError};
use super::own_keys::{KeyError, OwnKeys};
use crate::presence::{LoginId, Org, Role, UserId};

/// The header `typ` of an access token (RFC 9068): a token made for something else is not accepted.
const TYPE: &str = "at+jwt";

/// Longest token looked at, in bytes; checked before anything is decoded.
pub(super) const LONGEST: usize = 8 * 1024;

/// How far the clocks of two nodes may differ, in seconds.
pub(super) const LEEWAY: i64 = 5;

/// What the settings say of access tokens.
#[derive(Clone, Debug, Default)]
pub struct AuthSettings {
    /// Signs where no key does, and verifies; at least 32 bytes, which the settings check.
    pub secret: Option<SecretString>,
    /// Still verifies, so that a secret can be changed without logging anybody out.
    pub previous_secret: Option<SecretString>,
    /// An Ed25519 key (PKCS #8, PEM); signs in place of the secret.
    pub signing_key: Option<SecretString>,
    /// The key before it; still verifies.
    pub previous_signing_key: Option<SecretString>,
    /// Claim `iss`.
    pub issuer: String,
    /// Claim `aud`.
    pub audience: String,
    /// How long a token is good for.
    pub access_ttl: Duration,
}

/// The claims as they travel. All of them are required.
#[derive(Serialize, Deserialize)]
struct Wire {
    iss: String,
    aud: String,
    sub: UserId,
    sid: LoginId,
    tv: i64,
    org: Org,
    role: Role,
    iat: i64,
    exp: i64,
    jti: String,
}

/// A token that was verified.
pub(super) struct Verified {
    pub(super) claims: Claims,
    /// Whether checking it once more would cost a public-key signature.
    pub(super) costly: bool,
}

/// Issues and verifies access tokens.
pub struct Tokens {
    keys: OwnKeys,
    hs256: Validation,
    eddsa: Validation,
    pub(super) issuer: String,
    pub(super) audience: String,
    access_ttl: Duration,
}

impl Tokens {
    /// Prepares the keys.
    ///
    /// # Errors
    /// [`KeyError`]: there is neither secret nor key, or a key is not an Ed25519 key in PKCS #8.
    pub fn new(settings: &AuthSettings) -> Result<Self, KeyError> {
        install_provider();
        let validation = |algorithm| {
            let mut validation = Validation::new(algorithm);
            validation.set_issuer(&[&settings.issuer]);
            validation.set_audience(&[&settings.audience]);
            validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
            // Time is an argument of `verify`, and the library reads the clock.
            validation.validate_exp = false;
            validation
        };
        Ok(Self {
            keys: OwnKeys::new(settings)?,
            hs256: validation(Algorithm::HS256),
            eddsa: validation(Algorithm::EdDSA),
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            access_ttl: settings.access_ttl,
        })
    }

    /// How long a token is good for.
    #[must_use]
    pub const fn access_ttl(&self) -> Duration {
        self.access_ttl
    }

    /// The public halves of the keys that sign, as a JSON Web Key Set (RFC 7517); empty where a secret signs.
    #[must_use]
    pub fn published(&self) -> serde_json::Value {
        self.keys.published()
    }

    /// Whether some token may cost a public-key signature to verify.
    pub(super) const fn may_be_costly(&self) -> bool {
        self.keys.may_be_costly()
    }

    /// A token for `grant`, good from `now` for the configured time.
    #[must_use]
    pub fn issue(&self, grant: &Grant, now: OffsetDateTime) -> String {
        self.issue_for(grant, now, self.access_ttl)
    }

    /// A token for `grant`, good from `now` for `life`.
    #[must_use]
    pub fn issue_for(&self, grant: &Grant, now: OffsetDateTime, life: Duration) -> String {
        let now = now.unix_timestamp();
        let life = i64::try_from(life.as_secs()).unwrap_or(i64::MAX);
        let claims = Wire {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: grant.user.clone(),
            sid: grant.login.clone(),
            tv: grant.token_version,
            org: grant.org.clone(),
            role: grant.role,
            iat: now,
            exp: now.saturating_add(life),
            jti: Uuid::new_v4().to_string(),
        };
        self.sign(TYPE, &claims)
    }

    /// A token of this type, signed by the present key.
    pub(super) fn sign(&self, typ: &str, claims: &impl Serialize) -> String {
        let mut header = Header::new(self.keys.signing.algorithm);
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.keys.signing.kid.clone());
        sign(&header, claims, &self.keys.signing.key)
    }

    /// The facts of a token, if it is one of ours and its time is not over at `now`.
    ///
    /// # Errors
    /// [`TokenError`]; `Expired` is only said of a token that is good otherwise.
    pub fn verify(&self, token: &str, now: OffsetDateTime) -> Result<Claims, TokenError> {
        self.verified(token, now).map(|verified| verified.claims)
    }

    /// The same, with what it cost.
    pub(super) fn verified(&self, token: &str, now: OffsetDateTime) -> Result<Verified, TokenError> {
        if token.len() > LONGEST {
            return Err(TokenError::Invalid);
        }
        let (claims, algorithm) = self.signed::<Wire>(token, is_access)?;
        let now = now.unix_timestamp();
        if claims.jti.is_empty() || claims.iat > now.saturating_add(LEEWAY) {
            return Err(TokenError::Invalid);
        }
        if claims.exp.saturating_add(LEEWAY) <= now {
            return Err(TokenError::Expired);
        }
        let claims = Claims {
            user: claims.sub,
            org: claims.org,
            login: claims.sid,
            token_version: claims.tv,
            role: claims.role,
            expires_at: claims.exp,
            rooms: RoomRights::default(),
        };
        Ok(Verified { claims, costly: algorithm == Algorithm::EdDSA })
    }

    /// The claims of a token that a key of ours has signed, if its type is the one that is asked for. When it is good is
    /// not looked at.
    pub(super) fn signed<T: DeserializeOwned>(
        &self,
        token: &str,
        is_of_type: fn(&Header) -> bool,
    ) -> Result<(T, Algorithm), TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?;
        if !is_of_type(&header) {
            return Err(TokenError::Invalid);
        }
        let (key, validation) = self.key_for(&header)?;
        let decoded = jsonwebtoken::decode(token, key, validation).map_err(|_| TokenError::Invalid)?;
        Ok((decoded.claims, header.alg))
    }

    /// The key that the header names; the present one of its algorithm where it names none. The library parses `crit`
    /// but does not act on it: it lists extensions that must be understood, and we understand none.
    fn key_for(&self, header: &Header) -> Result<(&DecodingKey, &Validation), TokenError> {
        if header.crit.is_some() {
            return Err(TokenError::Invalid);
        }
        let validation = match header.alg {
            Algorithm::HS256 => &self.hs256,
            Algorithm::EdDSA => &self.eddsa,
            _ => return Err(TokenError::Invalid),
        };
        let key = self.keys.find(header.kid.as_deref(), header.alg).ok_or(TokenError::Invalid)?;
        Ok((key, validation))
    }
}

fn is_access(header: &Header) -> bool {
    header.typ.as_deref().is_some_and(|typ| typ.eq_ignore_ascii_case(TYPE))
}

/// Named here because the library panics at the first token if a dependant switches on a second provider. That one is
/// installed already is what everybody finds who comes second.
pub(super) fn install_provider() {
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}

/// A signed token.
pub(super) fn sign(header: &Header, claims: &impl Serialize, key: &EncodingKey) -> String {
    jsonwebtoken::encode(header, claims, key)
        .expect("a key that was checked when it was read signs any claims that are plain strings and numbers")
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-20 12:00 UTC);
    const SECRET: &str = "a secret of at least thirty-two bytes";

    fn settings(secret: &str, previous: Option<&str>) -> AuthSettings {
        AuthSettings {
            secret: Some(secret.into()),
            previous_secret: previous.map(Into::into),
            issuer: "rollcall".into(),
            audience: "rollcall".into(),
            access_ttl: Duration::from_secs(900),
            ..AuthSettings::default()
        }
    }

    fn tokens(secret: &str, previous: Option<&str>) -> Tokens {
        Tokens::new(&settings(secret, previous)).unwrap()
    }

    fn grant() -> Grant {
        Grant {
            user: UserId::parse("42").unwrap(),
            org: Org::default(),
            login: LoginId::parse("abcdefghijkl").unwrap(),
            token_version: 7,
            role: Role::Moderator,
        }
    }

    fn claims() -> Value {
        let now = NOW.unix_timestamp();
        json!({"iss": "rollcall", "aud": "rollcall", "sub": "42", "sid": "abcdefghijkl", "tv": 7,
               "org": "main", "role": "moderator", "iat": now, "exp": now + 900, "jti": "1"})
    }

    /// A token with any header and claims, rightly signed with `SECRET`.
    fn signed(header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        format!("{message}.{signature}")
    }

    fn header() -> Value {
        json!({"typ": "at+jwt", "alg": "HS256"})
    }

    fn with(mut object: Value, name: &str, value: Value) -> Value {
        object[name] = value;
        object
    }

    fn verify(token: &str) -> Result<Claims, TokenError> {
        tokens(SECRET, None).verify(token, NOW)
    }

    #[test]
    fn what_was_issued_is_verified() {
        let token = tokens(SECRET, None).issue(&grant(), NOW);
        let claims = verify(&token).unwrap();
        assert_eq!(claims.user, grant().user);
        assert_eq!(claims.org, grant().org);
        assert_eq!(claims.login, grant().login);
        assert_eq!(claims.token_version, 7);
        assert_eq!(claims.role, Role::Moderator);
        assert_eq!(claims.expires_at, NOW.unix_timestamp() + 900);
        assert_eq!(jsonwebtoken::decode_header(&token).unwrap().typ.as_deref(), Some("at+jwt"));
    }

    #[test]
    fn a_token_ends_after_its_life_and_the_leeway() {
        let tokens = tokens(SECRET, None);
        let token = tokens.issue(&grant(), NOW);
        let after = |seconds| tokens.verify(&token, NOW + time::Duration::seconds(seconds));
        assert!(after(904).is_ok());
        assert_eq!(after(905), Err(TokenError::Expired));
        assert!(after(-5).is_ok());
        assert_eq!(after(-6), Err(TokenError::Invalid));
    }

    #[test]
    fn another_key_is_refused_even_for_an_expired_token() {
        let other = tokens("another secret, also thirty-two bytes", None);
        let token = other.issue(&grant(), NOW - time::Duration::hours(1));
        assert_eq!(verify(&token), Err(TokenError::Invalid));
        let nameless = signed(&header(), &claims());
        assert_eq!(other.verify(&nameless, NOW), Err(TokenError::Invalid));
    }

    #[test]
    fn the_previous_secret_still_verifies() {
        let token = tokens(SECRET, None).issue(&grant(), NOW);
        let changed = tokens("the new secret of thirty-two bytes", Some(SECRET));
        assert!(changed.verify(&token, NOW).is_ok());
        assert!(changed.verify(&changed.issue(&grant(), NOW), NOW).is_ok());
        let forgotten = tokens("the new secret of thirty-two bytes", None);
        assert_eq!(forgotten.verify(&token, NOW), Err(TokenError::Invalid));
    }

    #[test]
    fn only_our_kind_of_header_is_accepted() {
        assert!(verify(&signed(&header(), &claims())).is_ok());
        for bad in [
            json!({"alg": "HS256"}),
            with(header(), "typ", json!("JWT")),
            with(header(), "crit", json!([])),
            with(header(), "crit", json!(["exp"])),
            with(header(), "alg", json!("HS384")),
            with(header(), "alg", json!("RS256")),
            with(header(), "kid", json!("unknown")),
        ] {
            assert_eq!(verify(&signed(&bad, &claims())), Err(TokenError::Invalid), "{bad}");
        }
        let unsigned = signed(&with(header(), "alg", json!("none")), &claims());
        let (message, _) = unsigned.rsplit_once('.').unwrap();
        for token in [unsigned.as_str(), &format!("{message}."), message] {
            assert_eq!(verify(token), Err(TokenError::Invalid));
        }
    }

    #[test]
    fn a_key_in_the_header_changes_nothing() {
        let pointing = with(
            with(header(), "jku", json!("https://evil.example/keys")),
            "x5u",
            json!("https://evil.example/x"),
        );
        assert!(verify(&signed(&pointing, &claims())).is_ok());
        let key = URL_SAFE_NO_PAD.encode("a key that the sender brings along");
        let bringing = with(header(), "jwk", json!({"kty": "oct", "k": key}));
        assert!(verify(&signed(&bringing, &claims())).is_ok());
    }

    #[test]
    fn every_claim_is_required_and_typed() {
        for name in ["iss", "aud", "sub", "sid", "tv", "org", "role", "iat", "exp", "jti"] {
            let mut less = claims();
            less.as_object_mut().unwrap().remove(name);
            assert_eq!(verify(&signed(&header(), &less)), Err(TokenError::Invalid), "without {name}");
        }
        for (name, value) in [
            ("aud", json!("another")),
            ("iss", json!("another")),
            ("sub", json!("no spaces allowed")),
            ("sid", json!("no.dots")),
            ("role", json!("root")),
            ("tv", json!("7")),
            ("jti", json!("")),
        ] {
            let bad = with(claims(), name, value);
            assert_eq!(verify(&signed(&header(), &bad)), Err(TokenError::Invalid), "{bad}");
        }
    }

    #[test]
    fn a_token_too_long_is_refused_though_rightly_signed() {
        let long = with(claims(), "jti", json!("x".repeat(LONGEST)));
        assert_eq!(verify(&signed(&header(), &long)), Err(TokenError::Invalid));
        assert_eq!(verify(""), Err(TokenError::Invalid));
        assert_eq!(verify("a.b.c"), Err(TokenError::Invalid));
    }

    #[test]
    fn errors_have_their_words() {
        assert_eq!(TokenError::Invalid.code(), "token_invalid");
        assert_eq!(TokenError::Expired.code(), "token_expired");
    }
}
