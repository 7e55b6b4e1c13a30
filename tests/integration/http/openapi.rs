//! `/openapi.json`: the description of the API.

use std::path::Path;

use rollcall::live::openapi_json;

/// The description as it is committed.
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");

#[test]
fn the_committed_description_is_that_of_the_code() {
    let built = openapi_json().unwrap();
    let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
    if built != committed {
        let here = Path::new(env!("CARGO_TARGET_TMPDIR")).join("openapi.json");
        std::fs::write(&here, built).unwrap();
        panic!(
            "docs/openapi.json is not what the code says; if the change is meant: cp {} docs/",
            here.display()
        );
    }
}

#[tokio::test]
async fn the_description_is_served() {
    let service = crate::support::service::Service::start().await;
    let response = service.request(reqwest::Method::GET, "/openapi.json").send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.text().await.unwrap(), openapi_json().unwrap());
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let document: serde_json::Value = serde_json::from_str(&openapi_json().unwrap()).unwrap();
    let items = document["paths"].as_object().unwrap().values();
    let operations = items.flat_map(|item| item.as_object().unwrap().values());
    let mut names: Vec<&str> =
        operations.filter_map(|operation| operation.get("operationId")?.as_str()).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(count > 50 && names.contains(&"get_users_admin_users_by_id"), "{names:?}");
}
