//! Every endpoint that asks who is calling, with tokens that say nothing of it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header, encode};
use reqwest::{Method, StatusCode};
use rollcall::presence::Role;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::support::service::{SECRET, Service};

/// Every path that needs a token.
const PATHS: [(Method, &str); 17] = [
    (Method::POST, "/api/auth/logout/"),
    (Method::POST, "/api/auth/logout-all-devices/"),
    (Method::GET, "/api/auth/me/"),
    (Method::GET, "/api/auth/profile/"),
    (Method::GET, "/api/users/profile/"),
    (Method::POST, "/api/users/heartbeat/"),
    (Method::GET, "/api/users/heartbeat/"),
    (Method::GET, "/api/users/all-users/"),
    (Method::GET, "/api/users/admin/users/"),
    (Method::GET, "/api/users/admin/users/online/"),
    (Method::GET, "/api/users/admin/users/1/"),
    (Method::GET, "/api/users/admin/users/1/online-status/"),
    (Method::GET, "/api/presence/stats/"),
    (Method::POST, "/api/presence/query/"),
    (Method::GET, "/api/presence/users/1/"),
    (Method::GET, "/api/presence/transitions/"),
    (Method::GET, "/bench/token/"),
];

fn claims(subject: i64) -> Value {
    let now = OffsetDateTime::now_utc().unix_timestamp();
    json!({
        "iss": "rollcall", "aud": "rollcall", "sub": subject.to_string(), "sid": "login", "tv": 0, "org": "main",
        "role": "admin", "iat": now, "exp": now + 600, "jti": "j"
    })
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

fn signed(header: &Value, claims: &Value, secret: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let key = EncodingKey::from_secret(secret.as_bytes());
    let signature =
        jsonwebtoken::crypto::sign(message.as_bytes(), &key, jsonwebtoken::Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

/// Tokens that must be refused, with the code that says so.
fn bad_tokens(subject: i64) -> Vec<(&'static str, String, &'static str)> {
    let good = json!({"alg": "HS256", "typ": "at+jwt"});
    let mine = claims(subject);
    let long_ago = OffsetDateTime::now_utc().unix_timestamp() - 600;
    let unsigned = {
        let token = signed(&json!({"alg": "none", "typ": "at+jwt"}), &mine, SECRET);
        token[..=token.rfind('.').unwrap()].to_owned()
    };
    let mut nobody = mine.clone();
    nobody.as_object_mut().unwrap().remove("sid");
    let invalid = "token_invalid";
    vec![
        ("expired", signed(&good, &with(mine.clone(), "exp", json!(long_ago)), SECRET), "token_expired"),
        ("another key", signed(&good, &mine, "another key, but just as long as the true one"), invalid),
        ("no signature", unsigned, invalid),
        ("another audience", signed(&good, &with(mine.clone(), "aud", json!("other")), SECRET), invalid),
        ("another issuer", signed(&good, &with(mine.clone(), "iss", json!("other")), SECRET), invalid),
        (
            "an extension",
            signed(&json!({"alg": "HS256", "typ": "at+jwt", "crit": ["b64"]}), &mine, SECRET),
            invalid,
        ),
        ("another type", signed(&json!({"alg": "HS256", "typ": "JWT"}), &mine, SECRET), invalid),
        ("no login", signed(&good, &nobody, SECRET), invalid),
        ("not a token", "x".to_owned(), invalid),
        ("too long", "x".repeat(10_000), invalid),
    ]
}

#[tokio::test]
async fn a_token_made_here_is_good_when_it_says_the_right_things() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::Admin).await;
    let header = Header { typ: Some("at+jwt".to_owned()), ..Header::default() };
    let token = encode(&header, &claims(ada.id), &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
    let (status, answer) = service.get(&token, "/api/auth/me/").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let token = signed(&json!({"alg": "HS256", "typ": "at+jwt"}), &claims(ada.id), SECRET);
    assert_eq!(service.get(&token, "/bench/token/").await.0, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn bad_tokens_are_refused_everywhere_and_change_nothing() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    for (what, token, code) in bad_tokens(ada.id) {
        for (method, path) in PATHS {
            let response = service.request(method, path).bearer_auth(&token).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{what}: {path}");
            let challenge = response.headers()["www-authenticate"].to_str().unwrap();
            assert!(challenge.starts_with("Bearer") && challenge.contains("invalid_token"), "{what}: {path}");
            let problem: Value = response.json().await.unwrap();
            assert_eq!(problem["code"], code, "{what}: {path}");
        }
        let (status, answer) =
            service.send(Method::POST, "/api/auth/verify/", json!({ "token": token })).await;
        assert_eq!((status, &answer["code"]), (StatusCode::UNAUTHORIZED, &json!(code)), "{what}");
    }
    assert_eq!(service.app.store.stats(None).await.unwrap().sessions, 0);
}

#[tokio::test]
async fn a_missing_token_is_asked_for() {
    let service = Service::start().await;
    for (method, path) in PATHS {
        let bare = service.request(method.clone(), path);
        let basic = service.request(method, path).basic_auth("ada", Some("x"));
        for request in [bare, basic] {
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path}");
            assert_eq!(response.headers()["www-authenticate"], "Bearer", "{path}");
            let problem: Value = response.json().await.unwrap();
            assert_eq!(problem["code"], "token_missing", "{path}");
        }
    }
}

#[tokio::test]
async fn the_scheme_may_be_written_in_any_case() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    let request = service
        .request(Method::GET, "/bench/token/")
        .header("authorization", format!("bearer {}", ada.token));
    assert_eq!(request.send().await.unwrap().status(), StatusCode::NO_CONTENT);
}
