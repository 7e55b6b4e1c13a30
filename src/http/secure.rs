//! The headers that tell browsers to be careful, on every answer, also on errors. A handler that sets one of them
//! itself is left alone.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::config::Cidrs;

/// The header in which proxies say by which scheme they were called.
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// Everything here is data, for nobody but who asked: no browser should guess its type, frame it, load anything for
/// it, tell others where it came from, keep it, or give it to a page of another site that embeds it.
const ALWAYS: [(HeaderName, HeaderValue); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// One year of HTTPS only. Without the domains below: they are the operator's business.
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Middleware: sets the headers.
pub(super) async fn secure(State(trusted): State<Cidrs>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
    let by_https = peer.is_some_and(|peer| trusted.contains(peer.ip())) && says_https(request.headers());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(value);
    }
    if by_https {
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(HTTPS_ONLY);
    }
    response
}

/// Whether the nearest proxy, which writes last, was called by HTTPS.
fn says_https(headers: &HeaderMap) -> bool {
    let last = headers.get_all(FORWARDED_PROTO).iter().next_back();
    let said = last.and_then(|line| line.to_str().ok()).and_then(|line| line.rsplit(',').next());
    said.is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"))
}
