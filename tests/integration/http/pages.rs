//! What browsers are sent: the console and the client's script, with the headers that keep them safe and fast.

use reqwest::header::{HeaderMap, HeaderName, IF_NONE_MATCH};
use reqwest::{Client, Response, StatusCode, redirect};
use serde_json::Value;

use crate::support::service::Service;

async fn get(service: &Service, path: &str, headers: HeaderMap) -> Response {
    let client = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
    client.get(format!("{}{path}", service.base)).headers(headers).send().await.unwrap()
}

async fn plain(service: &Service, path: &str) -> Response {
    get(service, path, HeaderMap::new()).await
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// The scripts and styles that a page names.
fn named(page: &str) -> Vec<String> {
    let ends = ["src=\"", "href=\""].into_iter().flat_map(|attribute| page.split(attribute).skip(1));
    let paths = ends.filter_map(|rest| rest.split('"').next()).map(str::to_owned);
    paths.filter(|path| path.contains("/assets/")).collect()
}

#[tokio::test]
async fn the_console_is_a_page_that_loads_nothing_from_elsewhere() {
    let service = Service::start().await;
    let page = plain(&service, "/console/").await;
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
    assert_eq!(header(&page, "cache-control"), "no-cache");
    let policy = header(&page, "content-security-policy").to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    let (tag, text) = (page.headers()["etag"].clone(), page.text().await.unwrap());
    assert!(!text.contains("<style") && !text.contains(" style="), "{text}");
    let named = named(&text);
    assert!(!named.is_empty(), "{text}");
    for path in named {
        let asset = plain(&service, &path).await;
        assert_eq!(asset.status(), StatusCode::OK, "{path}");
        assert_eq!(header(&asset, "cache-control"), "public, max-age=31536000, immutable", "{path}");
        assert!(!header(&asset, "content-type").starts_with("text/html"), "{path}");
    }
    let again = get(&service, "/console/", HeaderMap::from_iter([(IF_NONE_MATCH, tag)])).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(again.text().await.unwrap(), "");
}

#[tokio::test]
async fn places_within_the_console_are_the_console_and_missing_files_are_missing() {
    let service = Service::start().await;
    let page = plain(&service, "/console/").await.text().await.unwrap();
    for path in ["/console/people", "/console/people/42?tab=history", "/console/index.html"] {
        let place = plain(&service, path).await;
        assert!(header(&place, "content-security-policy").contains("script-src 'self'"), "{path}");
        assert_eq!(place.text().await.unwrap(), page, "{path}");
    }
    for path in ["/console/assets/none.js", "/sdk/none.js", "/demo/", "/demo/people/"] {
        let missing = plain(&service, path).await;
        assert_eq!(missing.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(missing.json::<Value>().await.unwrap()["code"], "not_found", "{path}");
    }
    for path in ["/", "/console"] {
        let elsewhere = plain(&service, path).await;
        assert_eq!(elsewhere.status(), StatusCode::TEMPORARY_REDIRECT, "{path}");
        assert_eq!(header(&elsewhere, "location"), "/console/");
    }
}

#[tokio::test]
async fn pages_of_other_sites_may_load_the_client() {
    let service = Service::start().await;
    let accept =
        HeaderMap::from_iter([(HeaderName::from_static("accept-encoding"), "gzip".parse().unwrap())]);
    let script = get(&service, "/sdk/rollcall.js", accept).await;
    assert_eq!(script.status(), StatusCode::OK);
    assert_eq!(header(&script, "content-type"), "text/javascript; charset=utf-8");
    assert_eq!(header(&script, "content-encoding"), "gzip");
    assert_eq!(header(&script, "access-control-allow-origin"), "*");
    assert_eq!(header(&script, "cross-origin-resource-policy"), "cross-origin");
    assert!(header(&script, "cache-control").starts_with("public, max-age=3600"));
    let known = HeaderMap::from_iter([(IF_NONE_MATCH, script.headers()["etag"].clone())]);
    let same = get(&service, "/sdk/rollcall.js", known).await;
    assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(header(&same, "access-control-allow-origin"), "*");
    assert_eq!(
        header(&same, "cross-origin-resource-policy"),
        "cross-origin",
        "it replaces what was said before"
    );
}
