//! A host's token made here, where its issuer shares a secret with us: for trying things, in place of the host.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::token::{install_provider, sign};
use crate::config::{Issuer, IssuerKeys};
use crate::presence::{Org, Role};

/// Whom a token of a host is to name.
#[derive(Clone, Debug)]
pub struct HostGrant {
    /// The host's own name of its user.
    pub subject: String,
    /// The organisation; that of the issuer if absent.
    pub org: Option<Org>,
    /// What the user may do.
    pub role: Role,
    /// The host's name of the login.
    pub login: String,
}

/// A token as this issuer would sign it; `None` if it shares no secret with us.
#[must_use]
pub fn sample_token(
    issuer: &Issuer,
    grant: &HostGrant,
    now: OffsetDateTime,
    life: Duration,
) -> Option<String> {
    let IssuerKeys::Secret(secret) = &issuer.keys else {
        return None;
    };
    install_provider();
    let now = now.unix_timestamp();
    let ends = now.saturating_add(i64::try_from(life.as_secs()).unwrap_or(i64::MAX));
    let mut claims = Map::new();
    for (name, value) in [
        ("iss", json!(issuer.issuer)),
        ("aud", json!(issuer.audience)),
        ("iat", json!(now)),
        ("exp", json!(ends)),
    ] {
        claims.insert(name.to_owned(), value);
    }
    let word = issuer.roles.iter().find(|(_, role)| **role == grant.role);
    let word = word.map_or(grant.role.as_str(), |(word, _)| word.as_str());
    put(&mut claims, &issuer.claims.user, json!(grant.subject));
    put(&mut claims, &issuer.claims.role, json!(word));
    put(&mut claims, &issuer.claims.login, json!(grant.login));
    if let Some(org) = &grant.org {
        put(&mut claims, &issuer.claims.org, json!(org));
    }
    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    Some(sign(&Header::new(Algorithm::HS256), &claims, &key))
}

/// Puts a value where a name or a JSON pointer says.
fn put(claims: &mut Map<String, Value>, name: &str, value: Value) {
    let Some(pointer) = name.strip_prefix('/') else {
        claims.insert(name.to_owned(), value);
        return;
    };
    let (first, rest) = pointer.split_once('/').unwrap_or((pointer, ""));
    let first = first.replace("~1", "/").replace("~0", "~");
    if rest.is_empty() {
        claims.insert(first, value);
    } else if let Value::Object(inner) = claims.entry(first).or_insert_with(|| json!({})) {
        put(inner, &format!("/{rest}"), value);
    }
}
