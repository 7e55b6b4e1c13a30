//! What browsers are sent: the console, the client's script, and with `dev --demo` the page to play with. All of it is
//! built from `web/` and embedded, so that the binary is all there is to install; a debug build reads it from the disk of
//! where it was built, so that a page can be changed without building the service anew.

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, get};
use rust_embed::{Embed, EmbeddedFile};
use tower_http::compression::CompressionLayer;

use super::error::ApiError;
use crate::app::App;

/// The bundles, by their paths below it.
#[derive(Embed)]
#[folder = "web/dist"]
struct Bundles;

/// Routes of this module, as they are written.
pub(super) const PATHS: [&str; 5] = ["/", "/console", "/console/", "/console/{*path}", "/sdk/{file}"];
/// Those that `dev --demo` adds.
pub(super) const DEMO_PATHS: [&str; 3] = ["/demo", "/demo/", "/demo/assets/{file}"];

/// What a page of ours may load: what comes from here, and nothing else. Neither scripts nor styles stand in a page itself.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
     connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);

/// For how long a browser may use a file without asking.
#[derive(Clone, Copy)]
enum Keep {
    /// It asks each time: the page names the files of this version.
    Ask,
    /// An hour: the client's script, which other sites' pages name by a path that stays.
    Hour,
    /// For ever: the name holds a hash of what is in it.
    Ever,
}

impl Keep {
    const fn header(self) -> HeaderValue {
        match self {
            Self::Ask => HeaderValue::from_static("no-cache"),
            Self::Hour => HeaderValue::from_static("public, max-age=3600, stale-while-revalidate=86400"),
            Self::Ever => HeaderValue::from_static("public, max-age=31536000, immutable"),
        }
    }
}

/// The routes of the console and of the client's script. Whoever opens the service itself finds the console.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(PATHS[0], to("/console/"))
        .route(PATHS[1], to("/console/"))
        .route(PATHS[2], get(|headers: HeaderMap| async move { page("console", &headers) }))
        .route(PATHS[3], get(console))
        .route(PATHS[4], get(sdk))
        .layer(CompressionLayer::new())
}

/// The routes of the page to play with.
pub(super) fn demo_routes() -> Router<App> {
    let asset = |Path(file): Path<String>, headers: HeaderMap| async move {
        file_of(&format!("demo/assets/{file}"), Keep::Ever, &headers)
    };
    Router::new()
        .route(DEMO_PATHS[0], to("/demo/"))
        .route(DEMO_PATHS[1], get(|headers: HeaderMap| async move { page("demo", &headers) }))
        .route(DEMO_PATHS[2], get(asset))
        .layer(CompressionLayer::new())
}

fn to(path: &'static str) -> MethodRouter<App> {
    get(move || async move { Redirect::temporary(path) })
}

/// A file of the console. Whatever else is below it is a place within the console, which its own script finds.
async fn console(Path(path): Path<String>, headers: HeaderMap) -> Response {
    if path.starts_with("assets/") {
        return file_of(&format!("console/{path}"), Keep::Ever, &headers);
    }
    let file = format!("console/{path}");
    if path != "index.html" && Bundles::get(&file).is_some() {
        file_of(&file, Keep::Ask, &headers)
    } else {
        page("console", &headers)
    }
}

/// The client's script. Pages of other sites load it, and those that name its hash (`integrity`) need to be allowed to read it.
async fn sdk(Path(file): Path<String>, headers: HeaderMap) -> Response {
    let mut response = file_of(&format!("sdk/{file}"), Keep::Hour, &headers);
    let open: [(HeaderName, HeaderValue); 2] = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("cross-origin")),
    ];
    // What a 304 says of a file goes for the one that the browser has.
    if response.status().is_success() || response.status() == axum::http::StatusCode::NOT_MODIFIED {
        response.headers_mut().extend(open);
    }
    response
}

/// The page of a bundle.
fn page(bundle: &str, headers: &HeaderMap) -> Response {
    let mut response = file_of(&format!("{bundle}/index.html"), Keep::Ask, headers);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    response.headers_mut().insert(
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    );
    response
}

fn file_of(path: &str, keep: Keep, headers: &HeaderMap) -> Response {
    let Some(file) = Bundles::get(path) else {
        return ApiError::of_status(axum::http::StatusCode::NOT_FOUND).into_response();
    };
    let tag = tag(&file);
    let kept = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, keep.header())];
    if is_known(headers, &tag) {
        return (axum::http::StatusCode::NOT_MODIFIED, kept).into_response();
    }
    (kept, [(header::CONTENT_TYPE, kind(&file))], file.data).into_response()
}

/// What a file is, by its name. All text of ours is UTF-8.
fn kind(file: &EmbeddedFile) -> HeaderValue {
    let kind = file.metadata.mimetype();
    let kind = if kind.starts_with("text/") { format!("{kind}; charset=utf-8") } else { kind.to_owned() };
    HeaderValue::try_from(kind).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// Names what is in a file. Weak, because it is the same however the file is compressed (RFC 9110, 8.8.1).
fn tag(file: &EmbeddedFile) -> HeaderValue {
    let hash: String = file.metadata.sha256_hash()[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::from_str(&format!("W/\"{hash}\"")).unwrap_or(HeaderValue::from_static("W/\"\""))
}

/// Whether the browser has just this.
fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    known.flat_map(|line| line.split(',')).any(|known| known.trim().as_bytes() == tag.as_bytes())
}
