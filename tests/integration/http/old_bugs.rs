//! What servers that existing clients were written for did wrong, and that Rollcall does not. [`SHOWN`] is the table: each
//! fault, and the test that shows its absence. Those that no other test shows have theirs here.

use std::path::Path;

use reqwest::{Method, StatusCode};
use rollcall::presence::Role;
use serde_json::{Value, json};

use crate::support::service::{PASSWORD, Person, Service};

const LIST: &str = "/api/users/admin/users/";

/// A fault, the file of the test that shows its absence, and the test.
const SHOWN: &[(&str, &str, &str)] = &[
    // Tokens and logins
    (
        "renewing a token always failed",
        "http/auth.rs",
        "a_refresh_token_is_good_once_and_ends_the_login_when_it_comes_back",
    ),
    (
        "a client that keeps its first refresh token was logged out",
        "http/auth.rs",
        "where_tokens_are_fixed_the_first_refresh_token_stays_good",
    ),
    ("an access token outlived its logout", "http/auth.rs", "a_logout_ends_this_login_at_once_and_no_other"),
    ("an access token outlived a logout everywhere", "http/auth.rs", "a_logout_everywhere_ends_every_login"),
    (
        "a user logged out by force was back with the next heartbeat",
        "http/gates.rs",
        "a_forced_logout_ends_every_token",
    ),
    ("refresh tokens outlived logouts", "http/old_bugs.rs", "refresh_tokens_end_with_every_kind_of_logout"),
    (
        "a heartbeat under way during a logout brought the user back",
        "http/old_bugs.rs",
        "heartbeats_under_way_bring_nobody_back_who_was_shut_out",
    ),
    (
        "unknown names were told from wrong passwords",
        "http/auth.rs",
        "wrong_name_and_wrong_password_are_answered_alike",
    ),
    (
        "tokens stood in the query string, and so in logs",
        "secrets.rs",
        "nothing_that_is_logged_or_recorded_holds_a_secret",
    ),
    // Accounts
    (
        "a ban was answered as a failure after it was done",
        "http/gates.rs",
        "whoever_is_shut_out_is_offline_at_once_and_refused_everywhere",
    ),
    (
        "heartbeats of the suspended were taken, and lists disagreed about them",
        "http/old_bugs.rs",
        "no_list_shows_the_suspended_as_present",
    ),
    (
        "a suspension with an end never ended",
        "journeys/gates.rs",
        "a_suspension_ends_in_redis_and_in_postgres",
    ),
    ("the pending could beat, and were shown", "http/gates.rs", "a_newcomer_waits_until_approved"),
    (
        "tokens given at registration were good before the approval",
        "http/auth.rs",
        "tokens_of_those_who_wait_for_approval_are_good_for_nothing",
    ),
    ("anybody could give themselves a role", "http/old_bugs.rs", "nobody_gives_themselves_a_role"),
    (
        "anybody could act as an administrator",
        "http/permissions.rs",
        "every_endpoint_lets_in_whom_the_matrix_says",
    ),
    ("everybody's address was shown to everybody", "http/users.rs", "everybody_is_listed_newest_first"),
    (
        "the last administrator could be shut out",
        "http/gates.rs",
        "only_administrators_decide_and_the_last_one_stays",
    ),
    // The record of actions
    (
        "logins, logouts and decisions left no trace, or a trace without a category failed the request",
        "http/old_bugs.rs",
        "every_action_leaves_a_whole_row",
    ),
    ("a table of the record was no table", "http/export.rs", "a_table_holds_every_row_once_and_no_formula"),
    // Presence
    (
        "nobody was ever away",
        "http/heartbeat.rs",
        "hidden_pages_are_told_a_slower_pace_and_idle_ones_are_away",
    ),
    ("the idle were never offline", "journeys/one_node.rs", "idle_is_away_and_too_long_idle_is_offline"),
    (
        "closing one tab of two was offline",
        "journeys/one_node.rs",
        "two_sessions_of_one_person_are_one_presence",
    ),
    (
        "a page's goodbye ended the page after it",
        "journeys/one_node.rs",
        "a_goodbye_lingers_and_a_quick_return_is_invisible",
    ),
    ("a page's last beacon was refused", "http/heartbeat.rs", "a_goodbye_lingers_and_may_come_as_plain_text"),
    ("only heartbeats kept a user online", "http/heartbeat.rs", "asking_how_one_stands_is_a_sign_of_life"),
    (
        "an administrator's action counted as a sign of life",
        "http/old_bugs.rs",
        "nothing_but_a_sign_of_life_moves_last_seen",
    ),
    ("busy ended with the next sign of life", "http/old_bugs.rs", "busy_stays_until_it_is_taken_back"),
    (
        "a crash left everybody online",
        "journeys/two_nodes.rs",
        "a_killed_node_is_followed_and_nothing_is_lost_or_told_twice",
    ),
    ("a restart left everybody offline", "journeys/losses.rs", "an_empty_redis_is_no_mass_logout"),
    ("there was no history", "http/timeline.rs", "a_history_has_its_stretches_and_its_entries"),
    // Sockets
    (
        "a second tab's end was everybody's, and a ping did not mend it",
        "live/legacy.rs",
        "one_tab_of_two_closes_and_the_other_keeps_its_user_online",
    ),
    (
        "who connected was told of nobody, and of nothing that happened over HTTP",
        "live/legacy.rs",
        "everybody_is_told_whatever_way_a_change_comes_about",
    ),
    ("the mouse ended busy, and so did a reconnect", "live/legacy.rs", "busy_stays_until_it_is_taken_back"),
    ("half an hour's idleness was refused", "live/legacy.rs", "half_an_hour_without_a_touch_is_offline"),
    (
        "whoever had no organisation stayed online",
        "live/legacy.rs",
        "whoever_has_no_organisation_goes_offline_like_everybody",
    ),
    (
        "a malformed frame ended its connection, and frames had no limit",
        "live/legacy.rs",
        "a_frame_that_makes_no_sense_is_ignored",
    ),
    (
        "the suspended and those logged out kept their sockets",
        "live/legacy.rs",
        "a_wrong_token_opens_no_socket",
    ),
    // Form
    ("something malformed broke more than itself", "http/bad_input.rs", "what_is_no_json_object_is_refused"),
    (
        "an empty body of an unusual type was refused",
        "http/old_bugs.rs",
        "the_type_of_a_body_does_not_matter",
    ),
    ("pages could not read errors", "http/layers.rs", "pages_of_allowed_origins_may_read_everything"),
    (
        "every origin was let in",
        "http/layers.rs",
        "other_origins_are_told_nothing_and_no_cache_mixes_them_up",
    ),
    ("a page of a list could not be made larger", "http/admin_users.rs", "pages_filters_and_links"),
    ("described endpoints did not exist", "http/old_bugs.rs", "every_described_endpoint_exists"),
];

#[test]
fn every_test_of_the_table_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration");
    for (fault, file, test) in SHOWN {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        assert!(text.contains(&format!("fn {test}()")), "{fault}: {file} has no {test}");
    }
}

/// An endpoint of one account.
fn path(id: i64, what: &str) -> String {
    format!("{LIST}{id}/{what}/")
}

async fn refresh(service: &Service, login: &Value) -> (StatusCode, Value) {
    service.send(Method::POST, "/api/auth/refresh/", json!({"refresh": login["tokens"]["refresh"]})).await
}

fn access(login: &Value) -> &str {
    login["tokens"]["access"].as_str().unwrap()
}

#[tokio::test]
async fn refresh_tokens_end_with_every_kind_of_logout() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    let ada = service.person("ada", Role::User).await;
    let forced = path(ada.id, "force-logout");
    for (name, way) in [
        ("logout", "/api/auth/logout/"),
        ("everywhere", "/api/auth/logout-all-devices/"),
        ("forced", &forced),
    ] {
        let login = service.log_in("ada").await;
        let token = if name == "forced" { &eve.token } else { access(&login) };
        let (status, answer) = service.post(token, way, json!({})).await;
        assert_eq!(status, StatusCode::OK, "{name} {answer}");
        let (status, problem) = refresh(&service, &login).await;
        assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("login_ended")), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_under_way_bring_nobody_back_who_was_shut_out() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    for what in ["force-logout", "suspend", "ban"] {
        let ada = service.person(what, Role::User).await;
        let login = service.log_in(what).await;
        let beats = futures::future::join_all((0..40).map(|_| service.beat(access(&login), json!({}))));
        let decision = async {
            // Let some through before it.
            service.beat(access(&login), json!({})).await;
            service.post(&eve.token, &path(ada.id, what), json!({})).await
        };
        let (_, (status, answer)) = tokio::join!(beats, decision);
        assert_eq!(status, StatusCode::OK, "{what} {answer}");
        let (_, standing) = service.get(&eve.token, &path(ada.id, "online-status")).await;
        assert_eq!(standing["online_status"], "offline", "{what}");
        assert!(service.beat(access(&login), json!({})).await.0.is_client_error(), "{what}");
    }
}

/// How everybody is shown by every list there is.
async fn shown(service: &Service, reader: &Person, of: &Person) -> Vec<(&'static str, Value)> {
    let of_list = |list: &Value| {
        let row = list.as_array().unwrap().iter().find(|row| row["id"] == of.id);
        row.map_or(json!("offline"), |row| row["online_status"].clone())
    };
    let get = async |path: &str| {
        let (status, answer) = service.get(&reader.token, path).await;
        assert_eq!(status, StatusCode::OK, "{path} {answer}");
        answer
    };
    vec![
        ("everybody", of_list(&get("/api/users/all-users/").await["users"])),
        ("the administrators' list", of_list(&get(LIST).await["results"])),
        ("who is online", of_list(&get(&format!("{LIST}online/")).await["online_users"])),
        ("the account", get(&format!("{LIST}{}/", of.id)).await["online_status"].clone()),
        ("its presence", get(&path(of.id, "online-status")).await["online_status"].clone()),
        ("the view", get(&format!("/api/presence/users/{}/", of.id)).await["status"].clone()),
    ]
}

#[tokio::test]
async fn no_list_shows_the_suspended_as_present() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    let ada = service.person("ada", Role::User).await;
    service.beat(&ada.token, json!({})).await;
    for (list, status) in shown(&service, &eve, &ada).await {
        assert_eq!(status, "online", "{list}");
    }
    service.post(&eve.token, &path(ada.id, "suspend"), json!({})).await;
    assert_eq!(service.beat(&ada.token, json!({})).await.0, StatusCode::FORBIDDEN);
    for (list, status) in shown(&service, &eve, &ada).await {
        assert_eq!(status, "offline", "{list}");
    }
    let (_, stats) = service.get(&eve.token, "/api/presence/stats/").await;
    assert_eq!((&stats["online"], &stats["users"]), (&json!(1), &json!(1)), "eve alone: {stats}");
}

#[tokio::test]
async fn nobody_gives_themselves_a_role() {
    let service = Service::start().await;
    for (number, field) in [
        json!({"role": "admin"}),
        json!({"status": "active"}),
        json!({"is_staff": true}),
        json!({"is_active": true}),
    ]
    .iter()
    .enumerate()
    {
        let mut person = json!({"username": format!("eve{number}"), "password": PASSWORD});
        person.as_object_mut().unwrap().extend(field.as_object().unwrap().clone());
        let (status, problem) = service.send(Method::POST, "/api/auth/register/", person).await;
        assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("unknown_field")), "{field}");
    }
    for role in [Role::User, Role::Moderator] {
        let joe = service.person(role.as_str(), role).await;
        for own in
            ["/api/auth/me/".to_owned(), "/api/users/profile/".to_owned(), format!("{LIST}{}/", joe.id)]
        {
            for method in [Method::PUT, Method::PATCH, Method::POST] {
                let request = service.request(method.clone(), &own).bearer_auth(&joe.token);
                let response = request.json(&json!({"role": "admin"})).send().await.unwrap();
                assert!(response.status().is_client_error(), "{method} {own}: {}", response.status());
            }
        }
        let (_, me) = service.get(&joe.token, "/api/auth/me/").await;
        assert_eq!(me["role"], role.as_str());
    }
}

#[tokio::test]
async fn every_action_leaves_a_whole_row() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    let login = json!({"username": "ada", "password": PASSWORD});
    service.send(Method::POST, "/api/auth/register/", login).await;
    let id = service.log_in("ada").await["user"]["id"].as_i64().unwrap();
    let wrong = json!({"username": "ada", "password": "a wrong password"});
    service.send(Method::POST, "/api/auth/login/", wrong).await;
    for what in ["suspend", "activate", "ban", "activate", "force-logout", "set-online-status"] {
        let (status, answer) = service.post(&eve.token, &path(id, what), json!({})).await;
        assert_eq!(status, StatusCode::OK, "{what} {answer}");
    }
    let again = service.log_in("ada").await;
    service.post(access(&again), "/api/auth/logout/", json!({})).await;
    let (_, page) = service.get(&eve.token, &format!("/api/admin/audit-logs/?target={id}&limit=100")).await;
    let rows = page["results"].as_array().unwrap();
    let done: Vec<&str> = rows.iter().rev().map(|row| row["action_type"].as_str().unwrap()).collect();
    for action in [
        "USER_REGISTERED",
        "USER_LOGIN",
        "USER_FAILED_LOGIN",
        "USER_SUSPENDED",
        "USER_ACTIVATED",
        "USER_BANNED",
        "FORCE_LOGOUT",
        "USER_LOGOUT",
    ] {
        assert!(done.contains(&action), "{action} is not among {done:?}");
    }
    for row in rows {
        for field in
            ["actor", "action_type", "description", "severity", "category", "timestamp", "ip_address"]
        {
            assert!(row[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {row}");
        }
    }
}

#[tokio::test]
async fn nothing_but_a_sign_of_life_moves_last_seen() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    let ada = service.person("ada", Role::User).await;
    let login = service.log_in("ada").await;
    let (_, beat) = service.beat(access(&login), json!({})).await;
    let last_seen = async || {
        let (_, answer) = service.get(&eve.token, &path(ada.id, "online-status")).await;
        answer["last_seen"].clone()
    };
    assert_eq!(last_seen().await, beat["last_seen"]);
    for (what, body) in [
        ("set-online-status", json!({"status": "offline"})),
        ("set-online-status", json!({"status": "online"})),
        ("force-logout", json!({})),
        ("suspend", json!({})),
        ("activate", json!({})),
    ] {
        service.post(&eve.token, &path(ada.id, what), body).await;
        assert_eq!(last_seen().await, beat["last_seen"], "{what}");
    }
}

#[tokio::test]
async fn busy_stays_until_it_is_taken_back() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    service.beat(&ada.token, json!({"session": "a"})).await;
    let request = service.request(Method::PUT, "/api/presence/status/").bearer_auth(&ada.token);
    request.json(&json!({"status": "busy"})).send().await.unwrap().error_for_status().unwrap();
    for body in [
        json!({"session": "a", "activity": "active"}),
        json!({"session": "a", "activity": "idle"}),
        json!({"session": "b", "activity": "active", "connection": "other"}),
        json!({"session": "a", "hidden": true}),
    ] {
        let (_, beat) = service.beat(&ada.token, body.clone()).await;
        assert_eq!(beat["online_status"], "busy", "{body}");
    }
    let login = service.log_in("ada").await;
    assert_eq!(login["user"]["online_status"], "busy", "a reconnect does not end it");
    service.request(Method::DELETE, "/api/presence/status/").bearer_auth(&ada.token).send().await.unwrap();
    let (_, beat) = service.beat(&ada.token, json!({"session": "b", "activity": "active"})).await;
    assert_eq!(beat["online_status"], "online");
}

#[tokio::test]
async fn the_type_of_a_body_does_not_matter() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    for kind in
        [None, Some("application/json"), Some("text/plain;charset=UTF-8"), Some("application/octet-stream")]
    {
        for body in ["", "{}", r#"{"hidden":false}"#] {
            let request =
                service.request(Method::POST, "/api/users/heartbeat/").bearer_auth(&ada.token).body(body);
            let request =
                kind.into_iter().fold(request, |request, kind| request.header("content-type", kind));
            assert_eq!(request.send().await.unwrap().status(), StatusCode::OK, "{kind:?} {body}");
        }
    }
}

/// Whatever is described answers, if only that it needs a token or a value: no page of the API is missing.
#[tokio::test]
async fn every_described_endpoint_exists() {
    let service = Service::start().await;
    let document: Value = serde_json::from_str(&rollcall::live::openapi_json().unwrap()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        let at = path.replace("{id}", "1");
        for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let (status, problem) =
                crate::support::service::answer(service.request(method.clone(), &at).body("{}")).await;
            let missing = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED].contains(&status);
            assert!(!missing && !status.is_server_error(), "{method} {path}: {status} {problem}");
            let expected = &document["paths"][path][method.as_str().to_lowercase()]["responses"];
            assert!(
                !expected[status.as_str()].is_null(),
                "{method} {path} answers {status}, which is not described"
            );
        }
    }
}
