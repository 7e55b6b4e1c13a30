//! `/api/presence/users/{id}/explain/`, and `rollcall explain`, which says the same.

use reqwest::StatusCode;
use rollcall::presence::{Claim, Gate, GateKind, Org, Role, Status, UserId, Whose};
use serde_json::{Value, json};

use super::transitions::copy;
use crate::support::service::Service;

fn path(user: &str) -> String {
    format!("/api/presence/users/{user}/explain/")
}

#[tokio::test]
async fn every_layer_is_told() {
    let path = |user: &str| format!("{}?why=ticket", path(user));
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    let (user, org) = (UserId::parse("4711").unwrap(), Org::default());
    let token = service.token("4711", "k");
    let body = json!({"session": "tab", "device": "web", "activity": "idle", "idle_ms": 400_000});
    assert_eq!(service.beat(&token, body).await.0, StatusCode::OK);
    let claim = Claim {
        id: "c1".to_owned(),
        status: Status::Invisible,
        text: "hidden".to_owned(),
        emoji: String::new(),
        until: None,
    };
    service.app.store.claim(&user, &org, Whose::Manual, Some(&claim), None).await.unwrap();
    let (status, told) = service.get(&eve.token, &path("4711")).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    let layers = json!({
        "sessions": "away", "claims": "invisible", "gate": null, "status": "invisible", "shown": "offline",
    });
    assert_eq!(told["layers"], layers);
    let session = &told["sessions"][0];
    let said = [&session["id"], &session["device"], &session["activity"], &session["pace"], &session["mode"]];
    assert_eq!(said, [&json!("k.tab"), &json!("web"), &json!("idle"), &json!("visible"), &json!("standard")]);
    assert!((100_000..=120_000).contains(&session["left_ms"].as_i64().unwrap()), "{told}");
    assert!(session["lease_left_ms"].as_i64().unwrap() <= 120_000);
    assert_eq!(
        (&told["claims"][0]["whose"], &told["claims"][0]["text"]),
        (&json!("manual"), &json!("hidden"))
    );
    assert_eq!((&told["redis"]["status"], &told["postgres"]), (&json!("invisible"), &Value::Null));
    assert_eq!(told["agree"], false);
    assert!(told["differences"][0].as_str().unwrap().contains("wait to be copied"), "{told}");

    copy(&service).await;
    let (_, told) = service.get(&eve.token, &path("4711")).await;
    assert_eq!((&told["agree"], &told["differences"]), (&json!(true), &json!([])), "{told}");
    assert_eq!(told["postgres"]["status"], "invisible");
    assert_eq!(told["entries"].as_array().unwrap().len(), 2);

    let gate = Gate { kind: Some(GateKind::Banned), version: 1, until: None };
    service.app.store.gate(&user, &org, &gate, None).await.unwrap();
    copy(&service).await;
    let (_, told) = service.get(&eve.token, &path("4711")).await;
    assert_eq!((&told["layers"]["gate"], &told["layers"]["status"]), (&json!("banned"), &json!("offline")));
    assert_eq!((&told["agree"], &told["sessions"]), (&json!(true), &json!([])), "{told}");
}

#[tokio::test]
async fn whom_nobody_knows_is_a_clear_answer_and_others_may_not_ask() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    assert_eq!(service.get(&eve.token, &path("987654")).await.0, StatusCode::NOT_FOUND);
    let (status, told) = service.get(&eve.token, &path(&eve.id.to_string())).await;
    assert_eq!((status, &told["account"]["username"]), (StatusCode::OK, &json!("eve")));
    let max = service.person("max", Role::Moderator).await;
    assert_eq!(service.get(&max.token, &path("1")).await.0, StatusCode::FORBIDDEN);
}
