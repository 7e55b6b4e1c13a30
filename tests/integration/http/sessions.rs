//! `/api/auth/sessions/` and its like for administrators: logins listed and ended one by one.

use reqwest::{Method, StatusCode};
use rollcall::presence::Role;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support;
use crate::support::service::{Service, answer, is_time};

const SESSIONS: &str = "/api/auth/sessions/";

fn access(login: &Value) -> &str {
    login["tokens"]["access"].as_str().unwrap()
}

async fn list(service: &Service, token: &str, path: &str) -> Vec<Value> {
    let (status, said) = service.get(token, path).await;
    assert_eq!((status, &said["next_cursor"]), (StatusCode::OK, &Value::Null), "{said}");
    said["results"].as_array().unwrap().clone()
}

async fn end(service: &Service, token: &str, path: &str) -> (StatusCode, Value) {
    answer(service.request(Method::DELETE, path).bearer_auth(token)).await
}

#[tokio::test]
async fn logins_are_listed_with_what_lives_and_ended_one_by_one() {
    let service = Service::start().await;
    service.person("ada", Role::User).await;
    let bob = service.person("bob", Role::User).await;
    let (here, there) = (service.log_in("ada").await, service.log_in("ada").await);
    service.beat(access(&there), json!({"device": "mobile"})).await;
    let listed = list(&service, access(&here), SESSIONS).await;
    assert_eq!(listed.len(), 2);
    let [other, current] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!((&current["current"], &other["current"]), (&json!(true), &json!(false)));
    assert_eq!((&other["device"], &other["present"]), (&json!("mobile"), &json!(true)));
    assert_eq!(other["address"], "127.0.0.0/24", "as it is kept");
    for time in ["since", "last_seen", "expires_at"] {
        assert!(is_time(&other[time]), "{time}: {other}");
    }
    assert!(other["last_seen"].as_str() >= other["since"].as_str(), "{other}");

    let path = format!("{SESSIONS}{}/", other["id"].as_str().unwrap());
    assert_eq!(end(&service, &bob.token, &path).await.0, StatusCode::NOT_FOUND, "another's");
    let (status, said) = end(&service, access(&here), &path).await;
    assert_eq!((status, said), (StatusCode::OK, json!({"message": "Login ended", "in_effect": true})));
    assert_eq!(end(&service, access(&here), &path).await.0, StatusCode::NOT_FOUND, "it has ended");
    let (status, problem) = service.beat(access(&there), json!({})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("login_ended")));
    let body = json!({"refresh": there["tokens"]["refresh"]});
    assert_eq!(service.send(Method::POST, "/api/auth/refresh/", body).await.0, StatusCode::UNAUTHORIZED);
    let left = list(&service, access(&here), SESSIONS).await;
    assert_eq!((left.len(), &left[0]["id"], &left[0]["device"]), (1, &current["id"], &Value::Null));

    let path = format!("{SESSIONS}{}/", left[0]["id"].as_str().unwrap());
    assert_eq!(end(&service, access(&here), &path).await.0, StatusCode::OK, "one may end the present one");
    assert_eq!(service.get(access(&here), SESSIONS).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn administrators_see_and_end_the_logins_of_others() {
    let database = support::database_url().await;
    let service = Service::on(&support::stack().redis_url(), &database, &[]).await;
    let eve = service.person("eve", Role::Admin).await;
    let moderator = service.person("mod", Role::Moderator).await;
    let ada = service.person("ada", Role::User).await;
    let login = service.log_in("ada").await;
    let path = format!("/api/users/admin/users/{}/sessions/", ada.id);
    assert_eq!(service.get(&moderator.token, &path).await.0, StatusCode::FORBIDDEN);
    let listed = list(&service, &eve.token, &path).await;
    assert_eq!((listed.len(), &listed[0]["current"]), (1, &json!(false)));
    let one = format!("{path}{}/", listed[0]["id"].as_str().unwrap());
    let elsewhere = one.replace(&format!("/{}/", ada.id), &format!("/{}/", eve.id));
    assert_eq!(end(&service, &eve.token, &elsewhere).await.0, StatusCode::NOT_FOUND, "it is ada's");
    assert_eq!(end(&service, &moderator.token, &one).await.0, StatusCode::FORBIDDEN);
    let (status, said) = end(&service, &eve.token, &one).await;
    assert_eq!((status, &said["in_effect"]), (StatusCode::OK, &json!(true)));
    assert_eq!(service.beat(access(&login), json!({})).await.1["code"], "login_ended");
    assert_eq!(list(&service, &eve.token, &path).await, Vec::<Value>::new());
    let pool = PgPool::connect(&database).await.unwrap();
    let rows: Vec<(Option<String>, Option<String>)> =
        sqlx::query_as("SELECT actor, target_id FROM admin_actions WHERE action = 'FORCE_LOGOUT'")
            .fetch_all(&pool)
            .await
            .unwrap();
    assert_eq!(rows, [(Some(eve.id.to_string()), Some(ada.id.to_string()))]);
    super::copy(&service).await;
    let changes = format!("/api/presence/transitions/?user={}&to=offline", ada.id);
    let (_, changes) = service.get(&eve.token, &changes).await;
    let gone = &changes["results"][0];
    assert!(gone["reason"] == "force_logout" && gone["actor"].is_string(), "{changes}");
    for (path, status) in [
        (format!("{path}no.dots/"), StatusCode::BAD_REQUEST),
        ("/api/users/admin/users/4711/sessions/x/".to_owned(), StatusCode::NOT_FOUND),
    ] {
        assert_eq!(end(&service, &eve.token, &path).await.0, status, "{path}");
    }
}
