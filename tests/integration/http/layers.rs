//! What happens around every request: ids, headers, CORS, and one shape for every error.

use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use rollcall::http::extract::Body;
use rollcall::http::middleware::{RequestRules, layered};
use rollcall::http::{ApiError, Limits, not_allowed, not_found, serve_router};
use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const LIMITS: Limits = Limits {
    max_connections: 100,
    header_timeout: Duration::from_secs(5),
    idle_timeout: Duration::from_secs(5),
    drain: Duration::from_secs(5),
};
const ORIGIN: &str = "http://localhost:5173";

struct Running {
    base: String,
    client: Client,
    shutdown: CancellationToken,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Running {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }
}

async fn panics() -> StatusCode {
    panic!("the secret cause")
}

async fn start() -> Running {
    start_behind("").await
}

/// The same with these trusted proxies.
async fn start_behind(proxies: &str) -> Running {
    let read = |Body(map): Body<Map<String, Value>>| async move { axum::Json(map) };
    let router = Router::new()
        .route("/api/read/", post(read))
        .route("/api/panic/", get(panics))
        .route("/api/defect/", get(|| async { Err::<(), _>(ApiError::internal("the secret cause")) }))
        .route("/api/slow/", get(std::future::pending::<()>))
        .route("/api/busy/", get(|| async { Err::<(), _>(ApiError::Overloaded) }))
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed);
    let rules = RequestRules {
        cors_origins: vec![ORIGIN.to_owned()],
        body_limit: 64,
        timeout: Duration::from_millis(200),
        trusted_proxies: proxies.parse().unwrap(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let shutdown = CancellationToken::new();
    tokio::spawn(serve_router(listener, layered(router, &rules), LIMITS, shutdown.clone()));
    Running { base, client: Client::new(), shutdown }
}

/// The problem document of an answer, after checking what all of them share.
async fn problem(response: Response) -> Value {
    let status = response.status();
    let headers = response.headers().clone();
    assert_eq!(headers["content-type"], "application/problem+json");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status.as_u16());
    assert_eq!(problem["error"], problem["detail"]);
    assert_eq!(problem["request_id"], headers["x-request-id"].to_str().unwrap());
    assert_eq!(problem["type"], format!("urn:rollcall:problem:{}", problem["code"].as_str().unwrap()));
    problem
}

#[tokio::test]
async fn every_error_is_a_problem() {
    let server = start().await;
    let cases = [
        (Method::GET, "/nowhere", 404, "not_found"),
        (Method::GET, "/api/nowhere/", 404, "not_found"),
        (Method::GET, "/api/read/", 405, "method_not_allowed"),
        (Method::POST, "/api/read/", 400, "invalid_value"),
        (Method::GET, "/api/panic/", 500, "internal"),
        (Method::GET, "/api/defect/", 500, "internal"),
        (Method::GET, "/api/slow/", 503, "overloaded"),
        (Method::GET, "/api/busy/", 503, "overloaded"),
    ];
    for (method, path, status, code) in cases {
        let response = server.request(method, path).body("[]").send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(response.headers().contains_key("retry-after"), status == 503, "{path}");
        let problem = problem(response).await;
        assert_eq!(problem["code"], code, "{path}");
        assert!(!problem.to_string().contains("secret"), "{path} tells its cause");
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let server = start().await;
    let response = server.request(Method::GET, "/api/read/").send().await.unwrap();
    assert_eq!(response.headers()["allow"], "POST");
}

#[tokio::test]
async fn bodies_are_limited() {
    let server = start().await;
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(100));
    let response = server.request(Method::POST, "/api/read/").body(large.clone()).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(problem(response).await["code"], "too_large");
    // The same without a length known in advance.
    let response = server
        .request(Method::POST, "/api/read/")
        .header("transfer-encoding", "chunked")
        .body(large)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn the_last_slash_does_not_matter() {
    let server = start().await;
    for path in ["/api/read", "/api/read/", "/api/read?x=1"] {
        let response = server.request(Method::POST, path).body(r#"{"a":1}"#).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), r#"{"a":1}"#, "{path}");
    }
}

#[tokio::test]
async fn request_ids_are_kept_or_made() {
    let server = start().await;
    let answered = async |sent: &str| {
        let request = server.request(Method::POST, "/api/read/").header("x-request-id", sent);
        request.send().await.unwrap().headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(answered("mine-1").await, "mine-1");
    assert_ne!(answered("not an id").await, "not an id");
}

#[tokio::test]
async fn every_answer_tells_browsers_to_be_careful() {
    let server = start().await;
    let cases = [
        (Method::POST, "/api/read/"),
        (Method::GET, "/api/nowhere/"),
        (Method::GET, "/api/read/"),
        (Method::GET, "/api/panic/"),
        (Method::GET, "/api/slow/"),
        (Method::OPTIONS, "/api/read/"),
    ];
    for (method, path) in cases {
        let response = server.request(method.clone(), path).send().await.unwrap();
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("cache-control", "no-store"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            let found = response.headers().get(name).and_then(|value| value.to_str().ok());
            assert_eq!(found, Some(value), "{method} {path} {name}");
        }
        assert!(!response.headers().contains_key("strict-transport-security"), "{method} {path}");
    }
}

#[tokio::test]
async fn https_is_demanded_only_where_a_trusted_proxy_says_that_it_is_spoken() {
    let demanded = async |server: &Running, schemes: &[&str]| {
        let request = server.request(Method::GET, "/api/nowhere/");
        let request =
            schemes.iter().fold(request, |request, scheme| request.header("x-forwarded-proto", *scheme));
        let response = request.send().await.unwrap();
        response.headers().get("strict-transport-security").map(|value| value.to_str().unwrap().to_owned())
    };
    let year = Some("max-age=31536000".to_owned());
    let behind = start_behind("127.0.0.0/8").await;
    assert_eq!(demanded(&behind, &["https"]).await, year);
    assert_eq!(demanded(&behind, &["http, HTTPS"]).await, year);
    assert_eq!(demanded(&behind, &["http", "https"]).await, year);
    assert_eq!(demanded(&behind, &["https, http"]).await, None, "the client's word, not the proxy's");
    assert_eq!(demanded(&behind, &[]).await, None);
    assert_eq!(demanded(&start_behind("10.0.0.0/8").await, &["https"]).await, None, "no trusted proxy");
}

#[tokio::test]
async fn pages_of_allowed_origins_may_read_everything() {
    let server = start().await;
    for path in ["/api/read/", "/api/nowhere/", "/api/panic/", "/api/slow/"] {
        let request = server.request(Method::POST, path).header("origin", ORIGIN);
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["access-control-allow-origin"], ORIGIN, "{path}");
        let exposed = response.headers()["access-control-expose-headers"].to_str().unwrap();
        assert!(exposed.contains("retry-after") && exposed.contains("x-request-id"), "{path}: {exposed}");
    }
}

#[tokio::test]
async fn other_origins_are_told_nothing_and_no_cache_mixes_them_up() {
    let server = start().await;
    let others = [
        "http://localhost:5174",
        "https://localhost:5173",
        "http://localhost:5173.evil.example",
        "http://evil.localhost:5173",
        "null",
        "*",
    ];
    for origin in others {
        for method in [Method::POST, Method::GET, Method::OPTIONS] {
            let request = server.request(method.clone(), "/api/read/").header("origin", origin);
            let request = request.header("access-control-request-method", "POST");
            let response = request.send().await.unwrap();
            assert!(!response.headers().contains_key("access-control-allow-origin"), "{method} {origin}");
            let vary = response.headers()["vary"].to_str().unwrap().to_ascii_lowercase();
            assert!(vary.contains("origin"), "{method} {origin}: {vary}");
        }
    }
}

#[tokio::test]
async fn a_preflight_names_what_existing_clients_send() {
    let server = start().await;
    let preflight = server
        .request(Method::OPTIONS, "/api/read")
        .header("origin", ORIGIN)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type");
    let response = preflight.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers();
    assert!(!headers.contains_key("access-control-allow-credentials"), "tokens travel in a header");
    assert_eq!(headers["access-control-max-age"], "86400");
    assert!(headers["access-control-allow-methods"].to_str().unwrap().contains("DELETE"));
    assert!(headers["access-control-allow-headers"].to_str().unwrap().contains("authorization"));
}
