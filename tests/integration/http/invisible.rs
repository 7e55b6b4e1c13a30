//! Whoever is invisible is, to others, offline to the byte: the same people live twice, once one of them logs out, once
//! they go invisible and live on; every answer to others is compared as text.

use reqwest::{Method, StatusCode};
use rollcall::presence::{LoginId, Millis, Org, Role, UserId};
use serde_json::{Value, json};

use crate::store::a_day_ahead;
use crate::support;
use crate::support::service::{Person, Service, answer};

/// A life: the same people, the same moments.
struct Life {
    service: Service,
    ada: Person,
    others: Vec<Person>,
}

impl Life {
    async fn begin() -> Self {
        let database = support::database_url().await;
        let service = Service::on(&support::stack().redis_url(), &database, &["--redis-shards", "1"]).await;
        let ada = service.person("ada", Role::User).await;
        let mut others = Vec::new();
        for role in [Role::User, Role::Moderator, Role::Admin] {
            others.push(service.person(&format!("viewer-{role}"), role).await);
        }
        let life = Self { service, ada, others };
        life.at(0);
        life.beat(json!({"session": "one", "device": "web"})).await;
        life.at(1_000);
        life.claim(json!({"status": "busy", "text": "at work"})).await;
        life.at(5_000);
        life.beat(json!({"session": "one", "device": "web"})).await;
        life.at(9_000);
        life
    }

    /// From now on it is so many ms after the beginning.
    fn at(&self, ms: i64) {
        self.service.app.store.clock().set(a_day_ahead() + Millis(ms));
    }

    async fn beat(&self, body: Value) {
        let (status, answer) = self.service.beat(&self.ada.token, body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    }

    async fn claim(&self, body: Value) {
        let request = self.service.request(Method::PUT, "/api/presence/status/").bearer_auth(&self.ada.token);
        let (status, answer) = answer(request.json(&body)).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    }

    fn user(&self) -> UserId {
        UserId::parse(&self.ada.id.to_string()).unwrap()
    }

    /// Every answer that tells others of her, as text.
    async fn seen(&self) -> Vec<(String, String)> {
        let id = self.ada.id;
        let admin = "/api/users/admin/users/";
        let mut paths = vec![
            (Role::User, "POST", "/api/presence/query/".to_owned()),
            (Role::User, "GET", format!("/api/presence/users/{id}/")),
            (Role::User, "GET", "/api/presence/stats/".to_owned()),
            (Role::User, "GET", "/api/users/all-users/".to_owned()),
        ];
        for filter in [
            "",
            "?online_status=offline",
            "?online_status=online",
            "?online_status=busy",
            "?online_status=away",
        ] {
            paths.push((Role::Moderator, "GET", format!("{admin}{filter}")));
        }
        for tail in ["online/".to_owned(), format!("{id}/"), format!("{id}/online-status/")] {
            paths.push((Role::Moderator, "GET", format!("{admin}{tail}")));
        }
        let mut seen = Vec::new();
        for (index, viewer) in self.others.iter().enumerate() {
            for (least, method, path) in &paths {
                if *least == Role::Moderator && index == 0 {
                    continue;
                }
                let request = match *method {
                    "POST" => {
                        self.service.request(Method::POST, path).json(&json!({"users": [id.to_string()]}))
                    }
                    _ => self.service.request(Method::GET, path),
                };
                let response = request.bearer_auth(&viewer.token).send().await.unwrap();
                assert_eq!(response.status(), StatusCode::OK, "{path}");
                let text = response.text().await.unwrap();
                seen.push((format!("{method} {path} by viewer {index}"), of_her(&text)));
            }
        }
        seen
    }
}

/// The answer without what is not of her: the moment of the answer, when accounts were made, and viewers, whose own sign of life is
/// written once in a real second.
fn of_her(text: &str) -> String {
    let mut answer: Value = serde_json::from_str(text).unwrap();
    for list in ["results", "users", "online_users"] {
        if let Some(Value::Array(people)) = answer.get_mut(list) {
            people.retain(|each| !each["username"].as_str().is_some_and(|name| name.starts_with("viewer-")));
            people.iter_mut().for_each(forget_times);
        }
    }
    forget_times(&mut answer);
    answer.to_string()
}

fn forget_times(value: &mut Value) {
    if let Value::Object(fields) = value {
        for name in ["created_at", "updated_at", "join_date", "server_time"] {
            fields.remove(name);
        }
    }
}

#[tokio::test]
async fn whoever_goes_invisible_is_offline_to_the_byte() {
    let (gone, hidden) = (Life::begin().await, Life::begin().await);
    assert_eq!(gone.seen().await, hidden.seen().await, "two lives begin alike");
    let login = LoginId::parse(&format!("login-{}", gone.ada.id)).unwrap();
    gone.service.app.store.end_login(&gone.user(), &Org::default(), &login).await.unwrap();
    let store = &hidden.service.app.store;
    // Straight at the store: a request would be a sign of life of the same moment, which a logout is not.
    let amendment = rollcall::presence::Amendment {
        id: "hide".to_owned(),
        status: Some(rollcall::presence::Status::Invisible),
        text: None,
        emoji: None,
        until: None,
    };
    store.amend_claim(&hidden.user(), &Org::default(), &amendment).await.unwrap().unwrap();
    let expected = gone.seen().await;
    assert_eq!(expected, hidden.seen().await, "at once");
    assert!(expected.iter().any(|(_, text)| text.contains("\"offline\"")), "{expected:?}");

    for (ms, body) in [
        (12_000, json!({"session": "one", "activity": "idle", "idle_ms": 400_000})),
        (13_000, json!({"session": "two", "device": "mobile"})),
        (14_000, json!({"session": "one", "activity": "active"})),
    ] {
        [&gone, &hidden].into_iter().for_each(|life| life.at(ms));
        hidden.beat(body).await;
        assert_eq!(gone.seen().await, hidden.seen().await, "living on at {ms}");
    }
    for (ms, body) in [
        (15_000, json!({"text": "nobody reads this"})),
        (16_000, json!({"emoji": "\u{1f33f}", "expires_in_ms": 600_000})),
        (17_000, json!({"status": "invisible", "text": null})),
    ] {
        [&gone, &hidden].into_iter().for_each(|life| life.at(ms));
        hidden.claim(body).await;
        assert_eq!(gone.seen().await, hidden.seen().await, "wishing at {ms}");
    }
    // She leaves, still invisible: nobody sees that either.
    [&gone, &hidden].into_iter().for_each(|life| life.at(20_000));
    store.end_login(&hidden.user(), &Org::default(), &login).await.unwrap();
    assert_eq!(gone.seen().await, hidden.seen().await, "gone while invisible");
}

#[tokio::test]
async fn who_comes_back_unseen_after_redis_forgot_them_changes_nothing_for_others() {
    let life = Life::begin().await;
    let (store, audit, user) = (&life.service.app.store, &life.service.app.audit, life.user());
    let login = LoginId::parse(&format!("login-{}", life.ada.id)).unwrap();
    life.claim(json!({"status": "invisible"})).await;
    store.end_login(&user, &Org::default(), &login).await.unwrap();
    let copy = async || {
        let position = audit.position(0).await.unwrap();
        let entries = store.entries(0, position.n, 1_000).await.unwrap();
        audit.copy(0, position, position.epoch, &entries).await.unwrap();
        entries.last().map_or(position.n, rollcall::presence::Outgoing::n)
    };
    // Everything is copied, and Redis forgets those who are offline.
    let newest = copy().await;
    store.trim(0, newest + 1, std::slice::from_ref(&user)).await.unwrap();
    assert!(store.views(std::slice::from_ref(&user)).await.unwrap()[0].is_none(), "forgotten");
    // The viewers' own coming is not what is compared.
    life.seen().await;
    let before = life.seen().await;

    life.at(30_000);
    let token = life.service.token(user.as_str(), "another");
    assert_eq!(life.service.beat(&token, json!({})).await.1["online_status"], "invisible");
    assert_eq!(before, life.seen().await, "hidden");
    copy().await;
    let another = LoginId::parse("another").unwrap();
    store.end_login(&user, &Org::default(), &another).await.unwrap();
    assert_eq!(before, life.seen().await, "gone again");
    let newest = copy().await;
    store.trim(0, newest + 1, std::slice::from_ref(&user)).await.unwrap();
    assert_eq!(before, life.seen().await, "forgotten again");
}

#[tokio::test]
async fn who_comes_back_with_the_wish_to_be_unseen_is_never_seen() {
    let life = Life::begin().await;
    let login = LoginId::parse(&format!("login-{}", life.ada.id)).unwrap();
    life.claim(json!({"status": "online"})).await;
    life.service.app.store.end_login(&life.user(), &Org::default(), &login).await.unwrap();
    life.seen().await;
    let before = life.seen().await;
    // The first request of her return.
    life.at(50_000);
    let token = life.service.token(life.user().as_str(), "another");
    let request = life.service.request(Method::PUT, "/api/presence/status/").bearer_auth(&token);
    let (status, truth) = answer(request.json(&json!({"status": "invisible"}))).await;
    assert_eq!((status, &truth["status"]), (StatusCode::OK, &json!("invisible")), "{truth}");
    assert_eq!(before, life.seen().await);
}

#[tokio::test]
async fn administrators_see_the_truth_when_they_say_why() {
    let life = Life::begin().await;
    life.claim(json!({"status": "invisible"})).await;
    let path = format!("/api/presence/users/{}/", life.ada.id);
    let with_reason = format!("{path}?reason=ticket%207");
    let [user, moderator, admin] = &life.others[..] else { panic!("three viewers") };
    for viewer in [user, moderator] {
        assert_eq!(life.service.get(&viewer.token, &with_reason).await.0, StatusCode::FORBIDDEN);
    }
    assert_eq!(life.service.get(&admin.token, &path).await.1["status"], "offline");
    let (status, truth) = life.service.get(&admin.token, &with_reason).await;
    assert_eq!((status, &truth["status"]), (StatusCode::OK, &json!("invisible")), "{truth}");
}

#[tokio::test]
async fn the_history_of_the_invisible_is_for_administrators() {
    let life = Life::begin().await;
    let path = format!("/api/presence/transitions/?user={}", life.ada.id);
    for viewer in &life.others[..2] {
        assert_eq!(life.service.get(&viewer.token, &path).await.0, StatusCode::FORBIDDEN);
    }
    assert_eq!(life.service.get(&life.others[2].token, &path).await.0, StatusCode::OK);
}
