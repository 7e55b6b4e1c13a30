//! Paths of the API end in `/`; without it they answer the same, rewritten here before routing. A redirect
//! instead would lose the body of a POST.

use axum::http::Request;
use axum::http::uri::{PathAndQuery, Uri};

/// The parts of the tree whose paths end in `/`. Elsewhere are files (`/openapi.json`), which do not.
const TREES: [&str; 3] = ["/api/", "/ws/", "/bench/"];

/// Gives a path of the API its last `/`.
pub(super) fn end_with_slash<B>(request: &mut Request<B>) {
    let path = request.uri().path();
    if path.ends_with('/') || !TREES.iter().any(|tree| path.starts_with(tree)) {
        return;
    }
    let whole = match request.uri().query() {
        Some(query) => format!("{path}/?{query}"),
        None => format!("{path}/"),
    };
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(whole).ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(uri: &str) -> String {
        let mut request = Request::builder().uri(uri).body(()).unwrap();
        end_with_slash(&mut request);
        request.uri().to_string()
    }

    #[test]
    fn only_paths_of_the_api_change() {
        assert_eq!(rewritten("/api/auth/login"), "/api/auth/login/");
        assert_eq!(rewritten("/api/presence/users/corp~a.b?x=1"), "/api/presence/users/corp~a.b/?x=1");
        assert_eq!(rewritten("/api/auth/login/?x=1"), "/api/auth/login/?x=1");
        assert_eq!(rewritten("http://host/api/users"), "http://host/api/users/");
        assert_eq!(rewritten("/openapi.json"), "/openapi.json");
    }
}
