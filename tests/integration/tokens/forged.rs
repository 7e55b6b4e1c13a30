//! What is no token of anybody: random bytes, good tokens changed by a byte, keys taken for secrets, wrong times and
//! audiences. None may be believed, and none may bring the verifier down.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use proptest::prelude::*;
use rollcall::auth::{Claims, Grant, TokenError, Verifier};
use rollcall::config::IssuerKeys;
use rollcall::presence::{LoginId, Org, Role, UserId};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::{HASTE, Signer, claims, issuer, now, own, with};

const SECRET: &str = "a shared secret of thirty-two bytes or more";
const CLUB: &str = "https://club";
const SHOP: &str = "https://shop";

/// A verifier of our own tokens (both kinds), of a host with public keys and of one with a shared secret; and good tokens
/// of each.
struct Fixture {
    verifier: Verifier,
    shop: Signer,
    good: Vec<String>,
    _dir: tempfile::TempDir,
}

fn fixture() -> Fixture {
    let shop = Signer::ed25519("a");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys.json");
    let keys = [shop.jwk(), Signer::es256("b").jwk(), Signer::rs256("c").jwk()];
    std::fs::write(&path, json!({"keys": keys}).to_string()).unwrap();
    let hosts = [issuer("shop", IssuerKeys::File(path)), issuer("club", IssuerKeys::Secret(SECRET.into()))];
    let own = std::sync::Arc::new(own());
    let grant = Grant {
        user: UserId::parse("42").unwrap(),
        org: Org::default(),
        login: LoginId::parse("login").unwrap(),
        token_version: 1,
        role: Role::User,
    };
    let good = vec![
        own.issue(&grant, OffsetDateTime::now_utc()),
        shop.sign(&claims(SHOP, "1")),
        Signer::es256("b").sign(&claims(SHOP, "1")),
        Signer::rs256("c").sign(&claims(SHOP, "1")),
        by_secret(&json!({"alg": "HS256", "typ": "JWT"}), &claims(CLUB, "1"), SECRET.as_bytes()),
    ];
    Fixture { verifier: Verifier::new(own, &hosts, HASTE).unwrap(), shop, good, _dir: dir }
}

impl Fixture {
    async fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        self.verifier.verify(token, OffsetDateTime::now_utc()).await
    }

    async fn shop(&self, claims: &Value) -> Result<Claims, TokenError> {
        self.verify(&self.shop.sign(claims)).await
    }
}

fn by_secret(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let key = EncodingKey::from_secret(secret);
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_no_token_is_refused(text in "\\PC{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        block_on(async {
            let f = fixture();
            let encoded = URL_SAFE_NO_PAD.encode(&bytes);
            let parts: Vec<&str> = f.good[1].split('.').collect();
            for token in [
                text.clone(),
                String::from_utf8_lossy(&bytes).into_owned(),
                format!("{encoded}.{encoded}.{encoded}"),
                format!("{}.{encoded}.{}", parts[0], parts[2]),
                format!("{}.{}.{encoded}", parts[0], parts[1]),
                format!("{encoded}.{}.{}", parts[1], parts[2]),
            ] {
                assert_eq!(f.verify(&token).await, Err(TokenError::Invalid), "{token}");
            }
        });
    }

    #[test]
    fn a_token_changed_by_a_byte_is_another(at in any::<prop::sample::Index>(), byte in any::<u8>(), known in any::<bool>()) {
        block_on(async {
            let f = fixture();
            for good in &f.good {
                if known {
                    assert!(f.verify(good).await.is_ok());
                }
                let mut bytes = good.clone().into_bytes();
                let at = at.index(bytes.len());
                bytes[at] = byte;
                let changed = String::from_utf8_lossy(&bytes).into_owned();
                if changed != *good {
                    assert_eq!(f.verify(&changed).await, Err(TokenError::Invalid), "{changed}");
                }
                assert_eq!(f.verify(&good[..at]).await, Err(TokenError::Invalid));
                assert!(f.verify(good).await.is_ok(), "and the good one stays good");
            }
        });
    }
}

#[tokio::test]
async fn a_public_key_is_no_secret() {
    let f = fixture();
    let jwk = f.shop.jwk();
    let x = jwk["x"].as_str().unwrap();
    let secrets = [
        URL_SAFE_NO_PAD.decode(x).unwrap(),
        x.as_bytes().to_vec(),
        jwk.to_string().into_bytes(),
        super::RSA.to_vec(),
        Vec::new(),
    ];
    for secret in &secrets {
        for kid in ["a", "b", "c", "unknown"] {
            for (iss, typ) in [(SHOP, "JWT"), ("rollcall", "at+jwt"), (CLUB, "JWT")] {
                let header = json!({"alg": "HS256", "typ": typ, "kid": kid});
                let token = by_secret(&header, &claims(iss, "1"), secret);
                assert_eq!(f.verify(&token).await, Err(TokenError::Invalid), "{iss} {kid}");
            }
        }
    }
}

#[tokio::test]
async fn only_plain_headers_of_allowed_algorithms_pass() {
    let f = fixture();
    let good = json!({"alg": "HS256", "typ": "JWT"});
    assert!(f.verify(&by_secret(&good, &claims(CLUB, "1"), SECRET.as_bytes())).await.is_ok());
    for (name, value) in [
        ("alg", json!("none")),
        ("alg", json!("None")),
        ("alg", json!("HS384")),
        ("alg", json!("EdDSA")),
        ("typ", json!("logout+jwt")),
        ("typ", json!("dpop+jwt")),
        ("cty", json!("JWT")),
        ("zip", json!("DEF")),
        ("enc", json!("A128GCM")),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
    ] {
        let token =
            by_secret(&with(good.clone(), name, value.clone()), &claims(CLUB, "1"), SECRET.as_bytes());
        assert_eq!(f.verify(&token).await, Err(TokenError::Invalid), "{name} {value}");
    }
    let unsigned = by_secret(&with(good, "alg", json!("none")), &claims(CLUB, "1"), b"");
    let (message, _) = unsigned.rsplit_once('.').unwrap();
    for token in [format!("{message}."), message.to_owned(), format!("{message}.e30")] {
        assert_eq!(f.verify(&token).await, Err(TokenError::Invalid));
    }
    let nested = format!("{}.{}", f.good[1], "a.b");
    assert_eq!(f.verify(&nested).await, Err(TokenError::Invalid));
}

#[tokio::test]
async fn claims_of_another_time_audience_or_form_are_refused() {
    let f = fixture();
    let mine = || claims(SHOP, "1");
    let now = now();
    for good in [
        mine(),
        with(mine(), "aud", json!(["other", "rollcall"])),
        with(mine(), "nbf", json!(now)),
        with(mine(), "nbf", json!(now + 20)),
        with(mine(), "exp", json!(now as f64 + 0.5)),
        with(mine(), "iat", json!(now + 20)),
    ] {
        assert!(f.shop(&good).await.is_ok(), "{good}");
    }
    for bad in [
        with(mine(), "aud", json!("other")),
        with(mine(), "aud", json!([])),
        with(mine(), "aud", json!(7)),
        with(mine(), "aud", json!(null)),
        with(mine(), "nbf", json!(now + 100)),
        with(mine(), "nbf", json!("soon")),
        with(mine(), "iat", json!(now + 100)),
        with(mine(), "iat", json!(null)),
        with(mine(), "exp", json!("never")),
        with(mine(), "exp", json!(now + 5_000)),
        with(mine(), "exp", json!(i64::MAX)),
        with(mine(), "exp", json!(1e300)),
        with(mine(), "sub", json!("")),
        with(mine(), "sub", json!({"id": 1})),
        with(mine(), "org", json!("two words")),
        with(mine(), "more", json!("x".repeat(8 * 1024))),
    ] {
        let text: String = bad.to_string().chars().take(200).collect();
        assert_eq!(f.shop(&bad).await, Err(TokenError::Invalid), "{text}");
    }
    for name in ["iss", "aud", "sub", "iat", "exp"] {
        let mut less = mine();
        less.as_object_mut().unwrap().remove(name);
        assert_eq!(f.shop(&less).await, Err(TokenError::Invalid), "without {name}");
    }
    let over = with(with(mine(), "iat", json!(now - 600)), "exp", json!(now - 31));
    assert_eq!(f.shop(&over).await, Err(TokenError::Expired));
}

#[tokio::test]
async fn a_token_that_is_remembered_ends_when_it_ends() {
    let f = fixture();
    let start = OffsetDateTime::now_utc();
    for (token, life) in [(&f.good[0], 905), (&f.good[1], 630)] {
        assert!(f.verifier.verify(token, start).await.is_ok());
        let at = |seconds: i64| f.verifier.verify(token, start + Duration::seconds(seconds));
        assert!(at(life - 2).await.is_ok());
        assert_eq!(at(life + 1).await, Err(TokenError::Expired));
    }
}
