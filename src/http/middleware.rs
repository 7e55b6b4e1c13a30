//! What happens around every request, in one order, written in one place: [`layered`].

use std::any::Any;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::timeout::TimeoutLayer;
use tracing::Instrument;
use tracing::field::Empty;

use super::error::ApiError;
use super::problem::write_problems;
use super::request_id::{self, RequestId};
use super::secure::secure;
use super::{limits, measured, router};
use crate::config::Cidrs;
use crate::metrics::record;
use crate::telemetry;

/// How long a browser may remember a preflight's answer.
const PREFLIGHT_AGE: Duration = Duration::from_hours(24);

/// The bounds of a request.
#[derive(Clone, Debug)]
pub struct RequestRules {
    /// Exact origins whose pages may call the API.
    pub cors_origins: Vec<String>,
    /// The largest body accepted, in bytes.
    pub body_limit: usize,
    /// How long a request may take, its body included.
    pub timeout: Duration,
    /// Proxies whose word is believed that a request came by HTTPS.
    pub trusted_proxies: Cidrs,
}

/// Puts the layers around `router`, outermost first:
///
/// 1. observe: request id, span, access log, metrics by matched route - sees everything, also preflights and panics;
/// 2. security headers - on every answer, also on errors;
/// 3. CORS - answers preflights; tokens travel in a header, so no cookie needs to; outside the errors, or a page could not read them;
/// 4. problems - turns every error, whoever made it, into `application/problem+json`;
/// 5. panics become a 500;
/// 6. a request that takes too long becomes a 503;
/// 7. the limit on bodies, applied by the extractor that reads one.
///
/// Routing has happened already, so that the matched path is known; the last `/` of a path was added before it.
pub fn layered<S: Clone + Send + Sync + 'static>(router: Router<S>, rules: &RequestRules) -> Router<S> {
    router.layer(
        ServiceBuilder::new()
            .layer(from_fn(observe))
            .layer(from_fn_with_state(rules.trusted_proxies.clone(), secure))
            .layer(cors(&rules.cors_origins))
            .layer(from_fn(write_problems))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, rules.timeout))
            .layer(DefaultBodyLimit::max(rules.body_limit)),
    )
}

/// Names the request, logs it once and counts it. Never logs headers, bodies or query strings: they carry secrets.
async fn observe(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = RequestId::of(request.headers());
    let method = measured::method(request.method());
    let route = measured::route(request.extensions().get::<MatchedPath>().map(MatchedPath::as_str));
    let span = if route == router::HEARTBEAT_PATH {
        tracing::info_span!(telemetry::HEARTBEAT, %id, method, route, status = Empty)
    } else {
        tracing::info_span!("request", %id, method, route, status = Empty)
    };
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).instrument(span.clone()).await;
    let took = started.elapsed();
    record::request(route, method, measured::status(response.status()), took);
    span.record("status", response.status().as_u16());
    span.in_scope(|| tracing::debug!(?took, "answered"));
    response.headers_mut().insert(request_id::HEADER, id.header());
    response
}

fn cors(origins: &[String]) -> CorsLayer {
    let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([
            Method::DELETE,
            Method::GET,
            Method::OPTIONS,
            Method::PATCH,
            Method::POST,
            Method::PUT,
        ])
        .allow_headers([
            header::ACCEPT,
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::USER_AGENT,
            HeaderName::from_static("x-csrftoken"),
            HeaderName::from_static("x-requested-with"),
            request_id::HEADER,
        ])
        .expose_headers([
            header::CONTENT_TYPE,
            header::RETRY_AFTER,
            limits::LEFT,
            limits::POLICY,
            request_id::HEADER,
        ])
        .max_age(PREFLIGHT_AGE)
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is the layer's")]
fn panicked(cause: Box<dyn Any + Send>) -> Response {
    let text = cause.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| cause.downcast_ref::<String>().cloned()).unwrap_or_default();
    ApiError::internal(format_args!("a handler panicked: {text}")).into_response()
}
