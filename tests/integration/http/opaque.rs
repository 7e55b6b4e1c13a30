//! What clients hand back as they got it: cursors and refresh tokens. Whatever comes instead, made up or changed, is
//! answered in order: never a defect, and a token never accepted.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use reqwest::{Method, StatusCode};
use rollcall::presence::Role;
use serde_json::{Value, json};

use super::copy;
use crate::support::service::Service;

/// Every list that is read by cursors.
const LISTS: [&str; 6] = [
    "/api/presence/transitions/?limit=1",
    "/api/presence/at/?limit=1&time=2026-01-01T00:00:00Z",
    "/api/presence/users/42/timeline/?limit=1",
    "/api/admin/audit-logs/?limit=1",
    "/api/admin/blocked-addresses/?limit=1&state=all",
    "/api/users/admin/users/?per_page=1",
];
/// How many of each kind are tried.
const TRIES: usize = 40;

/// Examples of a strategy, the same in each run.
fn examples<S: Strategy>(strategy: &S) -> Vec<S::Value> {
    let mut runner = TestRunner::deterministic();
    (0..TRIES).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// A number of any size, above all the extreme ones.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(i64::MIN.to_string()),
        Just(i64::MAX.to_string()),
        Just("-377705116800000000".to_owned()),
        Just("253402300799999999".to_owned()),
        Just("170141183460469231731687303715884105727".to_owned()),
        Just("-62135596800001".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        (-3_i64..70).prop_map(|number| number.to_string()),
    ]
}

/// What has the form of a cursor, and numbers that none has.
fn formed() -> impl Strategy<Value = String> {
    let words = prop_oneof![
        (number(), number(), number(), number()).prop_map(|(a, b, c, d)| format!("{a} {b} {c} {d}")),
        number().prop_map(|micros| format!("{micros} 01a1fcee-888b-77e8-a2cd-d9e53608b642")),
        (number(), number(), "\\PC{0,12}").prop_map(|(micros, id, name)| format!("n {micros} {id} {name}")),
        (number(), number()).prop_map(|(micros, id)| format!("u {micros} {id} a\0b")),
    ];
    prop_oneof![words.prop_map(|words| URL_SAFE_NO_PAD.encode(words)), number()]
}

/// The same text with one byte changed, added or left out.
fn changed(text: &str) -> impl Strategy<Value = String> + use<> {
    let text = text.as_bytes().to_vec();
    (any::<prop::sample::Index>(), 0x20_u8..0x7f, 0..3).prop_map(move |(at, byte, kind)| {
        let mut bytes = text.clone();
        let at = at.index(bytes.len());
        match kind {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            _ => drop(bytes.remove(at)),
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

#[tokio::test]
async fn whatever_comes_for_a_cursor_is_no_defect() {
    let service = Service::with(&["--limits-requests", "none"]).await;
    let eve = service.person("eve", Role::Admin).await;
    for user in ["41", "42", "43"] {
        let token = service.token(user, "tab");
        service.beat(&token, json!({})).await;
        service.post(&token, "/api/auth/logout/", json!({})).await;
    }
    copy(&service).await;
    let junk = prop_oneof!["\\PC{1,40}", "[A-Za-z0-9_-]{1,60}"];
    let made_up: Vec<String> = examples(&junk).into_iter().chain(examples(&formed())).collect();
    for list in LISTS {
        let (status, page) = service.get(&eve.token, list).await;
        assert_eq!(status, StatusCode::OK, "{list} {page}");
        let good = page["next_cursor"].as_str().map(str::to_owned);
        let mut tried = made_up.clone();
        tried.extend(good.iter().flat_map(|good| examples(&changed(good))));
        for cursor in tried {
            let path = format!("{list}&cursor={}", utf8_percent_encode(&cursor, NON_ALPHANUMERIC));
            let (status, answer) = service.get(&eve.token, &path).await;
            match status {
                StatusCode::OK => assert!(answer["results"].is_array(), "{path} {answer}"),
                StatusCode::BAD_REQUEST => {
                    assert_eq!(answer["errors"][0]["pointer"], "cursor", "{cursor:?} {path} {answer}");
                }
                other => panic!("{cursor:?} {path}: {other} {answer}"),
            }
        }
    }
}

#[tokio::test]
async fn whatever_comes_for_a_refresh_token_is_refused() {
    let service = Service::with(&["--limits-requests", "none"]).await;
    service.person("ada", Role::User).await;
    let login = service.log_in("ada").await;
    let good = login["tokens"]["refresh"].as_str().unwrap();
    let renew = async |token: &str| -> (StatusCode, Value) {
        service.send(Method::POST, "/api/auth/refresh/", json!({ "refresh": token })).await
    };
    let junk = prop_oneof!["\\PC{0,80}", "rt_[A-Za-z0-9_-]{43}", "\\x00{1,3}", "[a-z]{9000}"];
    let mut tried = examples(&junk);
    tried.extend(examples(&changed(good)));
    tried.push(login["tokens"]["access"].as_str().unwrap().to_owned());
    tried.push(format!("{good} "));
    for token in tried.iter().filter(|token| *token != good) {
        let (status, problem) = renew(token).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::UNAUTHORIZED, &json!("token_invalid")),
            "{token:?}"
        );
    }
    assert_eq!(renew(good).await.0, StatusCode::OK, "and the good one stays good");
}
