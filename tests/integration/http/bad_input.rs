//! Every endpoint that reads a body, with bodies it must refuse.

use reqwest::{Method, StatusCode};
use rollcall::presence::Role;
use serde_json::{Value, json};

use crate::support::service::{Person, Service};

/// Every path that reads a body.
const PATHS: [&str; 8] = [
    "/api/auth/register/",
    "/api/auth/login/",
    "/api/auth/refresh/",
    "/api/auth/verify/",
    "/api/auth/logout/",
    "/api/auth/logout-all-devices/",
    "/api/users/heartbeat/",
    "/api/presence/query/",
];

/// Bodies of a wrong type or out of bounds, and the pointer to what is wrong.
const WRONG: [(&str, &str, &str); 25] = [
    (PATHS[0], r#"{"username":1}"#, "/username"),
    (PATHS[0], r#"{"username":"ab","password":"long enough"}"#, "/username"),
    (PATHS[0], r#"{"username":"a/b c","password":"long enough"}"#, "/username"),
    (PATHS[0], r#"{"username":"abc","password":"short"}"#, "/password"),
    (PATHS[0], r#"{"username":"abc","email":"nowhere","password":"long enough"}"#, "/email"),
    (PATHS[0], "{}", "/username"),
    (PATHS[1], r#"{"password":[]}"#, "/password"),
    (PATHS[1], "{}", ""),
    (PATHS[2], r#"{"refresh":1}"#, "/refresh"),
    (PATHS[2], "{}", ""),
    (PATHS[3], r#"{"token":{}}"#, "/token"),
    (PATHS[3], "{}", ""),
    (PATHS[4], r#"{"refresh_token":1}"#, "/refresh_token"),
    (PATHS[6], r#"{"activity":"asleep"}"#, "/activity"),
    (PATHS[6], r#"{"idle_ms":-1}"#, "/idle_ms"),
    (PATHS[6], r#"{"idle_ms":"5"}"#, "/idle_ms"),
    (PATHS[6], r#"{"idle_ms":5000000000}"#, "/idle_ms"),
    (PATHS[6], r#"{"hidden":"yes"}"#, "/hidden"),
    (PATHS[6], r#"{"device":"toaster"}"#, "/device"),
    (PATHS[6], r#"{"session":"a.b"}"#, "/session"),
    (PATHS[6], r#"{"connection":""}"#, "/connection"),
    (PATHS[6], r#"{"logout":1}"#, "/logout"),
    (PATHS[7], r#"{"users":"42"}"#, "/users"),
    (PATHS[7], r#"{"users":["1",2]}"#, "/users/1"),
    (PATHS[7], r#"{"users":["a b"]}"#, "/users/0"),
];

/// The same, too long to write down.
fn too_long() -> [(&'static str, String, &'static str); 3] {
    let long = "x".repeat(300);
    [
        (PATHS[1], json!({"username": long, "password": "x"}).to_string(), "/username"),
        (PATHS[1], json!({"username": "x", "password": long}).to_string(), "/password"),
        (PATHS[6], json!({ "session": long }).to_string(), "/session"),
    ]
}

/// Sends a raw body; the status and the problem.
async fn send(
    service: &Service,
    token: &str,
    path: &str,
    body: impl Into<reqwest::Body>,
) -> (StatusCode, Value) {
    crate::support::service::answer(service.request(Method::POST, path).bearer_auth(token).body(body)).await
}

#[tokio::test]
async fn what_is_no_json_object_is_refused() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    let large = format!(r#"{{"x":"{}"}}"#, "x".repeat(70_000));
    for path in PATHS {
        for body in ["{", "[]", "null", "1", "{}{}", "{} x", "\"x\"", "a=b", "\u{feff}{}"] {
            let (status, problem) = send(&service, &ada.token, path, body).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {body}: {problem}");
            assert_eq!(problem["code"], "invalid_value", "{path} {body}: {problem}");
        }
        let (status, _) = send(&service, &ada.token, path, vec![b'{', 0xff, b'}']).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        let (status, problem) = send(&service, &ada.token, path, large.clone()).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::PAYLOAD_TOO_LARGE, &json!("too_large")),
            "{path}"
        );
        let (status, problem) = send(&service, &ada.token, path, r#"{"colour":1}"#).await;
        assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("unknown_field")), "{path}");
        assert_eq!(problem["errors"][0]["pointer"], "/colour", "{path}");
        assert!(problem["detail"].as_str().unwrap().contains("colour"), "{path}");
    }
    nothing_changed(&service, &ada).await;
}

#[tokio::test]
async fn wrong_values_are_named() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    let short = WRONG.map(|(path, body, pointer)| (path, body.to_owned(), pointer));
    for (path, body, pointer) in short.into_iter().chain(too_long()) {
        let (status, problem) = send(&service, &ada.token, path, body.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {body}: {problem}");
        assert_eq!(problem["code"], "invalid_value", "{path} {body}: {problem}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{path} {body}: {problem}");
    }
    nothing_changed(&service, &ada).await;
}

#[tokio::test]
async fn bad_path_parameters_are_refused() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    let bad = [
        "/api/users/admin/users/x/",
        "/api/users/admin/users/99999999999999999999/online-status/",
        "/api/presence/users/a%20b/",
        "/api/presence/users/%ff/",
    ];
    for path in bad {
        let (status, problem) = service.get(&eve.token, path).await;
        assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("invalid_value")), "{path}");
    }
}

#[tokio::test]
async fn wrong_methods_are_told_the_right_ones() {
    let service = Service::start().await;
    for path in PATHS {
        let response = service.request(Method::DELETE, path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert!(response.headers()["allow"].to_str().unwrap().contains("POST"), "{path}");
        assert_eq!(response.json::<Value>().await.unwrap()["code"], "method_not_allowed", "{path}");
    }
}

/// No account was made, and the login of the one there was has not ended.
async fn nothing_changed(service: &Service, person: &Person) {
    assert_eq!(service.app.accounts.all().await.unwrap().len(), 1);
    let (status, answer) = service.get(&person.token, "/api/auth/me/").await;
    assert_eq!((status, &answer["username"]), (StatusCode::OK, &json!(person.name)));
}
