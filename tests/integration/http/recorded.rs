//! Whoever changes something leaves an action: every request of the API that could, one after the other.

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use rollcall::accounts::AccountStatus;
use rollcall::live::openapi_json;
use rollcall::presence::Role;
use serde_json::{Value, json};
use sqlx::{PgPool, Row};

use crate::support;
use crate::support::service::{PASSWORD, Person, Service, answer};

/// What a request must leave.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Left {
    /// This action, by this caller, who sends this body; `{id}` is the number of what it is about, `{name}` a new name.
    By(Who, &'static str, &'static str),
    /// This action; it takes several steps, and the test of that name here does them and looks at the row.
    Seen(&'static str, &'static str),
    /// Nothing, and why.
    Nothing(&'static str),
}
use Left::{By, Nothing, Seen};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    /// Somebody who says a password, and had no account before.
    Stranger,
    /// Somebody who says a password.
    Anyone,
    /// A user, of their own account.
    Oneself,
    /// A user, of another login of theirs.
    OneselfElsewhere,
    /// An administrator, of an account that is in this state.
    Admin(AccountStatus),
    /// An administrator, of what this request made before; its answer has the `id`.
    AdminOf(&'static str, &'static str),
}
use Who::{Admin, AdminOf, Anyone, Oneself, OneselfElsewhere, Stranger};

const ACTIVE: Who = Admin(AccountStatus::Active);
const PENDING: Who = Admin(AccountStatus::Pending);
const LOGIN: &str = r#"{"username": "{name}", "password": "correct horse"}"#;
const WHY: &str = r#"{"reason": "because"}"#;
const NONE: &str = "{}";
const CHANGE: &str = r#"{"first_name": "Other"}"#;

/// Every request that is not a GET, and what it must leave.
fn left(request: &str) -> Option<Left> {
    const PRESENCE: Left = Nothing("a change of presence is in transitions_log");
    const READS: Left = Nothing("changes nothing");
    const USER: &str = r#"{"user_id": "{id}"}"#;
    const HIDE: &str = r#"{"last_seen_visibility": "nobody"}"#;
    const PASSWORD: &str = r#"{"current_password": "correct horse", "new_password": "wrong horse, staple"}"#;
    if let Some((method, path)) = request.split_once(" /api/users/admin/users/") {
        return of_people(method, path);
    }
    Some(match request {
        "POST /api/auth/register/" => By(Stranger, "USER_REGISTERED", LOGIN),
        "POST /api/auth/login/" => By(Anyone, "USER_LOGIN", LOGIN),
        "POST /api/auth/refresh/" => Nothing("a login goes on; a token that comes back twice is recorded"),
        "POST /api/auth/logout/" => By(Oneself, "USER_LOGOUT", NONE),
        "POST /api/auth/logout-all-devices/" => By(Oneself, "LOGOUT_ALL", NONE),
        "POST /api/auth/erase/" => By(Oneself, "USER_ERASED", r#"{"password": "correct horse"}"#),
        "PUT /api/auth/privacy/" => By(Oneself, "PRIVACY_CHANGED", HIDE),
        "PUT /api/admin/privacy/{id}/" => By(ACTIVE, "PRIVACY_CHANGED", HIDE),
        "PATCH /api/auth/me/" | "PUT /api/auth/profile/" | "PUT /api/users/profile/" => {
            By(Oneself, "PROFILE_CHANGED", CHANGE)
        }
        "POST /api/auth/password/" => By(Oneself, "PASSWORD_CHANGED", PASSWORD),
        "POST /api/auth/password/reset/" => Seen("PASSWORD_RESET", "own"),
        "POST /api/auth/totp/" => Seen("TOTP_ASKED", "totp"),
        "POST /api/auth/totp/confirm/" => Seen("TOTP_ENABLED", "totp"),
        "DELETE /api/auth/totp/" => Seen("TOTP_DISABLED", "totp"),
        "DELETE /api/auth/sessions/{id}/" => By(OneselfElsewhere, "USER_LOGOUT", NONE),
        "POST /api/auth/verify/" | "POST /api/presence/query/" => READS,
        "POST /api/users/heartbeat/"
        | "POST /api/presence/activity/"
        | "PUT /api/presence/status/"
        | "DELETE /api/presence/status/" => PRESENCE,
        "PUT /api/presence/rooms/{room}/membership/"
        | "DELETE /api/presence/rooms/{room}/membership/"
        | "POST /api/presence/rooms/grants/" => Nothing("who is in a room, or may be, is not kept"),
        "POST /api/presence/users/{id}/set-online-status/" => By(ACTIVE, "ONLINE_STATUS_SET", WHY),
        "DELETE /api/presence/users/{id}/set-online-status/" => By(ACTIVE, "ONLINE_STATUS_CLEARED", WHY),
        "POST /api/presence/users/{id}/force-logout/" => By(ACTIVE, "FORCE_LOGOUT", WHY),
        "POST /api/admin/pending-users/{id}/approve/" => By(PENDING, "USER_APPROVED", NONE),
        "POST /api/admin/pending-users/{id}/reject/" => By(PENDING, "USER_REJECTED", NONE),
        "POST /api/users/data/export/" => By(ACTIVE, "DATA_EXPORTED", USER),
        "POST /api/users/data/delete/" | "POST /api/admin/erase/" => By(ACTIVE, "USER_ERASED", USER),
        request => return of_things(request),
    })
}

/// The same of what has to be made before it can be changed.
fn of_things(request: &str) -> Option<Left> {
    const KEY: &str = r#"{"name": "shop", "scopes": ["presence:read"]}"#;
    const BLOCK: &str = r#"{"cidr": "203.0.113.7/32", "reason": "because"}"#;
    const OTHER: &str = r#"{"cidr": "198.51.100.7/32", "reason": "because"}"#;
    const HOOK: &str = r#"{"name": "shop", "url": "https://hooks.invalid/"}"#;
    const WEBHOOK: Who = AdminOf("POST /api/admin/webhooks/", HOOK);
    const IN_TRASH: Who = AdminOf("DELETE /api/users/admin/users/{id}/", NONE);
    Some(match request {
        "POST /api/users/trash/restore/" => By(IN_TRASH, "USER_RESTORED", r#"{"id": {id}}"#),
        "POST /api/users/trash/empty_trash/" => By(IN_TRASH, "PERMANENT_DELETE", NONE),
        "POST /api/admin/service-keys/" => By(ACTIVE, "SERVICE_KEY_CREATED", KEY),
        "DELETE /api/admin/service-keys/{id}/" => {
            By(AdminOf("POST /api/admin/service-keys/", KEY), "SERVICE_KEY_REVOKED", NONE)
        }
        "POST /api/admin/webhooks/" => By(ACTIVE, "WEBHOOK_CREATED", HOOK),
        "PATCH /api/admin/webhooks/{id}/" => By(WEBHOOK, "WEBHOOK_CHANGED", r#"{"enabled": false}"#),
        "DELETE /api/admin/webhooks/{id}/" => By(WEBHOOK, "WEBHOOK_DELETED", NONE),
        "POST /api/admin/webhooks/{id}/rotate-secret/" => By(WEBHOOK, "WEBHOOK_SECRET_ROTATED", NONE),
        "POST /api/admin/webhooks/{id}/test/" => By(WEBHOOK, "WEBHOOK_TESTED", NONE),
        "POST /api/admin/webhooks/{id}/deliveries/{delivery}/redeliver/" => {
            Seen("WEBHOOK_REDELIVERED", "webhooks")
        }
        "POST /api/admin/blocked-addresses/" => By(ACTIVE, "ADDRESS_BLOCKED", BLOCK),
        "DELETE /api/admin/blocked-addresses/{id}/" => {
            By(AdminOf("POST /api/admin/blocked-addresses/", OTHER), "ADDRESS_UNBLOCKED", NONE)
        }
        _ => return None,
    })
}

/// The same of those below `/api/users/admin/users/`.
fn of_people(method: &str, path: &str) -> Option<Left> {
    const BULK: &str = r#"{"action": "suspend", "ids": [{id}], "reason": "because"}"#;
    const LINES: &str = "username,email\n{name},{name}@example.org\n";
    Some(match (method, path) {
        ("POST", "") => By(ACTIVE, "USER_CREATED", LOGIN),
        ("POST", "bulk/") => By(ACTIVE, "USER_SUSPENDED", BULK),
        ("POST", "import/") => By(ACTIVE, "DATA_IMPORTED", LINES),
        ("PUT" | "PATCH", "{id}/") => By(ACTIVE, "USER_UPDATED", CHANGE),
        ("DELETE", "{id}/") => By(ACTIVE, "USER_DELETED", NONE),
        ("POST", "{id}/erase/") => By(ACTIVE, "USER_ERASED", WHY),
        ("POST", "{id}/set-online-status/") => By(ACTIVE, "ONLINE_STATUS_SET", WHY),
        ("DELETE", "{id}/set-online-status/") => By(ACTIVE, "ONLINE_STATUS_CLEARED", WHY),
        ("POST", "{id}/approve/") => By(PENDING, "USER_APPROVED", WHY),
        ("POST", "{id}/reject/") => By(PENDING, "USER_REJECTED", WHY),
        ("POST", "{id}/suspend/") => By(ACTIVE, "USER_SUSPENDED", WHY),
        ("POST", "{id}/ban/") => By(ACTIVE, "USER_BANNED", WHY),
        ("POST", "{id}/activate/") => By(Admin(AccountStatus::Suspended), "USER_ACTIVATED", WHY),
        ("POST", "{id}/reset-link/") => By(ACTIVE, "RESET_LINK_CREATED", NONE),
        ("POST", "{id}/reset-totp/") => Seen("TOTP_RESET", "totp"),
        ("DELETE", "{id}/sessions/{session}/") => Seen("FORCE_LOGOUT", "sessions"),
        ("POST", "{id}/force-logout/") => By(ACTIVE, "FORCE_LOGOUT", WHY),
        _ => return None,
    })
}

/// A GET that takes data out is as good as a change.
const EXPORTS: [&str; 4] = [
    "/api/presence/transitions/export/",
    "/api/admin/audit-logs/export/",
    "/api/users/admin/users/export/",
    "/api/auth/export/",
];

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

/// The rows that a request left, by its id.
async fn rows(pool: &PgPool, request: &str) -> Vec<Value> {
    let rows = sqlx::query("SELECT to_jsonb(a) AS row FROM admin_actions a WHERE request_id = $1");
    let rows = rows.bind(request).fetch_all(pool).await.unwrap();
    rows.iter().map(|row| row.get("row")).collect()
}

/// The only one.
async fn row(pool: &PgPool, request: &str) -> Value {
    let rows = rows(pool, request).await;
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

    /// Sends a request under an id, with a body; answers status and JSON.
    async fn send(&self, id: &str, request: &str, token: Option<&str>, body: &str) -> (StatusCode, Value) {
        let (method, path) = request.split_once(' ').unwrap();
        let mut sent = self.service.request(method.parse::<Method>().unwrap(), path);
        let kind = if body.starts_with('{') { "application/json" } else { "text/csv" };
        sent = sent.header("x-request-id", id).header("user-agent", "tests").header("content-type", kind);
        if let Some(token) = token {
            sent = sent.bearer_auth(token);
        }
        answer(sent.body(body.to_owned())).await
    }

    /// The number of what a request is about, and the token of who sends it.
    async fn prepare(&self, who: Who, name: &str) -> (Option<String>, Option<String>) {
        let eve = Some(self.eve.token.clone());
        match who {
            Stranger => (None, None),
            Anyone => (Some(self.service.person(name, Role::User).await.id.to_string()), None),
            Oneself => {
                let id = self.service.person(name, Role::User).await.id.to_string();
                let login = self.service.log_in(name).await;
                (Some(id), Some(login["tokens"]["access"].as_str().unwrap().to_owned()))
            }
            OneselfElsewhere => {
                let id = self.service.person(name, Role::User).await.id;
                self.service.log_in(name).await;
                let other: String = sqlx::query_scalar("SELECT login FROM token_families WHERE user_id = $1")
                    .bind(id)
                    .fetch_one(&self.pool)
                    .await
                    .unwrap();
                let login = self.service.log_in(name).await;
                (Some(other), Some(login["tokens"]["access"].as_str().unwrap().to_owned()))
            }
            Admin(status) => {
                let person = self.service.person_of(name, Role::User, "main", status).await;
                (Some(person.id.to_string()), eve)
            }
            AdminOf(before, body) => {
                let person = self.service.person(name, Role::User).await.id.to_string();
                let before = before.replace("{id}", &person);
                let (status, made) =
                    self.send(&format!("{name}-before"), &before, eve.as_deref(), body).await;
                assert!(status.is_success(), "{before}: {status} {made}");
                let id = made.get("id").map_or(person, |id| id.to_string().trim_matches('"').to_owned());
                (Some(id), eve)
            }
        }
    }

    /// Does as `who` what must leave `action`, and looks at the row.
    async fn check(&self, id: &str, request: &str, who: Who, action: &str, body: &str) {
        let name = format!("person{}", id.rsplit('-').next().unwrap());
        let (target, token) = self.prepare(who, &name).await;
        let about = target.unwrap_or_default();
        // Somebody who is made by the request needs another name than whoever it is sent about.
        let new = if matches!(who, Admin(_)) { format!("{name}new") } else { name };
        let body = body.replace("{id}", &about).replace("{name}", &new);
        let sent = request.replace("{id}", &about);
        let (status, said) = self.send(id, &sent, token.as_deref(), &body).await;
        assert!(status.is_success(), "{request}: {status} {said}");
        let rows = rows(&self.pool, id).await;
        let Some(row) = rows.iter().find(|row| row["action"] == action) else {
            panic!("{request} left {rows:?} and no {action}");
        };
        assert!(row["user_agent"] == "tests" && row["address"].is_string(), "{row}");
        for known in ["actor", "target_type", "severity", "category", "detail"] {
            assert!(row[known].is_string(), "{request} does not say its {known}: {row}");
        }
        assert!(who == Stranger || row["session_id"].is_string(), "{row}");
        if request.contains("users/{id}/") && !request.ends_with("/erase/") {
            assert_eq!(row["target_id"], about, "{row}");
        }
        if matches!(who, Admin(_) | AdminOf(..)) {
            assert_eq!(row["actor"], self.eve.id.to_string(), "{row}");
        }
        let text = json!(rows).to_string();
        assert!(!text.contains(PASSWORD) && !text.contains("$argon2"), "a secret is in {text}");
    }
}

#[tokio::test]
async fn every_request_that_changes_something_leaves_its_action() {
    let fixture = Fixture::new().await;
    for (n, request) in described().iter().enumerate() {
        match left(request) {
            None => panic!("say in this file what {request} leaves"),
            Some(By(who, action, body)) => {
                fixture.check(&format!("walk-{n}"), request, who, action, body).await;
            }
            Some(Seen(action, test)) => {
                let path = format!("{}/tests/integration/http/{test}.rs", env!("CARGO_MANIFEST_DIR"));
                let text = std::fs::read_to_string(path).unwrap();
                assert!(text.contains(action), "{test} does not look at {action}");
            }
            Some(Nothing(_)) => {}
        }
    }
    for (n, path) in EXPORTS.iter().enumerate() {
        let id = format!("export-{n}");
        let (status, said) = fixture.send(&id, &format!("GET {path}"), Some(&fixture.eve.token), NONE).await;
        assert_eq!(status, StatusCode::OK, "{path}: {said}");
        assert_eq!(row(&fixture.pool, &id).await["action"], "DATA_EXPORTED");
    }
}

#[tokio::test]
async fn what_fails_leaves_its_action_or_none() {
    let fixture = Fixture::new().await;
    let ada = fixture.service.person("ada", Role::User).await;
    let login = "POST /api/auth/login/";
    let wrong = r#"{"username": "ada", "password": "wrong password"}"#;
    assert_eq!(fixture.send("wrong", login, None, wrong).await.0, StatusCode::UNAUTHORIZED);
    let row = row(&fixture.pool, "wrong").await;
    assert_eq!((&row["action"], &row["severity"]), (&json!("USER_FAILED_LOGIN"), &json!("warning")));
    assert_eq!((&row["actor"], &row["target_id"]), (&Value::Null, &json!(ada.id.to_string())));
    assert!(!row.to_string().contains("wrong password"), "{row}");
    let stranger = r#"{"username": "mallory", "password": "wrong password"}"#;
    fixture.send("stranger", login, None, stranger).await;
    assert!(!self::row(&fixture.pool, "stranger").await.to_string().contains("mallory"));
    // Nothing was decided, so nothing is recorded.
    let ban = "POST /api/users/admin/users/4711/ban/";
    let (status, _) = fixture.send("refused", ban, Some(&fixture.eve.token), NONE).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(rows(&fixture.pool, "refused").await, Vec::<Value>::new());
}
