//! Rooms over sockets: who comes and goes is seen by those who watch, and membership ends with the session.

use reqwest::Method;
use serde_json::json;

use super::shown;
use crate::support::service::{Service, answer};
use crate::support::socket::Socket;

#[tokio::test]
async fn members_come_go_and_type() {
    let service = Service::node_alone(&["--live-rooms", "open"]).await;
    let (mut ada, _) = Socket::hello(&service.base, &service.token("ada", "a"), json!({})).await;
    let (mut ben, _) = Socket::hello(&service.base, &service.token("ben", "b"), json!({})).await;
    ben.say(json!({"type": "join", "room": "doc:7"})).await;
    ben.say(json!({"type": "heartbeat", "activity": "active"})).await;
    ben.next_of("pong").await;
    let snapshot = ada.watch(json!({"rooms": ["doc:7"]})).await;
    assert_eq!(snapshot["rooms"]["doc:7"], json!({"count": 1, "members": ["ben"]}));
    assert_eq!(shown(&snapshot), [("ben".to_owned(), "online".to_owned())]);
    ada.say(json!({"type": "join", "room": "doc:7"})).await;
    let joined = ada.next_of("room").await;
    assert_eq!((&joined["room"], &joined["joined"]["user_id"]), (&json!("doc:7"), &json!("ada")));
    assert_eq!(joined["joined"]["status"], "online");
    ben.say(json!({"type": "typing", "room": "doc:7", "on": true})).await;
    assert_eq!(ada.next_of("room").await["typing"], json!({"user_id": "ben", "on": true}));
    // It ends by itself.
    assert_eq!(ada.next_of("room").await["typing"], json!({"user_id": "ben", "on": false}));
    // What members do is told to those who watch the room.
    ben.say(json!({"type": "heartbeat", "activity": "idle", "idle_ms": 400_000})).await;
    ada.sees("ben", "away").await;
    // Whoever is not seen is not seen there, either.
    let invisible = json!({"status": "invisible"});
    let claim = service.request(Method::PUT, "/api/presence/status/").bearer_auth(service.token("ben", "b"));
    assert_eq!(answer(claim.json(&invisible)).await.0, 200);
    assert_eq!(ada.next_of("room").await["left"]["user_id"], "ben");
    ben.say(json!({"type": "status_change", "status": "online"})).await;
    assert_eq!(ada.next_of("room").await["joined"]["user_id"], "ben");
    ben.say(json!({"type": "leave", "room": "doc:7"})).await;
    assert_eq!(ada.next_of("room").await["left"]["user_id"], "ben");
    ben.say(json!({"type": "typing", "room": "doc:7", "on": true})).await;
    assert_eq!(ben.next_of("error").await["code"], "conflict");
}

#[tokio::test]
async fn membership_ends_with_the_session() {
    let flags = ["--live-rooms", "open", "--presence-linger", "1s"];
    let service = Service::node_alone(&flags).await;
    let (mut ada, _) = Socket::hello(&service.base, &service.token("ada", "a"), json!({})).await;
    let token = service.token("ben", "b");
    let (mut one, _) = Socket::hello(&service.base, &token, json!({"session": "one"})).await;
    let (mut two, _) = Socket::hello(&service.base, &token, json!({"session": "two"})).await;
    ada.watch(json!({"rooms": ["lobby"]})).await;
    one.say(json!({"type": "join", "room": "lobby"})).await;
    assert_eq!(ada.next_of("room").await["joined"]["user_id"], "ben");
    two.say(json!({"type": "join", "room": "lobby"})).await;
    two.say(json!({"type": "heartbeat", "activity": "active"})).await;
    two.next_of("pong").await;
    // A reload is nobody's news: the tab comes back within the linger, and joins again.
    one.leave().await;
    let (mut one, _) = Socket::hello(&service.base, &token, json!({"session": "one"})).await;
    one.say(json!({"type": "join", "room": "lobby"})).await;
    one.say(json!({"type": "heartbeat", "activity": "active"})).await;
    one.next_of("pong").await;
    one.leave().await;
    // The other tab is still there.
    let members = async || {
        let snapshot = service.app.store.members(&Default::default(), &"lobby".parse().unwrap(), 10).await;
        snapshot.unwrap().count
    };
    assert_eq!(members().await, 1);
    two.leave().await;
    assert_eq!(ada.next_of("room").await["left"]["user_id"], "ben", "the next news is that nobody is left");
    assert_eq!(members().await, 0);
}
