//! Who may do what: every endpoint of the description with every role, and the page that shows the matrix.

use std::fmt::Write;
use std::path::Path;

use reqwest::{Method, StatusCode};
use rollcall::accounts::{AccountId, AccountStatus, Origin, Permission};
use rollcall::auth::Grant;
use rollcall::live::openapi_json;
use rollcall::presence::{LoginId, Org, Role};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::support::service::{Person, Service, answer};

/// What an endpoint demands of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Demand {
    /// Nothing.
    Nothing,
    /// A login.
    Login,
    /// This permission.
    Permission(&'static str),
    /// A service key: no person may.
    Key,
}

use Demand::{Key, Login, Nothing, Permission as May};

/// Every endpoint and what it demands. A new one belongs in here, or the first test fails.
const ENDPOINTS: &[(&str, &str, Demand)] = &[
    ("POST", "/api/auth/register/", Nothing),
    ("POST", "/api/auth/login/", Nothing),
    ("POST", "/api/auth/refresh/", Nothing),
    ("POST", "/api/auth/verify/", Nothing),
    ("POST", "/api/auth/logout/", Login),
    ("POST", "/api/auth/logout-all-devices/", Login),
    ("GET", "/api/auth/totp/", Login),
    ("POST", "/api/auth/totp/", Login),
    ("DELETE", "/api/auth/totp/", Login),
    ("POST", "/api/auth/totp/confirm/", Login),
    ("GET", "/api/auth/me/", Login),
    ("PATCH", "/api/auth/me/", Login),
    ("GET", "/api/auth/profile/", Login),
    ("GET", "/api/auth/export/", Login),
    ("POST", "/api/auth/erase/", Login),
    ("GET", "/api/auth/privacy/", Login),
    ("PUT", "/api/auth/privacy/", Login),
    ("PUT", "/api/auth/profile/", Login),
    ("POST", "/api/auth/password/", Login),
    ("POST", "/api/auth/password/reset/", Nothing),
    ("GET", "/api/auth/sessions/", Login),
    ("DELETE", "/api/auth/sessions/{id}/", Login),
    ("GET", "/api/users/heartbeat/", Login),
    ("POST", "/api/users/heartbeat/", Login),
    ("GET", "/api/users/profile/", Login),
    ("PUT", "/api/users/profile/", Login),
    ("GET", "/api/users/all-users/", Login),
    ("GET", "/api/users/admin/users/", May("view_users")),
    ("POST", "/api/users/admin/users/", May("create_user")),
    // And what the action demands.
    ("POST", "/api/users/admin/users/bulk/", May("delete_user")),
    ("GET", "/api/users/admin/users/export/", May("export_data")),
    ("POST", "/api/users/admin/users/import/", May("import_users")),
    ("GET", "/api/users/admin/users/online/", May("view_users")),
    ("GET", "/api/users/admin/users/{id}/", May("view_users")),
    ("PUT", "/api/users/admin/users/{id}/", May("edit_user")),
    ("PATCH", "/api/users/admin/users/{id}/", May("edit_user")),
    // For good: `erase_user`.
    ("DELETE", "/api/users/admin/users/{id}/", May("delete_user")),
    ("GET", "/api/users/admin/users/{id}/online-status/", May("view_users")),
    ("POST", "/api/users/admin/users/{id}/set-online-status/", May("set_presence")),
    ("DELETE", "/api/users/admin/users/{id}/set-online-status/", May("set_presence")),
    ("POST", "/api/users/admin/users/{id}/approve/", May("approve_user")),
    ("POST", "/api/users/admin/users/{id}/reject/", May("approve_user")),
    ("POST", "/api/users/admin/users/{id}/suspend/", May("suspend_user")),
    ("POST", "/api/users/admin/users/{id}/ban/", May("suspend_user")),
    ("POST", "/api/users/admin/users/{id}/activate/", May("suspend_user")),
    ("POST", "/api/users/admin/users/{id}/force-logout/", May("force_logout_user")),
    ("GET", "/api/users/trash/", May("view_users")),
    ("POST", "/api/users/trash/restore/", May("delete_user")),
    ("POST", "/api/users/trash/empty_trash/", May("erase_user")),
    ("POST", "/api/users/admin/users/{id}/reset-totp/", May("reset_totp")),
    ("POST", "/api/users/admin/users/{id}/reset-link/", May("edit_user")),
    ("GET", "/api/users/admin/users/{id}/sessions/", May("force_logout_user")),
    ("DELETE", "/api/users/admin/users/{id}/sessions/{session}/", May("force_logout_user")),
    ("PUT", "/api/presence/status/", Login),
    ("DELETE", "/api/presence/status/", Login),
    ("GET", "/api/presence/stats/", Login),
    ("POST", "/api/presence/query/", Login),
    ("GET", "/api/presence/users/{id}/", Login),
    ("GET", "/api/presence/online/", May("view_users")),
    ("GET", "/api/presence/events/", May("view_users")),
    ("POST", "/api/presence/activity/", Key),
    // And a right to join it, which the test gives everybody.
    ("GET", "/api/presence/rooms/{room}/", Login),
    ("PUT", "/api/presence/rooms/{room}/membership/", Login),
    ("DELETE", "/api/presence/rooms/{room}/membership/", Login),
    ("POST", "/api/presence/rooms/grants/", Key),
    ("POST", "/api/presence/users/{id}/set-online-status/", May("set_presence")),
    ("DELETE", "/api/presence/users/{id}/set-online-status/", May("set_presence")),
    ("POST", "/api/presence/users/{id}/force-logout/", May("force_logout_user")),
    ("GET", "/api/presence/users/{id}/timeline/", May("view_history")),
    ("GET", "/api/presence/users/{id}/explain/", May("view_history")),
    ("GET", "/api/presence/at/", May("view_history")),
    ("GET", "/api/presence/transitions/", May("view_history")),
    ("GET", "/api/presence/transitions/export/", May("export_data")),
    ("GET", "/api/presence/figures/concurrency/", May("view_history")),
    ("GET", "/api/presence/figures/concurrency/export/", May("export_data")),
    ("GET", "/api/presence/figures/people/", May("view_history")),
    ("GET", "/api/presence/figures/sessions/", May("view_history")),
    ("GET", "/api/presence/figures/totals/", May("view_history")),
    ("GET", "/api/admin/my-permissions/", Login),
    ("GET", "/api/admin/pending-users/", May("approve_user")),
    ("GET", "/api/admin/pending-users/stats/", May("approve_user")),
    ("POST", "/api/admin/pending-users/{id}/approve/", May("approve_user")),
    ("POST", "/api/admin/pending-users/{id}/reject/", May("approve_user")),
    ("GET", "/api/admin/audit-logs/", May("view_audit_logs")),
    ("GET", "/api/admin/audit-logs/export/", May("export_data")),
    ("GET", "/api/admin/audit-logs/stats/", May("view_audit_logs")),
    ("GET", "/api/admin/health/", May("view_settings")),
    ("GET", "/api/admin/settings/", May("view_settings")),
    ("GET", "/api/users/admin/users/{id}/export/", May("export_data")),
    ("POST", "/api/users/data/export/", May("export_data")),
    ("POST", "/api/users/admin/users/{id}/erase/", May("erase_user")),
    ("POST", "/api/users/data/delete/", May("erase_user")),
    ("POST", "/api/admin/erase/", May("erase_user")),
    ("GET", "/api/admin/privacy/{id}/", May("set_presence")),
    ("PUT", "/api/admin/privacy/{id}/", May("set_presence")),
    ("POST", "/api/admin/service-keys/", May("manage_service_keys")),
    ("GET", "/api/admin/service-keys/", May("manage_service_keys")),
    ("DELETE", "/api/admin/service-keys/{id}/", May("manage_service_keys")),
    ("GET", "/.well-known/jwks.json", Nothing),
    ("GET", "/api/admin/blocked-addresses/", May("manage_blocks")),
    ("POST", "/api/admin/blocked-addresses/", May("manage_blocks")),
    ("DELETE", "/api/admin/blocked-addresses/{id}/", May("manage_blocks")),
    ("POST", "/api/admin/webhooks/", May("manage_webhooks")),
    ("GET", "/api/admin/webhooks/", May("manage_webhooks")),
    ("GET", "/api/admin/webhooks/{id}/", May("manage_webhooks")),
    ("PATCH", "/api/admin/webhooks/{id}/", May("manage_webhooks")),
    ("DELETE", "/api/admin/webhooks/{id}/", May("manage_webhooks")),
    ("POST", "/api/admin/webhooks/{id}/rotate-secret/", May("manage_webhooks")),
    ("POST", "/api/admin/webhooks/{id}/test/", May("manage_webhooks")),
    ("GET", "/api/admin/webhooks/{id}/deliveries/", May("manage_webhooks")),
    ("POST", "/api/admin/webhooks/{id}/deliveries/{delivery}/redeliver/", May("manage_webhooks")),
];

const ROLES: [Role; 3] = [Role::User, Role::Moderator, Role::Admin];

fn permission(word: &str) -> Permission {
    let found = Permission::ALL.iter().find(|permission| permission.as_str() == word);
    *found.unwrap_or_else(|| panic!("{word} is no permission"))
}

#[test]
fn every_endpoint_stands_in_the_table() {
    let document: Value = serde_json::from_str(&openapi_json().unwrap()).unwrap();
    let mut described = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let methods = item
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| ["get", "post", "put", "patch", "delete"].contains(&key.as_str()));
        described.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
    }
    let listed: Vec<_> =
        ENDPOINTS.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    for endpoint in &described {
        assert!(listed.contains(endpoint), "{endpoint:?} has no row in ENDPOINTS");
    }
    for endpoint in &listed {
        assert!(described.contains(endpoint), "{endpoint:?} is no endpoint");
        assert_eq!(listed.iter().filter(|other| *other == endpoint).count(), 1, "{endpoint:?} stands twice");
    }
}

/// A token of a login of its own: some of the requests end the login that they are made with.
fn token(service: &Service, person: &Person, role: Role, number: usize) -> String {
    let grant = Grant {
        user: AccountId(person.id).user(),
        org: Org::default(),
        login: LoginId::parse(&format!("table-{}-{number}", person.id)).unwrap(),
        // Above what a logout everywhere leaves good.
        token_version: 1_000,
        role,
    };
    service.app.tokens.issue(&grant, OffsetDateTime::now_utc())
}

#[tokio::test]
async fn every_endpoint_lets_in_whom_the_matrix_says() {
    let service = Service::with(&["--live-rooms", "open"]).await;
    let mut people = Vec::new();
    for role in ROLES {
        people.push((role, service.person(role.as_str(), role).await));
    }
    for (number, (method, path, demand)) in ENDPOINTS.iter().enumerate() {
        // Nobody has this number, so that nothing is done to anybody.
        let address = path.replace("{id}", "4000000000").replace("{room}", "lobby");
        // A stream has no end; whom it lets in it tells that nobody is shown so.
        let address = address.replace("/events/", "/events/?status=invisible");
        let method: Method = method.parse().unwrap();
        let request = || service.request(method.clone(), &address).json(&json!({}));
        let (status, _) = answer(request()).await;
        let expected = *demand != Nothing;
        assert_eq!(status == StatusCode::UNAUTHORIZED, expected, "{method} {path} of nobody: {status}");
        for (role, person) in &people {
            let token = token(&service, person, *role, number);
            let (status, said) = answer(request().bearer_auth(token)).await;
            let may = match demand {
                Nothing | Login => true,
                May(word) => role.may(permission(word)),
                Key => false,
            };
            assert!(!status.is_server_error(), "{method} {path} of {role}: {status} {said}");
            assert_eq!(status != StatusCode::FORBIDDEN, may, "{method} {path} of {role}: {status} {said}");
            if *demand != Nothing {
                assert_ne!(status, StatusCode::UNAUTHORIZED, "{method} {path} of {role}: {said}");
            }
        }
    }
}

#[tokio::test]
async fn a_role_is_told_with_its_permissions() {
    let service = Service::start().await;
    for role in ROLES {
        let person = service.person(role.as_str(), role).await;
        let (status, said) = service.get(&person.token, "/api/admin/my-permissions/").await;
        let permissions: Vec<_> = role.permissions().map(Permission::as_str).collect();
        assert_eq!((status, said), (StatusCode::OK, json!({"role": role, "permissions": permissions})));
    }
}

#[tokio::test]
async fn a_changed_role_counts_at_once_for_reading_too() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    let joe = service.person("joe", Role::Admin).await;
    service.person_of("far", Role::User, "elsewhere", AccountStatus::Active).await;
    let by_eve = Origin { actor: Some(eve.id.to_string()), ..Origin::default() };
    let sees = async |status: StatusCode| {
        for path in ["/api/users/admin/users/", "/api/users/admin/users/online/"] {
            assert_eq!(service.get(&joe.token, path).await.0, status, "{path}");
        }
        let (_, said) = service.get(&joe.token, "/api/users/all-users/").await;
        said["users"].as_array().unwrap().len()
    };
    let set = async |role: Role| service.app.accounts.set_role(AccountId(joe.id), role, &by_eve).await;
    assert_eq!(sees(StatusCode::OK).await, 3);
    set(Role::User).await.unwrap();
    assert_eq!(sees(StatusCode::FORBIDDEN).await, 2, "a demoted administrator sees what others see");
    assert_eq!(service.get(&joe.token, "/api/admin/audit-logs/").await.0, StatusCode::FORBIDDEN);
    let (_, said) = service.get(&joe.token, "/api/admin/my-permissions/").await;
    assert_eq!(said, json!({"role": "user", "permissions": []}));
    assert!(set(Role::Moderator).await.is_ok());
    assert_eq!(sees(StatusCode::OK).await, 3);
    assert_eq!(service.get(&joe.token, "/api/admin/audit-logs/").await.0, StatusCode::FORBIDDEN);
    let by_joe = Origin { actor: Some(joe.id.to_string()), ..Origin::default() };
    for account in [joe.id, eve.id] {
        let raised = service.app.accounts.set_role(AccountId(account), Role::Admin, &by_joe).await;
        assert_eq!(raised.unwrap_err().code(), Some("forbidden"), "nobody raises themselves");
    }
    let max = service.person("max", Role::User).await;
    let listed = async || service.get(&max.token, "/api/users/admin/users/").await;
    assert_eq!(listed().await.0, StatusCode::FORBIDDEN);
    service.app.accounts.set_role(AccountId(max.id), Role::Moderator, &by_eve).await.unwrap();
    let (status, said) = listed().await;
    assert_eq!((status, &said["count"]), (StatusCode::OK, &json!(4)), "raised by an old token");
    let (status, said) = service.get(&max.token, "/api/users/admin/users/online/").await;
    assert_eq!((status, &said["count"]), (StatusCode::OK, &json!(2)), "raised by an old token");
}

/// The page as it is committed.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/permissions.md");

const HEAD: &str = "# Who may do what

Roles are steps: who stands higher may do all that those below may. A changed role counts at once, also for access tokens
that say another. A moderator lays hands on plain users only: on no administrator, no other moderator, not on themselves,
and gives no roles. `GET /api/admin/my-permissions/` answers the caller's role and permissions. Who has no account here
(the command line, a host's administrator) has what the role gives.

The test `every_endpoint_lets_in_whom_the_matrix_says` tries every endpoint with every role; this page is written by the
same table.
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    page +=
        "\n## The matrix\n\n| permission | what for | user | moderator | admin |\n|---|---|---|---|---|\n";
    for permission in Permission::ALL {
        let marks = ROLES.map(|role| if role.may(*permission) { "yes" } else { "-" });
        let (word, meaning) = (permission.as_str(), permission.meaning());
        writeln!(page, "| `{word}` | {meaning} | {} |", marks.join(" | ")).unwrap();
    }
    page += "\n## The endpoints\n\n| method and path | demands |\n|---|---|\n";
    for (method, path, demand) in ENDPOINTS {
        let demand = match demand {
            Nothing => "nothing".to_owned(),
            Login => "a login".to_owned(),
            May(word) => format!("`{word}`"),
            Key => "a service key".to_owned(),
        };
        writeln!(page, "| {method} `{path}` | {demand} |").unwrap();
    }
    page
}

#[test]
fn the_page_shows_the_matrix_as_it_is() {
    let built = page();
    if built != std::fs::read_to_string(PAGE).unwrap_or_default() {
        let here = Path::new(env!("CARGO_TARGET_TMPDIR")).join("permissions.md");
        std::fs::write(&here, built).unwrap();
        panic!("docs/permissions.md is not what the code says; if it is meant: cp {} docs/", here.display());
    }
}
