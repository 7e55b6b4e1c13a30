//! `/api/auth/privacy/`, `/api/admin/privacy/{id}/`: whoever hides when they were last seen is, to others, like somebody
//! who was never seen, to the byte: the same account twice, once with a life behind it, once with none.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use rollcall::presence::{LoginId, Millis, Org, Role, UserId};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::journeys::eventually;
use crate::store::a_day_ahead;
use crate::support;
use crate::support::service::{Person, Service, answer};

const OWN: &str = "/api/auth/privacy/";

/// A house with one person, and those who look at her.
struct House {
    service: Service,
    database: String,
    ada: Person,
    others: Vec<Person>,
}

impl House {
    async fn new() -> Self {
        let database = support::database_url().await;
        let service = Service::on(&support::stack().redis_url(), &database, &["--redis-shards", "1"]).await;
        let ada = service.person("ada", Role::User).await;
        let mut others = Vec::new();
        for role in [Role::User, Role::Moderator, Role::Admin] {
            others.push(service.person(&format!("viewer-{role}"), role).await);
        }
        let house = Self { service, database, ada, others };
        house.at(0);
        // Their own coming is not what is compared.
        for viewer in &house.others {
            assert_eq!(house.service.beat(&viewer.token, json!({})).await.0, StatusCode::OK);
        }
        house
    }

    fn at(&self, ms: i64) {
        self.service.app.store.clock().set(a_day_ahead() + Millis(ms));
    }

    fn user(&self) -> UserId {
        UserId::parse(&self.ada.id.to_string()).unwrap()
    }

    async fn beat(&self, body: Value) -> Value {
        let (status, answer) = self.service.beat(&self.ada.token, body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    async fn leave(&self) {
        let login = LoginId::parse(&format!("login-{}", self.ada.id)).unwrap();
        self.service.app.store.end_login(&self.user(), &Org::default(), &login).await.unwrap();
    }

    async fn choose(&self, who: &str) {
        let path = format!("/api/admin/privacy/{}/", self.ada.id);
        let (status, said) =
            put(&self.service, &self.others[2].token, &path, json!({"last_seen_visibility": who})).await;
        assert_eq!((status, &said["last_seen_visibility"]), (StatusCode::OK, &json!(who)), "{said}");
    }

    /// Every answer that tells a plain user of her, as text.
    async fn seen_by_users(&self) -> Vec<String> {
        let viewer = &self.others[0].token;
        let id = self.ada.id.to_string();
        let mut seen = Vec::new();
        for (method, path, body) in [
            (Method::POST, "/api/presence/query/".to_owned(), Some(json!({"users": [id]}))),
            (Method::GET, format!("/api/presence/users/{id}/"), None),
            (Method::GET, "/api/presence/stats/".to_owned(), None),
            (Method::GET, "/api/users/all-users/".to_owned(), None),
        ] {
            let mut request = self.service.request(method, &path).bearer_auth(viewer);
            if let Some(body) = body {
                request = request.json(&body);
            }
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            seen.push(of_her(&response.text().await.unwrap()));
        }
        seen
    }

    async fn last_seen(&self, viewer: usize) -> Value {
        let path = format!("/api/presence/users/{}/", self.ada.id);
        self.service.get(&self.others[viewer].token, &path).await.1["last_seen"].clone()
    }
}

async fn put(service: &Service, token: &str, path: &str, body: Value) -> (StatusCode, Value) {
    answer(service.request(Method::PUT, path).bearer_auth(token).json(&body)).await
}

/// The answer without the viewers, whose own sign of life is written once in a real second, and without the time of the
/// answer and those at which accounts were made.
fn of_her(text: &str) -> String {
    let mut answer: Value = serde_json::from_str(text).unwrap();
    if let Some(Value::Array(people)) = answer.get_mut("users") {
        people.retain(|each| each["username"] == "ada");
        for person in people {
            for made in ["created_at", "join_date"] {
                person.as_object_mut().unwrap().remove(made);
            }
        }
    }
    answer.as_object_mut().unwrap().remove("server_time");
    answer.to_string()
}

#[tokio::test]
async fn whoever_hides_it_is_offline_like_somebody_who_was_never_seen() {
    let (lived, never) = (House::new().await, House::new().await);
    lived.choose("nobody").await;
    assert_eq!(lived.seen_by_users().await, never.seen_by_users().await, "before her life");
    lived.beat(json!({"session": "one", "device": "web"})).await;
    lived.at(4_000);
    let own = lived.beat(json!({"session": "one"})).await;
    assert!(own["last_seen"].is_string() && own["since"].is_string(), "her own answers tell her: {own}");
    let (_, present) =
        lived.service.get(&lived.others[0].token, &format!("/api/presence/users/{}/", lived.ada.id)).await;
    assert_eq!((&present["status"], &present["last_seen"]), (&json!("online"), &Value::Null), "{present}");
    for (ms, note) in [(9_000, "just gone"), (60_000, "a minute later")] {
        [&lived, &never].into_iter().for_each(|house| house.at(ms));
        lived.leave().await;
        assert_eq!(lived.seen_by_users().await, never.seen_by_users().await, "{note}");
    }
    // Copied, and forgotten by Redis: now the history answers.
    let newest = super::transitions::copy_all(&lived.service).await;
    lived.service.app.store.trim(0, newest + 1, &[lived.user()]).await.unwrap();
    assert!(lived.service.app.store.views(&[lived.user()]).await.unwrap()[0].is_none(), "forgotten");
    assert_eq!(lived.seen_by_users().await, never.seen_by_users().await, "remembered");
    // Whoever looks after people sees it; so do all once she lets them.
    assert_eq!(lived.last_seen(0).await, Value::Null);
    for viewer in [1, 2] {
        assert!(lived.last_seen(viewer).await.is_string(), "viewer {viewer}");
    }
    for who in ["organisation", "everyone"] {
        lived.choose(who).await;
        assert!(lived.last_seen(0).await.is_string(), "{who}");
        assert_ne!(lived.seen_by_users().await, never.seen_by_users().await, "{who}");
    }
}

#[tokio::test]
async fn whoever_hides_it_and_goes_invisible_is_like_somebody_who_was_never_seen() {
    let (lived, never) = (House::new().await, House::new().await);
    lived.choose("nobody").await;
    lived.beat(json!({"session": "one"})).await;
    let status = lived.service.request(Method::PUT, "/api/presence/status/").bearer_auth(&lived.ada.token);
    assert_eq!(answer(status.json(&json!({"status": "invisible"}))).await.0, StatusCode::OK);
    assert_eq!(lived.seen_by_users().await, never.seen_by_users().await, "invisible");
    lived.at(5_000);
    never.at(5_000);
    lived.beat(json!({"session": "two", "device": "mobile"})).await;
    assert_eq!(lived.seen_by_users().await, never.seen_by_users().await, "living on");
}

#[tokio::test]
async fn people_choose_for_themselves_and_each_change_is_recorded_once() {
    let house = House::new().await;
    let (service, ada) = (&house.service, &house.ada);
    assert_eq!(service.get(&ada.token, OWN).await.1["last_seen_visibility"], "everyone");
    for _ in 0..2 {
        let (status, said) = put(service, &ada.token, OWN, json!({"last_seen_visibility": "nobody"})).await;
        assert_eq!((status, &said["last_seen_visibility"]), (StatusCode::OK, &json!("nobody")), "{said}");
    }
    let (_, unchanged) = put(service, &ada.token, OWN, json!({})).await;
    assert_eq!(unchanged, service.get(&ada.token, OWN).await.1);
    for (body, code) in
        [(json!({"last_seen_visibility": "friends"}), "invalid_value"), (json!({"seen": 1}), "unknown_field")]
    {
        let (status, problem) = put(service, &ada.token, OWN, body).await;
        assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!(code)), "{problem}");
    }
    // People of a host application have no account; a number must be one.
    let admin = &house.others[2];
    let hide = json!({"last_seen_visibility": "nobody"});
    assert_eq!(
        put(service, &admin.token, "/api/admin/privacy/corp~7/", hide.clone()).await.0,
        StatusCode::OK
    );
    assert_eq!(
        service.get(&admin.token, "/api/admin/privacy/corp~7/").await.1["last_seen_visibility"],
        "nobody"
    );
    assert_eq!(
        put(service, &admin.token, "/api/admin/privacy/4711/", hide.clone()).await.0,
        StatusCode::NOT_FOUND
    );
    for other in [ada, &house.others[0], &house.others[1]] {
        let (status, _) = put(service, &other.token, "/api/admin/privacy/corp~7/", hide.clone()).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
    }
    let owner = PgPool::connect(&house.database).await.unwrap();
    let rows: Vec<(Option<String>, Option<String>, String, Value)> = sqlx::query_as(
        "SELECT actor, target_id, category, after FROM admin_actions WHERE action = 'PRIVACY_CHANGED' \
         ORDER BY occurred_at",
    )
    .fetch_all(&owner)
    .await
    .unwrap();
    let row = |actor: i64, target: &str, category: &str| {
        (Some(actor.to_string()), Some(target.to_owned()), category.to_owned(), hide.clone())
    };
    assert_eq!(rows, [row(ada.id, &ada.id.to_string(), "user"), row(admin.id, "corp~7", "admin")]);
}

#[tokio::test]
async fn another_node_follows_within_two_seconds_and_hides_while_it_knows_nothing() {
    let (redis, prefix) = (support::stack().redis_url(), support::prefix());
    let database = support::database_url().await;
    let one = Service::node(&redis, &database, &prefix, &[]).await;
    crate::journeys::ready(&one).await;
    let ada = one.person("ada", Role::User).await;
    let bob = one.person("bob", Role::User).await;
    assert_eq!(one.beat(&ada.token, json!({})).await.0, StatusCode::OK);
    let two = Service::node(&redis, &database, &prefix, &[]).await;
    let path = format!("/api/presence/users/{}/", ada.id);
    let seen = async |node: &Service| node.get(&bob.token, &path).await.1["last_seen"].clone();
    let limit = Duration::from_secs(5);
    eventually("the second node knows the choices", limit, async || {
        seen(&two).await.is_string().then_some(())
    })
    .await;
    assert_eq!(put(&one, &ada.token, OWN, json!({"last_seen_visibility": "nobody"})).await.0, StatusCode::OK);
    assert_eq!(seen(&one).await, Value::Null, "the node that was told knows at once");
    eventually("the other follows", Duration::from_secs(2), async || {
        seen(&two).await.is_null().then_some(())
    })
    .await;
    assert!(two.stop().await && one.stop().await);
    // Whatever was lost or restarted: a new node reads what people chose.
    let three = Service::node(&redis, &database, &support::prefix(), &[]).await;
    crate::journeys::ready(&three).await;
    assert_eq!(three.beat(&ada.token, json!({})).await.0, StatusCode::OK);
    let choice = async || {
        three.app.visibilities.refresh(&three.app.accounts).await.unwrap();
        three.app.visibilities.choices().of(&UserId::parse(&ada.id.to_string()).unwrap())
    };
    assert_eq!(choice().await, rollcall::presence::LastSeenVisibility::Nobody);
    assert_eq!(seen(&three).await, Value::Null);
    three.stop().await;
}
