//! Access tokens: HS256 in the form of RFC 9068 (`typ: at+jwt`).
//!
//! One algorithm, one type, every claim required: a token that is anything else is refused before its
//! claims are looked at. The key is chosen by `kid` among the configured ones only, so that headers
//! which bring or point to a key (`jwk`, `jku`, `x5u`) have nothing to say.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::presence::{LoginId, Org, Role, UserId};

/// The header `typ` of an access token (RFC 9068): a token made for something else is not accepted.
const TYPE: &str = "at+jwt";

/// Longest token looked at, in bytes; checked before anything is decoded.
const LONGEST: usize = 8 * 1024;

/// How far the clocks of two nodes may differ, in seconds.
const LEEWAY: i64 = 5;

/// What the settings say of access tokens.
#[derive(Clone, Debug)]
pub struct AuthSettings {
    /// Signs and verifies; at least 32 bytes, which the settings check.
    pub secret: SecretString,
    /// Still verifies, so that a secret can be changed without logging anybody out.
    pub previous_secret: Option<SecretString>,
    /// Claim `iss`.
    pub issuer: String,
    /// Claim `aud`.
    pub audience: String,
    /// How long a token is good for.
    pub access_ttl: Duration,
}

/// What a token is issued for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Whose token (claim `sub`).
    pub user: UserId,
    /// The user's organisation.
    pub org: Org,
    /// The login it belongs to (claim `sid`).
    pub login: LoginId,
    /// The user's token version (claim `tv`); lower than the user's present one means ended.
    pub token_version: i64,
    /// What the user may do.
    pub role: Role,
}

/// The facts of a verified token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Whose token (claim `sub`).
    pub user: UserId,
    /// The user's organisation.
    pub org: Org,
    /// The login it belongs to (claim `sid`).
    pub login: LoginId,
    /// The token version (claim `tv`).
    pub token_version: i64,
    /// What the user may do.
    pub role: Role,
    /// When it ends (claim `exp`), in seconds since 1970.
    pub expires_at: i64,
}

/// Why a token is refused. What exactly is wrong with it is nobody's business but its maker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token of this service: form, type, algorithm, key, signature, issuer, audience or a claim.
    #[error("the token is not valid")]
    Invalid,
    /// It was good, and its time is over.
    #[error("the token has expired")]
    Expired,
}

impl TokenError {
    /// The error's word in answers.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Invalid => "token_invalid",
            Self::Expired => "token_expired",
        }
    }
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

/// A key that verifies, and the name by which tokens choose it.
struct VerifyingKey {
    kid: String,
    key: DecodingKey,
}

impl VerifyingKey {
    fn new(secret: &SecretString) -> Self {
        let secret = secret.expose_secret().as_bytes();
        Self { kid: key_id(secret), key: DecodingKey::from_secret(secret) }
    }
}

/// A short public name for a secret. It tells no more about it than any signature does.
fn key_id(secret: &[u8]) -> String {
    let digest = Sha256::new().chain_update(b"rollcall kid").chain_update(secret).finalize();
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Issues and verifies access tokens.
pub struct Tokens {
    header: Header,
    signing: EncodingKey,
    /// The present key first.
    keys: Vec<VerifyingKey>,
    validation: Validation,
    issuer: String,
    audience: String,
    access_ttl: Duration,
}

impl Tokens {
    /// Prepares the keys.
    #[must_use]
    pub fn new(settings: &AuthSettings) -> Self {
        // Named here because the library panics at the first token if a dependant switches on a second
        // provider. That one is installed already is what the second `Tokens` of a process finds.
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        let keys: Vec<_> = std::iter::once(&settings.secret)
            .chain(&settings.previous_secret)
            .map(VerifyingKey::new)
            .collect();
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(key_id(settings.secret.expose_secret().as_bytes()));
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[&settings.issuer]);
        validation.set_audience(&[&settings.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Time is an argument of `verify`, and the library reads the clock.
        validation.validate_exp = false;
        Self {
            header,
            signing: EncodingKey::from_secret(settings.secret.expose_secret().as_bytes()),
            keys,
            validation,
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            access_ttl: settings.access_ttl,
        }
    }

    /// How long a token is good for.
    #[must_use]
    pub const fn access_ttl(&self) -> Duration {
        self.access_ttl
    }

    /// A token for `grant`, good from `now` for the configured time.
    #[must_use]
    pub fn issue(&self, grant: &Grant, now: OffsetDateTime) -> String {
        let now = now.unix_timestamp();
        let life = i64::try_from(self.access_ttl.as_secs()).unwrap_or(i64::MAX);
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
        jsonwebtoken::encode(&self.header, &claims, &self.signing)
            .expect("an HMAC key signs any claims that are plain strings and numbers")
    }

    /// The facts of a token, if it is one of ours and its time is not over at `now`.
    ///
    /// # Errors
    /// [`TokenError`]; `Expired` is only said of a token that is good otherwise.
    pub fn verify(&self, token: &str, now: OffsetDateTime) -> Result<Claims, TokenError> {
        if token.len() > LONGEST {
            return Err(TokenError::Invalid);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?;
        let key = self.key_for(&header)?;
        let claims = jsonwebtoken::decode::<Wire>(token, key, &self.validation)
            .map_err(|_| TokenError::Invalid)?
            .claims;
        let now = now.unix_timestamp();
        if claims.jti.is_empty() || claims.iat > now.saturating_add(LEEWAY) {
            return Err(TokenError::Invalid);
        }
        if claims.exp.saturating_add(LEEWAY) <= now {
            return Err(TokenError::Expired);
        }
        Ok(Claims {
            user: claims.sub,
            org: claims.org,
            login: claims.sid,
            token_version: claims.tv,
            role: claims.role,
            expires_at: claims.exp,
        })
    }

    /// The key that the header names; the present one where it names none. The library parses `crit` but
    /// does not act on it: it lists extensions that must be understood, and we understand none.
    fn key_for(&self, header: &Header) -> Result<&DecodingKey, TokenError> {
        let typed = header.typ.as_deref().is_some_and(|typ| typ.eq_ignore_ascii_case(TYPE));
        if !typed || header.crit.is_some() || header.alg != Algorithm::HS256 {
            return Err(TokenError::Invalid);
        }
        let named = |key: &&VerifyingKey| header.kid.as_ref().is_none_or(|kid| *kid == key.kid);
        self.keys.iter().find(named).map(|key| &key.key).ok_or(TokenError::Invalid)
    }
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
            secret: secret.into(),
            previous_secret: previous.map(Into::into),
            issuer: "rollcall".into(),
            audience: "rollcall".into(),
            access_ttl: Duration::from_secs(900),
        }
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
        Tokens::new(&settings(SECRET, None)).verify(token, NOW)
    }

    #[test]
    fn what_was_issued_is_verified() {
        let token = Tokens::new(&settings(SECRET, None)).issue(&grant(), NOW);
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
        let tokens = Tokens::new(&settings(SECRET, None));
        let token = tokens.issue(&grant(), NOW);
        let after = |seconds| tokens.verify(&token, NOW + time::Duration::seconds(seconds));
        assert!(after(904).is_ok());
        assert_eq!(after(905), Err(TokenError::Expired));
        assert!(after(-5).is_ok());
        assert_eq!(after(-6), Err(TokenError::Invalid));
    }

    #[test]
    fn another_key_is_refused_even_for_an_expired_token() {
        let other = Tokens::new(&settings("another secret, also thirty-two bytes", None));
        let token = other.issue(&grant(), NOW - time::Duration::hours(1));
        assert_eq!(verify(&token), Err(TokenError::Invalid));
        let nameless = signed(&header(), &claims());
        assert_eq!(other.verify(&nameless, NOW), Err(TokenError::Invalid));
    }

    #[test]
    fn the_previous_secret_still_verifies() {
        let token = Tokens::new(&settings(SECRET, None)).issue(&grant(), NOW);
        let changed = Tokens::new(&settings("the new secret of thirty-two bytes", Some(SECRET)));
        assert!(changed.verify(&token, NOW).is_ok());
        assert!(changed.verify(&changed.issue(&grant(), NOW), NOW).is_ok());
        let forgotten = Tokens::new(&settings("the new secret of thirty-two bytes", None));
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
