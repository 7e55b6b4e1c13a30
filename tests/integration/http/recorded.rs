//! Whoever changes something leaves an action: every request of the API that could, one after the other.

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use rollcall::accounts::AccountStatus;
use rollcall::http::openapi_json;
use rollcall::presence::Role;
use serde_json::{Value, json};
use sqlx::{PgPool, Row};

use crate::support;
use crate::support::service::{PASSWORD, Person, Service, answer};

/// What a request must leave.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Left {
    /// This action, by this caller.
    By(Who, &'static str),
    /// Nothing, and why.
    Nothing(&'static str),
}
use Left::{By, Nothing};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    /// Nobody that is known before.
    Anyone,
    /// A user, of their own account.
    Oneself,
    /// An administrator, of an account that is in this state.
    Admin(AccountStatus),
}
use Who::{Admin, Anyone, Oneself};

/// Every request that is not a GET, and what it must leave.
fn left(request: &str) -> Option<Left> {
    const ACTIVE: Who = Admin(AccountStatus::Active);
    const PENDING: Who = Admin(AccountStatus::Pending);
    const PRESENCE: Left = Nothing("a change of presence is in transitions_log");
    const READS: Left = Nothing("changes nothing");
    Some(match request {
        "POST /api/auth/register/" => By(Anyone, "USER_REGISTERED"),
        "POST /api/auth/login/" => By(Anyone, "USER_LOGIN"),
        "POST /api/auth/refresh/" => Nothing("a login goes on; a token that comes back twice is recorded"),
        "POST /api/auth/logout/" => By(Oneself, "USER_LOGOUT"),
        "POST /api/auth/logout-all-devices/" => By(Oneself, "LOGOUT_ALL"),
        "POST /api/auth/verify/" | "POST /api/presence/query/" => READS,
        "POST /api/users/heartbeat/" | "PUT /api/presence/status/" | "DELETE /api/presence/status/" => {
            PRESENCE
        }
        "POST /api/users/admin/users/{id}/set-online-status/" => By(ACTIVE, "ONLINE_STATUS_SET"),
        "DELETE /api/users/admin/users/{id}/set-online-status/" => By(ACTIVE, "ONLINE_STATUS_CLEARED"),
        "POST /api/users/admin/users/{id}/approve/" => By(PENDING, "USER_APPROVED"),
        "POST /api/users/admin/users/{id}/reject/" => By(PENDING, "USER_REJECTED"),
        "POST /api/users/admin/users/{id}/suspend/" => By(ACTIVE, "USER_SUSPENDED"),
        "POST /api/users/admin/users/{id}/ban/" => By(ACTIVE, "USER_BANNED"),
        "POST /api/users/admin/users/{id}/activate/" => By(Admin(AccountStatus::Suspended), "USER_ACTIVATED"),
        "POST /api/users/admin/users/{id}/force-logout/" => By(ACTIVE, "FORCE_LOGOUT"),
        _ => return None,
    })
}

/// A GET that takes data out is as good as a change.
const EXPORTS: [&str; 2] = ["/api/presence/transitions/export/", "/api/admin/audit-logs/export/"];

/// Every request that the API describes and that could change something.
fn described() -> Vec<String> {
    let document: Value = serde_json::from_str(&openapi_json().unwrap()).unwrap();
    let paths: BTreeMap<String, Value> = serde_json::from_value(document["paths"].clone()).unwrap();
    let requests = paths.iter().flat_map(|(path, item)| {
        let methods =
            ["post", "put", "patch", "delete"].into_iter().filter(|method| item.get(method).is_some());
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    requests.collect()
}

/// The one row that a request left, by its id.
async fn row(pool: &PgPool, request: &str) -> Value {
    let rows: Vec<Value> =
        sqlx::query("SELECT to_jsonb(a) AS row FROM admin_actions a WHERE request_id = $1")
            .bind(request)
            .fetch_all(pool)
            .await
            .unwrap()
            .iter()
            .map(|row| row.get("row"))
            .collect();
    assert_eq!(rows.len(), 1, "{request}: {rows:?}");
    rows.into_iter().next().unwrap()
}

struct Fixture {
    service: Service,
    pool: PgPool,
    eve: Person,
}

impl Fixture {
    async fn new() -> Self {
        let database = support::database_url().await;
        let service = Service::on(&support::stack().redis_url(), &database, &[]).await;
        let eve = service.person("eve", Role::Admin).await;
        Self { service, pool: PgPool::connect(&database).await.unwrap(), eve }
    }

    /// Sends a request under an id, with a body; answers the status.
    async fn send(&self, id: &str, request: &str, token: Option<&str>, body: Value) -> StatusCode {
        let (method, path) = request.split_once(' ').unwrap();
        let mut sent = self.service.request(method.parse::<Method>().unwrap(), path);
        sent = sent.header("x-request-id", id).header("user-agent", "tests");
        if let Some(token) = token {
            sent = sent.bearer_auth(token);
        }
        answer(sent.json(&body)).await.0
    }

    /// Does as `who` what must leave `action`, and looks at the row.
    async fn check(&self, id: &str, request: &str, who: Who, action: &str) {
        let name = format!("person{}", id.rsplit('-').next().unwrap());
        let target = match who {
            Admin(status) => Some(self.service.person_of(&name, Role::User, "main", status).await.id),
            Oneself => Some(self.service.person(&name, Role::User).await.id),
            Anyone if action == "USER_REGISTERED" => None,
            Anyone => Some(self.service.person(&name, Role::User).await.id),
        };
        let (token, body) = match who {
            Admin(_) => (Some(self.eve.token.clone()), json!({"reason": "because"})),
            Oneself => {
                let login = self.service.log_in(&name).await;
                (Some(login["tokens"]["access"].as_str().unwrap().to_owned()), json!({}))
            }
            Anyone => (None, json!({"username": name, "password": PASSWORD})),
        };
        let path = request.replace("{id}", &target.unwrap_or_default().to_string());
        let status = self.send(id, &path, token.as_deref(), body).await;
        assert!(status.is_success(), "{request}: {status}");
        let row = row(&self.pool, id).await;
        assert_eq!(row["action"], action, "{row}");
        assert_eq!((&row["user_agent"], &row["address"]), (&json!("tests"), &json!("127.0.0.1")), "{row}");
        for known in ["actor", "target_id", "target_type", "severity", "category", "detail"] {
            assert!(row[known].is_string(), "{request} does not say its {known}: {row}");
        }
        assert!(action == "USER_REGISTERED" || row["session_id"].is_string(), "{row}");
        if let Some(target) = target {
            assert_eq!(row["target_id"], target.to_string(), "{row}");
        }
        if matches!(who, Admin(_)) {
            assert_eq!(row["actor"], self.eve.id.to_string());
            assert!(row["detail"].as_str().unwrap().ends_with("because"), "{row}");
        }
        let text = row.to_string();
        assert!(!text.contains(PASSWORD) && !text.contains("$argon2"), "a secret is in {text}");
    }
}

#[tokio::test]
async fn every_request_that_changes_something_leaves_its_action() {
    let fixture = Fixture::new().await;
    for (n, request) in described().iter().enumerate() {
        match left(request) {
            None => panic!("say in this file what {request} leaves"),
            Some(By(who, action)) => fixture.check(&format!("walk-{n}"), request, who, action).await,
            Some(Nothing(_)) => {}
        }
    }
    for (n, path) in EXPORTS.iter().enumerate() {
        let id = format!("export-{n}");
        let status = fixture.send(&id, &format!("GET {path}"), Some(&fixture.eve.token), json!({})).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(row(&fixture.pool, &id).await["action"], "DATA_EXPORTED");
    }
}

#[tokio::test]
async fn what_fails_leaves_its_action_or_none() {
    let fixture = Fixture::new().await;
    let ada = fixture.service.person("ada", Role::User).await;
    let login = "POST /api/auth/login/";
    let wrong = json!({"username": "ada", "password": "wrong password"});
    assert_eq!(fixture.send("wrong", login, None, wrong).await, StatusCode::UNAUTHORIZED);
    let row = row(&fixture.pool, "wrong").await;
    assert_eq!((&row["action"], &row["severity"]), (&json!("USER_FAILED_LOGIN"), &json!("warning")));
    assert_eq!((&row["actor"], &row["target_id"]), (&Value::Null, &json!(ada.id.to_string())));
    assert!(!row.to_string().contains("wrong password"), "{row}");
    let stranger = json!({"username": "mallory", "password": "wrong password"});
    fixture.send("stranger", login, None, stranger).await;
    assert!(!self::row(&fixture.pool, "stranger").await.to_string().contains("mallory"));
    // Nothing was decided, so nothing is recorded.
    let refused =
        fixture.send("refused", "POST /api/users/admin/users/4711/ban/", Some(&fixture.eve.token), json!({}));
    assert_eq!(refused.await, StatusCode::NOT_FOUND);
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM admin_actions WHERE request_id = 'refused'")
        .fetch_one(&fixture.pool)
        .await
        .unwrap();
    assert_eq!(rows, 0);
}
