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
async fn pages_of_allowed_origins_may_read_everything() {
    let server = start().await;
    for path in ["/api/read/", "/api/nowhere/", "/api/panic/"] {
        let request = server.request(Method::POST, path).header("origin", ORIGIN);
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["access-control-allow-origin"], ORIGIN, "{path}");
        let request = server.request(Method::POST, path).header("origin", "http://localhost:5174");
        let response = request.send().await.unwrap();
        assert!(!response.headers().contains_key("access-control-allow-origin"), "{path}");
    }
    let preflight = server
        .request(Method::OPTIONS, "/api/read")
        .header("origin", ORIGIN)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type");
    let response = preflight.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers();
    assert_eq!(headers["access-control-allow-credentials"], "true");
    assert_eq!(headers["access-control-max-age"], "86400");
    assert!(headers["access-control-allow-methods"].to_str().unwrap().contains("DELETE"));
    assert!(headers["access-control-allow-headers"].to_str().unwrap().contains("authorization"));
}
