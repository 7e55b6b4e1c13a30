//! Tokens of every kind against the real verifier: key sets that rotate, hang and fail, and what is no token.

mod forged;
mod key_sets;
mod own_keys;
mod room_grants;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rollcall::auth::{AuthSettings, KeyTimes, Tokens, Verifier, random_signing_key};
use rollcall::config::{ClaimNames, Issuer, IssuerKeys, Signature, Span};
use rollcall::presence::Org;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::net::TcpListener;

/// Keys of these tests and of nothing else.
const EC: &[u8] = include_bytes!("ec.pem");
const RSA: &[u8] = include_bytes!("rsa.pem");

/// A private key with its public half.
pub struct Signer {
    kid: String,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Signer {
    pub fn ed25519(kid: &str) -> Self {
        let pem = random_signing_key();
        let key = EncodingKey::from_ed_pem(pem.expose_secret().as_bytes()).unwrap();
        Self { kid: kid.to_owned(), algorithm: Algorithm::EdDSA, key }
    }

    fn es256(kid: &str) -> Self {
        Self { kid: kid.to_owned(), algorithm: Algorithm::ES256, key: EncodingKey::from_ec_pem(EC).unwrap() }
    }

    fn rs256(kid: &str) -> Self {
        Self {
            kid: kid.to_owned(),
            algorithm: Algorithm::RS256,
            key: EncodingKey::from_rsa_pem(RSA).unwrap(),
        }
    }

    pub fn jwk(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.kid.clone());
        serde_json::to_value(jwk).unwrap()
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(Some("JWT"), claims)
    }

    /// The same of this type.
    pub fn sign_as(&self, typ: Option<&str>, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.typ = typ.map(str::to_owned);
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }
}

/// The claims of a host's token, good for ten minutes.
pub fn claims(issuer: &str, subject: &str) -> Value {
    let now = now();
    json!({"iss": issuer, "aud": "rollcall", "sub": subject, "sid": "s1", "iat": now, "exp": now + 600})
}

pub fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

pub fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

/// What a key server answers.
#[derive(Clone)]
enum Answer {
    Keys(Value),
    Status(u16),
    Text(String),
    Redirect(String),
    Hang,
}

/// A host's server with its keys: a real one, that does as it is told and counts.
#[derive(Clone)]
struct KeyServer {
    url: String,
    answer: Arc<Mutex<Answer>>,
    fetches: Arc<AtomicU32>,
}

impl KeyServer {
    async fn start(keys: &[&Signer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let server = Self { url, answer: Arc::new(Mutex::new(Self::keys(keys))), fetches: Arc::default() };
        let router = Router::new().route("/keys", get(Self::served)).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    fn keys(keys: &[&Signer]) -> Answer {
        Answer::Keys(json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()}))
    }

    async fn served(State(server): State<Self>) -> Response {
        server.fetches.fetch_add(1, Ordering::SeqCst);
        let answer = server.answer.lock().unwrap().clone();
        match answer {
            Answer::Keys(keys) => ([("cache-control", "max-age=0")], keys.to_string()).into_response(),
            Answer::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
            Answer::Text(text) => text.into_response(),
            Answer::Redirect(to) => Redirect::temporary(&to).into_response(),
            Answer::Hang => std::future::pending().await,
        }
    }

    fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    fn fetches(&self) -> u32 {
        self.fetches.load(Ordering::SeqCst)
    }

    fn issuer(&self, name: &str) -> Issuer {
        issuer(name, IssuerKeys::Url(self.url.clone()))
    }
}

/// An issuer `https://<name>` with these keys.
fn issuer(name: &str, keys: IssuerKeys) -> Issuer {
    let shared = matches!(keys, IssuerKeys::Secret(_));
    Issuer {
        name: name.to_owned(),
        issuer: format!("https://{name}"),
        audience: "rollcall".to_owned(),
        keys,
        algorithms: if shared {
            vec![Signature::HS256]
        } else {
            vec![Signature::EdDSA, Signature::ES256, Signature::RS256]
        },
        claims: ClaimNames::default(),
        roles: std::collections::BTreeMap::new(),
        org: Org::default(),
        allow_admin: false,
        leeway: Span::from_secs(30),
        longest_life: Span::from_secs(3_600),
    }
}

/// Times for tests: nothing is read anew by itself unless a test says so.
const HASTE: KeyTimes = KeyTimes {
    usual: Duration::from_secs(600),
    least: Duration::from_secs(600),
    most: Duration::from_secs(600),
    pause: Duration::from_millis(300),
    short_pause: Duration::from_millis(100),
    patience: Duration::from_millis(300),
    longest: Duration::from_secs(600),
};

/// Our own tokens of these tests.
fn own() -> Tokens {
    let settings = AuthSettings {
        secret: Some("a secret of at least thirty-two bytes".into()),
        signing_key: Some(random_signing_key()),
        issuer: "rollcall".into(),
        audience: "rollcall".into(),
        access_ttl: Duration::from_secs(900),
        ..AuthSettings::default()
    };
    Tokens::new(&settings).unwrap()
}

fn verifier(issuers: &[Issuer], times: KeyTimes) -> Verifier {
    Verifier::new(Arc::new(own()), issuers, times).unwrap()
}
