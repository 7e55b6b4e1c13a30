//! Rooms over HTTP: who may join, who may look, and that nobody stays who has gone.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use rollcall::accounts::AccountStatus;
use rollcall::presence::Role;
use serde_json::{Value, json};

use super::host_tokens::Hosts;
use crate::journeys::{BRIEF, eventually};
use crate::support::service::{Service, answer};

const LOBBY: &str = "/api/presence/rooms/lobby/";
const GRANTS: &str = "/api/presence/rooms/grants/";

async fn join(service: &Service, token: &str, room: &str, body: Value) -> (StatusCode, Value) {
    let path = format!("/api/presence/rooms/{room}/membership/");
    answer(service.request(Method::PUT, &path).bearer_auth(token).json(&body)).await
}

async fn leave(service: &Service, token: &str, room: &str, session: &str) -> (StatusCode, Value) {
    let path = format!("/api/presence/rooms/{room}/membership/?session={session}");
    answer(service.request(Method::DELETE, &path).bearer_auth(token)).await
}

/// The ids of those in the lobby, and how many they are said to be.
async fn lobby(service: &Service, token: &str) -> (Vec<String>, u64) {
    let (status, said) = service.get(token, LOBBY).await;
    assert_eq!((status, &said["room"]), (StatusCode::OK, &json!("lobby")), "{said}");
    let ids = said["results"].as_array().unwrap().iter().map(|one| one["user_id"].as_str().unwrap().into());
    (ids.collect(), said["count"].as_u64().unwrap())
}

async fn key(service: &Service, admin: &str, body: Value) -> String {
    let (status, made) = service.post(admin, "/api/admin/service-keys/", body).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    made["key"].as_str().unwrap().to_owned()
}

async fn open() -> Service {
    Service::with(&["--live-rooms", "open"]).await
}

#[tokio::test]
async fn pages_without_a_socket_join_look_and_leave() {
    let service = open().await;
    let (ann, bob) = (service.token("1", "a"), service.token("2", "b"));
    service.beat(&bob, json!({"session": "t"})).await;
    for _ in 0..2 {
        let joined = (StatusCode::OK, json!({"room": "lobby", "joined": true}));
        assert_eq!(join(&service, &bob, "lobby", json!({"session": "t"})).await, joined);
        // A request is a sign of life: whoever joins is here.
        assert_eq!(join(&service, &ann, "lobby", json!({})).await, joined);
    }
    assert_eq!(lobby(&service, &ann).await, (vec!["1".to_owned(), "2".to_owned()], 2));
    let (_, said) = service.get(&ann, LOBBY).await;
    assert_eq!((&said["results"][1]["status"], &said["next_cursor"]), (&json!("online"), &Value::Null));
    let (status, said) = join(&service, &bob, "lobby", json!({"session": "nowhere"})).await;
    assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("conflict")));
    assert_eq!(leave(&service, &bob, "lobby", "nowhere").await.0, StatusCode::OK, "leaves nothing");
    assert_eq!(lobby(&service, &ann).await.1, 2);
    for _ in 0..2 {
        let left = (StatusCode::OK, json!({"room": "lobby", "joined": false}));
        assert_eq!(leave(&service, &bob, "lobby", "t").await, left);
    }
    assert_eq!(lobby(&service, &ann).await, (vec!["1".to_owned()], 1));
    for room in ["no%20room", &"x".repeat(129)] {
        assert_eq!(join(&service, &ann, room, json!({})).await.0, StatusCode::BAD_REQUEST, "{room}");
    }
    assert_eq!(join(&service, &ann, "lobby", json!({"seat": 1})).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn who_is_invisible_is_in_no_room() {
    let service = open().await;
    let (ann, bob) = (service.token("1", "a"), service.token("2", "b"));
    join(&service, &ann, "lobby", json!({})).await;
    join(&service, &bob, "lobby", json!({})).await;
    let put = async |status: &str| {
        let request = service.request(Method::PUT, "/api/presence/status/").bearer_auth(&bob);
        assert_eq!(answer(request.json(&json!({ "status": status }))).await.0, StatusCode::OK);
    };
    put("invisible").await;
    assert_eq!(lobby(&service, &ann).await, (vec!["1".to_owned()], 1));
    assert_eq!(join(&service, &bob, "lobby", json!({})).await.0, StatusCode::CONFLICT);
    put("busy").await;
    assert_eq!(lobby(&service, &ann).await.1, 2);
}

#[tokio::test]
async fn a_room_is_read_by_pages() {
    let service = open().await;
    let tokens: Vec<_> = (10..35).map(|user| service.token(&user.to_string(), "a")).collect();
    for token in &tokens {
        assert_eq!(join(&service, token, "lobby", json!({})).await.0, StatusCode::OK);
    }
    let (mut found, mut path, mut pages) = (Vec::new(), format!("{LOBBY}?limit=10"), 0);
    loop {
        let (status, page) = service.get(&tokens[0], &path).await;
        assert_eq!((status, &page["count"]), (StatusCode::OK, &json!(25)), "{page}");
        found.extend(page["results"].as_array().unwrap().iter().map(|one| one["user_id"].clone()));
        pages += 1;
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("{LOBBY}?limit=10&cursor={cursor}");
    }
    let all: Vec<Value> = (10..35).map(|user| json!(user.to_string())).collect();
    assert_eq!((found, pages), (all, 3));
    for bad in ["limit=0", "limit=1001", "cursor=%2B", "cursor=IA", "colour=red"] {
        let (status, _) = service.get(&tokens[0], &format!("{LOBBY}?{bad}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test]
async fn a_room_is_of_its_organisation_and_moderators_see_all() {
    let service = open().await;
    let far = service.person_of("far", Role::User, "elsewhere", AccountStatus::Active).await;
    let near = service.person("near", Role::User).await;
    let boss = service.person("boss", Role::Moderator).await;
    join(&service, &far.token, "lobby", json!({})).await;
    assert_eq!(lobby(&service, &near.token).await.1, 0, "another room of the same name");
    assert_eq!(lobby(&service, &boss.token).await.1, 0);
    let elsewhere = format!("{LOBBY}?org=elsewhere");
    assert_eq!(service.get(&near.token, &elsewhere).await.0, StatusCode::FORBIDDEN);
    let (status, said) = service.get(&boss.token, &elsewhere).await;
    assert_eq!((status, &said["results"][0]["user_id"]), (StatusCode::OK, &json!(far.id.to_string())));
    let admin = service.person("admin", Role::Admin).await.token;
    let read = |org: Value| json!({"name": "k", "scopes": ["presence:read"], "org": org});
    let free = key(&service, &admin, read(Value::Null)).await;
    let bound = key(&service, &admin, read(json!("elsewhere"))).await;
    assert_eq!(service.get(&free, &elsewhere).await.1["count"], 1);
    assert_eq!(lobby(&service, &bound).await.1, 1);
    assert_eq!(service.get(&bound, &format!("{LOBBY}?org=main")).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn where_rooms_are_not_open_a_grant_opens_them() {
    let service = Service::start().await;
    let admin = service.person("admin", Role::Admin).await.token;
    let grants = key(&service, &admin, json!({"name": "g", "scopes": ["grants"]})).await;
    let (ann, bob) = (service.token("1", "a"), service.token("2", "b"));
    let minted = async |key: &str, body: Value| {
        let (status, said) = service.post(key, GRANTS, body).await;
        assert_eq!(status, StatusCode::OK, "{said}");
        assert!(said["expires_at"].is_string());
        said["grant"].as_str().unwrap().to_owned()
    };
    assert_eq!(join(&service, &ann, "lobby", json!({})).await.0, StatusCode::FORBIDDEN);
    assert_eq!(service.get(&ann, LOBBY).await.0, StatusCode::FORBIDDEN);
    let grant = minted(&grants, json!({"user": "1", "room": "lobby"})).await;
    let refused = async |token: &str, room: &str, grant: &str| {
        let (status, said) = join(&service, token, room, json!({ "grant": grant })).await;
        assert_eq!(
            (status, &said["errors"][0]["pointer"]),
            (StatusCode::BAD_REQUEST, &json!("/grant")),
            "{said}"
        );
    };
    refused(&bob, "lobby", &grant).await;
    refused(&ann, "other", &grant).await;
    refused(&ann, "lobby", &ann).await;
    refused(&ann, "lobby", "nonsense").await;
    assert_eq!(service.get(&grant, LOBBY).await.0, StatusCode::UNAUTHORIZED, "a grant is no access token");
    assert_eq!(join(&service, &ann, "lobby", json!({ "grant": grant })).await.0, StatusCode::OK);
    assert_eq!(lobby(&service, &ann).await.1, 1, "whoever is in it may look");
    assert_eq!(service.get(&bob, LOBBY).await.0, StatusCode::FORBIDDEN);
    let prefix = minted(&grants, json!({"user": "2", "room": "doc:*", "ttl_ms": 60_000})).await;
    assert_eq!(join(&service, &bob, "doc:7", json!({ "grant": prefix })).await.0, StatusCode::OK);
    // A key of an organisation lets in members of that alone.
    let bound = key(&service, &admin, json!({"name": "b", "scopes": ["grants"], "org": "elsewhere"})).await;
    let grant = minted(&bound, json!({"user": "1", "room": "board"})).await;
    refused(&ann, "board", &grant).await;
    for bad in [
        json!({"user": "1"}),
        json!({"user": "1", "room": "a b"}),
        json!({"user": "1", "room": "a", "ttl_ms": 999}),
        json!({"user": "1", "room": "a", "ttl_ms": 86_400_001}),
    ] {
        assert_eq!(service.post(&grants, GRANTS, bad.clone()).await.0, StatusCode::BAD_REQUEST, "{bad}");
    }
    let reads = key(&service, &admin, json!({"name": "r", "scopes": ["presence:read"]})).await;
    for token in [&reads, &admin] {
        let body = json!({"user": "1", "room": "lobby"});
        assert_eq!(service.post(token, GRANTS, body).await.0, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn a_hosts_token_names_the_rooms_of_its_bearer() {
    let hosts = Hosts::new();
    let service = Service::with(&["--auth-issuers-file", &hosts.file()]).await;
    let ann = hosts.shop_in_rooms("ann", json!(["doc:*"]));
    assert_eq!(join(&service, &ann, "doc:7", json!({})).await.0, StatusCode::OK);
    assert_eq!(join(&service, &ann, "lobby", json!({})).await.0, StatusCode::FORBIDDEN);
    let grant = hosts.shop_grant("ann", "lobby");
    assert_eq!(join(&service, &ann, "lobby", json!({ "grant": grant })).await.0, StatusCode::OK);
    assert_eq!(lobby(&service, &ann).await, (vec!["shop~ann".to_owned()], 1));
}

#[tokio::test]
async fn who_dies_leaves_and_who_beats_stays() {
    let flags: Vec<_> = BRIEF.iter().chain(&["--live-rooms", "open"]).copied().collect();
    let node = Service::node_alone(&flags).await;
    let (stays, dies, closes) = (node.token("1", "a"), node.token("2", "b"), node.token("3", "c"));
    for token in [&stays, &dies, &closes] {
        node.beat(token, json!({})).await;
        assert_eq!(join(&node, token, "lobby", json!({})).await.0, StatusCode::OK);
    }
    assert_eq!(lobby(&node, &stays).await.1, 3);
    node.beat(&closes, json!({"logout": true})).await;
    eventually("they have left", Duration::from_secs(10), async || {
        node.beat(&stays, json!({})).await;
        (lobby(&node, &stays).await == (vec!["1".to_owned()], 1)).then_some(())
    })
    .await;
    let mut left = Vec::new();
    eventually("that is told", Duration::from_secs(10), async || {
        left.clear();
        for shard in 0..node.app.store.keys().shards() {
            let (news, _) = node.app.store.news(shard, "0", 100).await.unwrap();
            left.extend(news.into_iter().filter(|news| matches!(news, rollcall::store::News::Left { .. })));
        }
        node.beat(&stays, json!({})).await;
        (left.len() == 2).then_some(())
    })
    .await;
    assert_eq!(lobby(&node, &stays).await.1, 1, "for longer than one lease");
}
