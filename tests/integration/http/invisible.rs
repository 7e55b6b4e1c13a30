//! Whoever is invisible is, to others, offline to the byte: the same people live twice, once one of them logs out, once
//! they go invisible and live on; every answer to others is compared as text.

use reqwest::{Method, StatusCode};
use rollcall::presence::{Amendment, LoginId, Millis, Org, Role, Status, UserId, Whose};
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

    /// Straight at the store: a request would be a sign of life of the same moment, which a going is not.
    async fn hide(&self) {
        let amendment = Amendment {
            id: "hide".to_owned(),
            status: Some(Status::Invisible),
            text: None,
            emoji: None,
            until: None,
        };
        let hidden = self.service.app.store.amend_claim(&self.user(), &Org::default(), &amendment).await;
        hidden.unwrap().unwrap();
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
        for tail in ["online/", "online/?limit=50", &format!("{id}/"), &format!("{id}/online-status/")] {
            paths.push((Role::Moderator, "GET", format!("{admin}{tail}")));
        }
        for limit in [50, 1_000] {
            paths.push((Role::Moderator, "GET", format!("/api/presence/online/?limit={limit}")));
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
                seen.push((format!("{method} {path} by viewer {index}"), of_her(&text, &id.to_string())));
            }
        }
        seen
    }
}

/// The answer without what is not of her: the moment of the answer, when accounts were made, and viewers, whose own sign of life is
/// written once in a real second.
fn of_her(text: &str, her: &str) -> String {
    let mut answer: Value = serde_json::from_str(text).unwrap();
    for list in ["results", "users", "online_users"] {
        if let Some(Value::Array(people)) = answer.get_mut(list) {
            people.retain(|each| !each["username"].as_str().is_some_and(|name| name.starts_with("viewer-")));
            people.retain(|each| each["user_id"].as_str().is_none_or(|user| user == her));
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
    hidden.hide().await;
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

/// What an administrator reads of her past.
async fn past(life: &Life, why: &str) -> Vec<(StatusCode, Value)> {
    let (id, eve) = (life.ada.id, &life.others[2].token);
    let mut answers = Vec::new();
    for path in [
        format!("transitions/?user={id}&{why}"),
        format!("users/{id}/timeline/?since=2020-01-01T00:00:00Z&until=2100-01-01T00:00:00Z&{why}"),
        format!("users/{id}/explain/?{why}"),
    ] {
        answers.push(life.service.get(eve, &format!("/api/presence/{path}")).await);
    }
    answers
}

/// Without the real moments at which rows were copied, and how many entries of the shard that was: an unseen wish has one.
fn forget_copying(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("recorded_at");
            fields.remove("shard");
            fields.values_mut().for_each(forget_copying);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_copying),
        _ => {}
    }
}

/// The facts of a coming or going, and of nothing else.
fn brief(row: &Value) -> (Value, Value, Value) {
    (row["from_status"].clone(), row["to_status"].clone(), row["reason"].clone())
}

/// To whoever says why, who leaves a row for each look.
async fn the_truth_is_told(life: &Life) {
    let truth = past(life, "why=ticket%207").await;
    let text = json!(truth.iter().map(|(_, answer)| answer).collect::<Vec<_>>()).to_string();
    assert!(text.contains("invisible") && text.contains("manual_set"), "{text}");
    assert_eq!(truth[0].1["results"][0]["sequence"], 5, "{}", truth[0].1);
    let eve = &life.others[2].token;
    let (_, looks) = life.service.get(eve, "/api/admin/audit-logs/?action=PRESENCE_REVEALED").await;
    let looks = looks["results"].as_array().unwrap();
    assert_eq!(looks.len(), 3, "{looks:?}");
}

#[tokio::test]
async fn the_past_tells_of_the_invisible_to_those_who_say_why() {
    let life = Life::begin().await;
    for viewer in &life.others[..2] {
        let path = format!("/api/presence/transitions/?user={}", life.ada.id);
        assert_eq!(life.service.get(&viewer.token, &path).await.0, StatusCode::FORBIDDEN);
    }
    for (ms, status) in [(10_000, "invisible"), (20_000, "online"), (30_000, "invisible")] {
        life.at(ms);
        life.claim(json!({"status": status})).await;
    }
    life.at(40_000);
    life.beat(json!({"session": "one", "logout": true})).await;
    super::copy(&life.service).await;
    let shown = past(&life, "").await;
    let text = json!(shown.iter().map(|(_, answer)| answer).collect::<Vec<_>>()).to_string();
    for word in ["invisible", "manual_set", "manual_cleared", "wish"] {
        // She was busy once before, for everybody to see.
        let seen = if word == "manual_set" { 4 } else { 0 };
        assert!(text.matches(word).count() <= seen, "{word} in {text}");
    }
    let rows = shown[0].1["results"].as_array().unwrap();
    let (online, offline, busy) = (json!("online"), json!("offline"), json!("busy"));
    let (closed, connect) = (json!("closed"), json!("connect"));
    let told: Vec<_> = rows.iter().map(brief).collect();
    assert_eq!(
        told,
        [
            (online.clone(), offline.clone(), closed.clone()),
            (offline.clone(), online.clone(), connect.clone()),
            (busy.clone(), offline.clone(), closed),
            (online.clone(), busy, json!("manual_set")),
            (offline, online.clone(), connect),
        ]
    );
    // A true coming is told as briefly as hers.
    for row in [&rows[0], &rows[1], &rows[4]] {
        let untold = ["sequence", "detected_at", "recorded_at", "session_id", "device", "actor"];
        assert!(untold.iter().all(|name| row[name].is_null()), "{row}");
    }
    let intervals = shown[1].1["intervals"].as_array().unwrap();
    let spans: Vec<_> = intervals.iter().map(|each| (&each["status"], &each["end_reason"])).collect();
    let (busy, closed) = (json!("busy"), json!("closed"));
    assert_eq!(
        spans,
        [(&online, &closed), (&busy, &closed), (&online, &json!("manual_set"))],
        "{}",
        shown[1].1
    );
    let explained = &shown[2].1;
    assert_eq!((&explained["layers"]["status"], &explained["sessions"]), (&json!("offline"), &json!([])));
    assert_eq!((&explained["claims"], &explained["redis"]), (&json!([]), &Value::Null), "{explained}");

    the_truth_is_told(&life).await;
}

#[tokio::test]
async fn the_past_of_somebody_hidden_reads_like_that_of_somebody_gone() {
    let (gone, hidden) = (Life::begin().await, Life::begin().await);
    // Nobody goes in the grace with which somebody begins to listen.
    for ms in (10_000..=100_000).step_by(5_000) {
        for life in [&gone, &hidden] {
            life.at(ms);
            life.service.app.store.own(0, false).await.unwrap();
        }
    }
    // One closes her page, the other hides at the moment at which the first is gone.
    gone.beat(json!({"session": "one", "device": "web", "logout": true})).await;
    [&gone, &hidden].into_iter().for_each(|life| life.at(105_000));
    gone.service.app.store.expire(0, &[gone.user()]).await.unwrap();
    hidden.hide().await;
    // She keeps no claim for her return either.
    let (user, org) = (gone.user(), Org::default());
    gone.service.app.store.claim(&user, &org, Whose::Manual, None, None).await.unwrap();
    let told = async |life: &Life| {
        super::copy(&life.service).await;
        let mut told = Vec::new();
        for (status, mut answer) in past(life, "").await {
            assert_eq!(status, StatusCode::OK, "{answer}");
            forget_copying(&mut answer);
            told.push(answer);
        }
        told
    };
    assert_eq!(told(&gone).await, told(&hidden).await);
}

#[tokio::test]
async fn who_was_only_ever_unseen_is_nobody_to_those_who_do_not_say_why() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    let token = service.token("4711", "k");
    let request = service.request(Method::PUT, "/api/presence/status/").bearer_auth(&token);
    assert_eq!(answer(request.json(&json!({"status": "invisible"}))).await.0, StatusCode::OK);
    super::copy(&service).await;
    for path in ["/api/presence/users/4711/timeline/", "/api/presence/users/4711/explain/"] {
        assert_eq!(service.get(&eve.token, path).await.0, StatusCode::NOT_FOUND, "{path}");
        let (status, told) = service.get(&eve.token, &format!("{path}?why=ticket")).await;
        assert_eq!(status, StatusCode::OK, "{path}: {told}");
    }
    for path in ["transitions/?to=invisible", "transitions/?from=invisible"] {
        let (status, answer) = service.get(&eve.token, &format!("/api/presence/{path}")).await;
        assert_eq!((status, &answer["code"]), (StatusCode::BAD_REQUEST, &json!("invalid_value")), "{path}");
    }
    let (_, told) = service.get(&eve.token, "/api/presence/transitions/?to=invisible&why=ticket").await;
    assert_eq!(told["results"][0]["to_status"], "invisible", "{told}");
    let now = rollcall::http::Timestamp::from(service.app.audit.reach().await.unwrap().now);
    let at = format!("/api/presence/at/?time={now}");
    let (_, seen) = service.get(&eve.token, &at).await;
    assert_eq!((&seen["count"], &seen["results"]), (&json!(0), &json!([])));
    let (_, truth) = service.get(&eve.token, &format!("{at}&why=ticket")).await;
    assert_eq!(
        (&truth["count"], &truth["results"][0]["status"]),
        (&json!(1), &json!("invisible")),
        "{truth}"
    );
}
