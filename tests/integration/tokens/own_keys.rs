//! Our own tokens by an Ed25519 key: published, changed, and beside those that a secret signs.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use rollcall::auth::{AuthSettings, Grant, KeyError, TokenError, Tokens, Verifier, random_signing_key};
use rollcall::presence::{LoginId, Org, Role, UserId};
use secrecy::SecretString;
use serde_json::Value;
use time::OffsetDateTime;

use super::{EC, HASTE};
use crate::support::service::Service;

const SECRET: &str = "a secret of at least thirty-two bytes";

fn settings(
    secret: Option<&str>,
    key: Option<&SecretString>,
    previous: Option<&SecretString>,
) -> AuthSettings {
    AuthSettings {
        secret: secret.map(Into::into),
        signing_key: key.cloned(),
        previous_signing_key: previous.cloned(),
        issuer: "rollcall".into(),
        audience: "rollcall".into(),
        access_ttl: Duration::from_secs(900),
        ..AuthSettings::default()
    }
}

fn tokens(secret: Option<&str>, key: Option<&SecretString>, previous: Option<&SecretString>) -> Tokens {
    Tokens::new(&settings(secret, key, previous)).unwrap()
}

fn issued(tokens: &Tokens) -> String {
    let grant = Grant {
        user: UserId::parse("42").unwrap(),
        org: Org::default(),
        login: LoginId::parse("login").unwrap(),
        token_version: 1,
        role: Role::User,
    };
    tokens.issue(&grant, OffsetDateTime::now_utc())
}

/// Verifies a token as a stranger would: by the published set alone.
fn verified_by(set: &JwkSet, token: &str) -> bool {
    let header = jsonwebtoken::decode_header(token).unwrap();
    let Some(jwk) = header.kid.as_deref().and_then(|kid| set.find(kid)) else { return false };
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&["rollcall"]);
    jsonwebtoken::decode::<Value>(token, &DecodingKey::from_jwk(jwk).unwrap(), &validation).is_ok()
}

#[tokio::test]
async fn a_key_is_changed_without_logging_anybody_out() {
    let (old, new) = (random_signing_key(), random_signing_key());
    let by_secret = issued(&tokens(Some(SECRET), None, None));
    let before = tokens(Some(SECRET), Some(&old), None);
    let by_old = issued(&before);
    let now = OffsetDateTime::now_utc();
    assert!(before.verify(&by_secret, now).is_ok() && before.verify(&by_old, now).is_ok());
    let after = Arc::new(tokens(None, Some(&new), Some(&old)));
    let verifier = Verifier::new(Arc::clone(&after), &[], HASTE).unwrap();
    let by_new = issued(&after);
    for _ in 0..2 {
        assert!(verifier.verify(&by_old, now).await.is_ok() && verifier.verify(&by_new, now).await.is_ok());
        assert_eq!(verifier.verify(&by_secret, now).await, Err(TokenError::Invalid), "the secret is gone");
    }
    let set: JwkSet = serde_json::from_value(after.published()).unwrap();
    assert!(verified_by(&set, &by_old) && verified_by(&set, &by_new));
    let forgotten = tokens(None, Some(&new), None);
    assert_eq!(forgotten.verify(&by_old, now), Err(TokenError::Invalid));
}

#[test]
fn what_is_published_tells_no_secret() {
    let key = random_signing_key();
    let published = tokens(Some(SECRET), Some(&key), None).published();
    let jwk = &published["keys"][0];
    assert_eq!(published["keys"].as_array().unwrap().len(), 1);
    let mut names: Vec<&str> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x"]);
    assert_eq!((&jwk["alg"], &jwk["use"]), (&Value::from("EdDSA"), &Value::from("sig")));
    assert_eq!(tokens(Some(SECRET), None, None).published(), serde_json::json!({"keys": []}));
}

#[test]
fn only_ed25519_signs_and_something_must() {
    let ec = SecretString::from(String::from_utf8(EC.to_vec()).unwrap());
    for bad in [&ec, &"nonsense".into()] {
        assert!(matches!(
            Tokens::new(&settings(Some(SECRET), Some(bad), None)),
            Err(KeyError::NotEd25519(_))
        ));
    }
    assert!(matches!(Tokens::new(&settings(None, None, None)), Err(KeyError::Nothing)));
}

#[tokio::test]
async fn other_services_read_the_keys_and_verify_a_login() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key.pem");
    std::fs::write(&path, secrecy::ExposeSecret::expose_secret(&random_signing_key())).unwrap();
    let service = Service::with(&["--auth-signing-key-file", &path.display().to_string()]).await;
    let response = service.request(reqwest::Method::GET, "/.well-known/jwks.json").send().await.unwrap();
    assert_eq!(response.headers()["cache-control"], "public, max-age=300");
    let set: JwkSet = response.json().await.unwrap();
    service.person("ada", Role::User).await;
    let login = service.log_in("ada").await;
    let access = login["tokens"]["access"].as_str().unwrap();
    assert!(verified_by(&set, access));
    assert_eq!(service.get(access, "/api/auth/me/").await.0, 200);
    assert_eq!(service.post(access, "/api/auth/logout/", serde_json::json!({})).await.0, 200);
    let (_, refused) = service.get(access, "/api/auth/me/").await;
    assert_eq!(refused["code"], "login_ended", "a token that is remembered ends with its login");
}
