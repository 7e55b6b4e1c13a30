//! Clients that were written for other servers, at `/ws/presence/`: each in its own words, and without the faults that
//! presence had there.

use std::time::Duration;

use futures::SinkExt;
use reqwest::{Method, StatusCode};
use rollcall::accounts::AccountStatus;
use rollcall::presence::{Reason, Role, Status};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::http::host_tokens::Hosts;
use crate::journeys::{BRIEF, eventually, history_of};
use crate::support;
use crate::support::service::{Person, Service, answer};
use crate::support::socket::{Opening, Socket};

/// A socket of OffChat's page, which is told as soon as it is there that it is.
async fn offchat(service: &Service, token: &str) -> Socket {
    let path = format!("/ws/presence/?token={token}");
    Opening { base: &service.base, path: &path, headers: Vec::new() }.open().await.unwrap()
}

/// A socket of ConnectFlow's page; what it heard before it said what it is is passed over.
async fn connectflow(service: &Service, token: &str) -> Socket {
    let mut socket = offchat(service, token).await;
    socket.next_of("user_status_change").await;
    socket.say(json!({"type": "heartbeat"})).await;
    socket.next_of("pong").await;
    socket.next_of("presence").await;
    socket
}

/// OffChat's frame.
fn changed(person: &Person, status: &str) -> Value {
    let id = person.id.to_string();
    json!({"type": "user_status_change", "user_id": id, "username": person.name, "online_status": status})
}

/// ConnectFlow's.
fn presence(person: &Person, status: &str) -> Value {
    json!({"type": "presence", "user_id": person.id, "status": status})
}

/// Waits for a frame that is exactly this; others are passed over.
async fn hears(socket: &mut Socket, expected: Value) {
    while socket.next().await != expected {}
}

/// Says a status as ConnectFlow's page does.
async fn say_status(socket: &mut Socket, status: &str) {
    socket.say(json!({"type": "status_change", "status": status})).await;
}

/// Asserts that nothing of this type came before the answer to a frame that is said now.
async fn nothing_of(socket: &mut Socket, kind: &str) {
    socket.say(json!({"type": "ping"})).await;
    loop {
        let frame = socket.next().await;
        assert_ne!(frame["type"], kind, "{frame}");
        if frame["type"] == "pong" {
            return;
        }
    }
}

async fn status_of(service: &Service, viewer: &Person, person: &Person) -> Value {
    let (_, view) = service.get(&viewer.token, &format!("/api/presence/users/{}/", person.id)).await;
    view["status"].clone()
}

async fn refused(service: &Service, path: &str, headers: Vec<(&'static str, String)>) -> u16 {
    match (Opening { base: &service.base, path, headers }).open().await.err() {
        Some(Error::Http(response)) => response.status().as_u16(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_wrong_token_opens_no_socket() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    assert_eq!(refused(&service, "/ws/presence/", Vec::new()).await, 401);
    assert_eq!(refused(&service, "/ws/presence/?token=", Vec::new()).await, 401);
    assert_eq!(refused(&service, "/ws/presence/?token=nonsense", Vec::new()).await, 401);
    let wrong = vec![("sec-websocket-protocol", "rollcall.v1, bearer.nonsense".to_owned())];
    assert_eq!(refused(&service, "/ws/presence/", wrong).await, 401);
    let foreign = vec![("origin", "https://evil.example.com".to_owned())];
    let path = format!("/ws/presence/?token={}", ada.token);
    assert_eq!(refused(&service, &path, foreign).await, 403);
    // Ways of the other socket are good here, too.
    for (name, value) in [
        ("authorization", format!("Bearer {}", ada.token)),
        ("sec-websocket-protocol", format!("rollcall.v1, bearer.{}", ada.token)),
    ] {
        let opening = Opening { base: &service.base, path: "/ws/presence", headers: vec![(name, value)] };
        hears(&mut opening.open().await.unwrap(), changed(&ada, "online")).await;
    }
    service.post(&ada.token, "/api/auth/logout/", json!({})).await;
    assert_eq!(refused(&service, &path, Vec::new()).await, 401, "a login that has ended");
    let ben = service.person("ben", Role::User).await;
    let boss = service.person("boss", Role::Admin).await;
    service.post(&boss.token, &format!("/api/users/admin/users/{}/suspend/", ben.id), json!({})).await;
    assert_eq!(refused(&service, &format!("/ws/presence/?token={}", ben.token), Vec::new()).await, 403);
}

#[tokio::test]
async fn everybody_is_told_whatever_way_a_change_comes_about() {
    let service = Service::start().await;
    let (ada, ben) = (service.person("ada", Role::User).await, service.person("ben", Role::User).await);
    let (cleo, boss) = (service.person("cleo", Role::User).await, service.person("boss", Role::Admin).await);
    service.beat(&ben.token, json!({})).await;
    // A snapshot: oneself, and who was there before.
    let mut socket = offchat(&service, &ada.token).await;
    let mut first = vec![socket.next().await, socket.next().await];
    first.sort_by_key(|frame| frame["user_id"].as_str().unwrap().parse::<i64>().unwrap());
    assert_eq!(first, [changed(&ada, "online"), changed(&ben, "online")]);
    socket.say(json!({"type": "ping"})).await;
    assert_eq!(socket.next().await, json!({"type": "pong"}));
    // A login, an idle page over HTTP, a status of one's own, an administrator's word, a logout, a suspension.
    service.log_in("cleo").await;
    hears(&mut socket, changed(&cleo, "online")).await;
    service.beat(&ben.token, json!({"activity": "idle", "idle_ms": 400_000})).await;
    hears(&mut socket, changed(&ben, "away")).await;
    let busy = service.request(Method::PUT, "/api/presence/status/").bearer_auth(&ben.token);
    assert_eq!(answer(busy.json(&json!({"status": "busy"}))).await.0, StatusCode::OK);
    hears(&mut socket, changed(&ben, "busy")).await;
    let of = |person: &Person, action: &str| format!("/api/users/admin/users/{}/{action}/", person.id);
    service.post(&boss.token, &of(&ben, "set-online-status"), json!({"status": "offline"})).await;
    hears(&mut socket, changed(&ben, "offline")).await;
    service.post(&boss.token, &of(&cleo, "force-logout"), json!({})).await;
    hears(&mut socket, changed(&cleo, "offline")).await;
    service.log_in("cleo").await;
    hears(&mut socket, changed(&cleo, "online")).await;
    service.post(&boss.token, &of(&cleo, "suspend"), json!({"reason": "a test"})).await;
    hears(&mut socket, changed(&cleo, "offline")).await;
    // Whoever is shut out is closed at once.
    service.post(&boss.token, &of(&ada, "force-logout"), json!({})).await;
    assert_eq!(socket.closed().await.1, 4409);
}

#[tokio::test]
async fn each_client_is_answered_in_its_own_words() {
    let service = Service::start().await;
    let (ada, ben) = (service.person("ada", Role::User).await, service.person("ben", Role::User).await);
    service.beat(&ben.token, json!({})).await;
    let mut old = offchat(&service, &ada.token).await;
    hears(&mut old, changed(&ben, "online")).await;
    // Its first word says what it is; then everybody is told again in words that it knows.
    old.say(json!({"type": "heartbeat"})).await;
    assert_eq!(old.next_of("pong").await, json!({"type": "pong"}));
    hears(&mut old, presence(&ben, "ONLINE")).await;
    let mut other = offchat(&service, &ben.token).await;
    hears(&mut other, changed(&ada, "online")).await;
    say_status(&mut old, "AWAY").await;
    hears(&mut old, presence(&ada, "AWAY")).await;
    hears(&mut other, changed(&ada, "away")).await;
    say_status(&mut old, "online").await;
    hears(&mut old, presence(&ada, "ONLINE")).await;
    hears(&mut other, changed(&ada, "online")).await;
    // A subject of somebody else's is no number, and has no other name.
    service.beat(&service.token("shop~ann", "s"), json!({})).await;
    hears(&mut old, json!({"type": "presence", "user_id": "shop~ann", "status": "ONLINE"})).await;
    let ann = json!({"type": "user_status_change", "user_id": "shop~ann", "username": "shop~ann", "online_status": "online"});
    hears(&mut other, ann).await;
    // Invisible is offline to others, and no word that these clients know.
    let hide = service.request(Method::PUT, "/api/presence/status/").bearer_auth(&ben.token);
    assert_eq!(answer(hide.json(&json!({"status": "invisible"}))).await.0, StatusCode::OK);
    hears(&mut old, presence(&ben, "OFFLINE")).await;
    hears(&mut other, changed(&ben, "offline")).await;
}

#[tokio::test]
async fn nobody_is_told_of_other_organisations() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    let other = service.person_of("other", Role::User, "elsewhere", AccountStatus::Active).await;
    let mut socket = offchat(&service, &ada.token).await;
    hears(&mut socket, changed(&ada, "online")).await;
    service.beat(&other.token, json!({})).await;
    let mut of_other = offchat(&service, &other.token).await;
    hears(&mut of_other, changed(&other, "online")).await;
    // Something that is told comes after what is not.
    let ben = service.person("ben", Role::User).await;
    service.beat(&ben.token, json!({})).await;
    assert_eq!(socket.next_of("user_status_change").await, changed(&ben, "online"));
    nothing_of(&mut of_other, "user_status_change").await;
}

#[tokio::test]
async fn one_tab_of_two_closes_and_the_other_keeps_its_user_online() {
    let service = Service::node_alone(BRIEF).await;
    let (ada, ben) = (service.person("ada", Role::User).await, service.person("ben", Role::User).await);
    let mut watcher = offchat(&service, &ben.token).await;
    hears(&mut watcher, changed(&ben, "online")).await;
    let (one, mut two) = (offchat(&service, &ada.token).await, connectflow(&service, &ada.token).await);
    hears(&mut watcher, changed(&ada, "online")).await;
    one.leave().await;
    let sessions = async || {
        let user = ada.id.to_string().parse().unwrap();
        (service.app.store.facts(&user).await.unwrap().sessions.len() == 1).then_some(())
    };
    eventually("one session is left", Duration::from_secs(5), sessions).await;
    assert_eq!(status_of(&service, &ben, &ada).await, "online");
    nothing_of(&mut watcher, "user_status_change").await;
    // The next page is there before the last one's goodbye.
    two.say(json!({"type": "heartbeat"})).await;
    two.next_of("pong").await;
    let three = connectflow(&service, &ada.token).await;
    two.leave().await;
    eventually("one session is left", Duration::from_secs(5), sessions).await;
    nothing_of(&mut watcher, "user_status_change").await;
    three.leave().await;
    hears(&mut watcher, changed(&ada, "offline")).await;
}

#[tokio::test]
async fn whoever_has_no_organisation_goes_offline_like_everybody() {
    let hosts = Hosts::new();
    let file = hosts.file();
    let flags = [BRIEF, &["--auth-issuers-file", &file]].concat();
    let service = Service::node_alone(&flags).await;
    let ben = service.person("ben", Role::User).await;
    let mut watcher = connectflow(&service, &ben.token).await;
    let told = |status: &str| json!({"type": "presence", "user_id": "club~boss", "status": status});
    let socket = offchat(&service, &Hosts::club("user")).await;
    hears(&mut watcher, told("ONLINE")).await;
    socket.leave().await;
    hears(&mut watcher, told("OFFLINE")).await;
}

#[tokio::test]
async fn a_frame_that_makes_no_sense_is_ignored() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    let mut socket = connectflow(&service, &ada.token).await;
    for nonsense in [
        "",
        "[1]",
        "{",
        "7",
        r#"{"type":"status_change","status":5}"#,
        r#"{"type":"status_change","status":"DANCING"}"#,
        r#"{"type":"dance"}"#,
        r#"{"type":"watch","orgs":["elsewhere"]}"#,
    ] {
        socket.say_text(nonsense).await;
    }
    socket.0.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    socket.say(json!({"type": "heartbeat"})).await;
    assert_eq!(socket.next().await, json!({"type": "pong"}), "and nothing before it");
    assert_eq!(status_of(&service, &ada, &ada).await, "online");
    // But not for ever, and neither are sensible ones without a bound.
    for _ in 0..30 {
        socket.0.feed(Message::text("[1]")).await.unwrap();
    }
    socket.0.flush().await.unwrap();
    assert_eq!(socket.closed().await.1, 4429);
    let mut socket = connectflow(&service, &ada.token).await;
    for turn in 0..300 {
        let status = if turn % 2 == 0 { "AWAY" } else { "ONLINE" };
        let frame = json!({"type": "status_change", "status": status}).to_string();
        if socket.0.feed(Message::text(frame)).await.is_err() {
            break;
        }
    }
    let _ = socket.0.flush().await;
    assert_eq!(socket.closed().await.1, 4429);
}

#[tokio::test]
async fn busy_stays_until_it_is_taken_back() {
    let service = Service::start().await;
    let (ada, ben) = (service.person("ada", Role::User).await, service.person("ben", Role::User).await);
    let mut watcher = offchat(&service, &ben.token).await;
    let mut socket = connectflow(&service, &ada.token).await;
    hears(&mut watcher, changed(&ada, "online")).await;
    say_status(&mut socket, "BUSY").await;
    hears(&mut socket, presence(&ada, "BUSY")).await;
    hears(&mut watcher, changed(&ada, "busy")).await;
    // The mouse moves, nobody does anything for five minutes, somebody comes back.
    for status in ["ONLINE", "AWAY", "ONLINE"] {
        say_status(&mut socket, status).await;
        socket.next_of("pong").await;
        assert_eq!(status_of(&service, &ben, &ada).await, "busy", "{status}");
    }
    // The connection is lost and made again.
    drop(socket);
    let mut socket = offchat(&service, &ada.token).await;
    hears(&mut socket, changed(&ada, "busy")).await;
    say_status(&mut socket, "ONLINE").await;
    socket.next_of("pong").await;
    assert_eq!(status_of(&service, &ben, &ada).await, "busy");
    nothing_of(&mut watcher, "user_status_change").await;
    // An `ONLINE` of a page that is online already comes from somebody who means it.
    say_status(&mut socket, "ONLINE").await;
    hears(&mut watcher, changed(&ada, "online")).await;
}

#[tokio::test]
async fn half_an_hour_without_a_touch_is_offline() {
    let service = Service::start().await;
    let (ada, ben) = (service.person("ada", Role::User).await, service.person("ben", Role::User).await);
    let mut watcher = offchat(&service, &ben.token).await;
    let mut socket = connectflow(&service, &ada.token).await;
    hears(&mut watcher, changed(&ada, "online")).await;
    say_status(&mut socket, "AWAY").await;
    hears(&mut watcher, changed(&ada, "away")).await;
    say_status(&mut socket, "OFFLINE").await;
    hears(&mut watcher, changed(&ada, "offline")).await;
    // The page goes on beating: nobody has come back by that.
    socket.say(json!({"type": "heartbeat"})).await;
    socket.next_of("pong").await;
    assert_eq!(status_of(&service, &ben, &ada).await, "offline");
    nothing_of(&mut watcher, "user_status_change").await;
    say_status(&mut socket, "ONLINE").await;
    hears(&mut watcher, changed(&ada, "online")).await;
}

#[tokio::test]
async fn a_page_that_forgets_to_say_offline_is_idle_too_long_all_the_same() {
    let service = Service::node_alone(BRIEF).await;
    let (ada, ben) = (service.person("ada", Role::User).await, service.person("ben", Role::User).await);
    let mut watcher = offchat(&service, &ben.token).await;
    let mut socket = connectflow(&service, &ada.token).await;
    hears(&mut watcher, changed(&ada, "online")).await;
    say_status(&mut socket, "AWAY").await;
    hears(&mut watcher, changed(&ada, "away")).await;
    socket.say(json!({"type": "heartbeat"})).await;
    hears(&mut watcher, changed(&ada, "offline")).await;
    let last = history_of(&service, &ada.id.to_string(), 3).await.pop().unwrap();
    assert_eq!((last.to, last.reason), (Status::Offline, Reason::IdleTimeout));
}

#[tokio::test]
async fn who_left_while_nothing_was_told_is_told_to_have_left() {
    let service = Service::node_alone(&["--live-audience", "3"]).await;
    let ada = service.person("ada", Role::User).await;
    let ben = service.person("ben", Role::User).await;
    service.beat(&ben.token, json!({})).await;
    let mut socket = offchat(&service, &ada.token).await;
    hears(&mut socket, changed(&ben, "online")).await;
    // More people than the audience, until everybody but ada has gone: no frame says so.
    for user in ["c", "d", "e"] {
        service.beat(&service.token(user, user), json!({})).await;
    }
    let stats = async || {
        let (_, stats) = service.get(&ada.token, "/api/presence/stats/").await;
        (stats["users"] == 5).then_some(())
    };
    eventually("five are counted", Duration::from_secs(5), stats).await;
    // From the moment at which somebody is told this count, nobody is told of single people.
    let (mut counting, _) = Socket::hello(&service.base, &ada.token, json!({})).await;
    assert_eq!(counting.watch(json!({"orgs": ["main"]})).await["counts"]["main"]["users"], 5);
    service.post(&ben.token, "/api/auth/logout/", json!({})).await;
    while counting.next_of("counts").await["users"] != 4 {}
    socket.say(json!({"type": "ping"})).await;
    loop {
        let frame = socket.next().await;
        assert_ne!(frame, changed(&ben, "offline"));
        if frame["type"] == "pong" {
            break;
        }
    }
    for user in ["c", "d", "e"] {
        service.post(&service.token(user, user), "/api/auth/logout/", json!({})).await;
    }
    hears(&mut socket, changed(&ben, "offline")).await;
}

#[tokio::test]
async fn without_postgres_people_are_told_by_their_ids() {
    let stack = support::private_stack(|_| ());
    let database = support::migrated(&stack).await;
    let service = Service::on(&stack.redis_url(), &database, &[]).await;
    let (ada, ben) = (service.person("ada", Role::User).await, service.person("ben", Role::User).await);
    let mut socket = offchat(&service, &ada.token).await;
    hears(&mut socket, changed(&ada, "online")).await;
    stack.postgres().kill();
    assert_eq!(service.beat(&ben.token, json!({})).await.0, StatusCode::OK);
    let mut told = changed(&ben, "online");
    told["username"] = told["user_id"].clone();
    hears(&mut socket, told).await;
}
