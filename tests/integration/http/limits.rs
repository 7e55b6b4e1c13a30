//! How often callers may register, log in and ask: over real sockets, from addresses that a proxy names.

use reqwest::{Method, Response, StatusCode};
use rollcall::presence::{LoginId, Org, Role, Status, UserId};
use serde_json::{Value, json};

use crate::support;
use crate::support::service::{PASSWORD, Service};

/// Our own address is a proxy, so that requests come from wherever they say.
const PROXY: [&str; 2] = ["--trusted-proxies", "127.0.0.0/8"];

async fn post(service: &Service, from: &str, path: &str, body: &Value) -> Response {
    let request = service.request(Method::POST, path).header("x-forwarded-for", from).json(body);
    request.send().await.unwrap()
}

async fn log_in(service: &Service, from: &str, name: &str, password: &str) -> Response {
    post(service, from, "/api/auth/login/", &json!({"username": name, "password": password})).await
}

/// A header field of an answer, and its status.
fn told(response: &Response, name: &str) -> (u16, String) {
    let value = response.headers().get(name).map_or("", |value| value.to_str().unwrap());
    (response.status().as_u16(), value.to_owned())
}

async fn assert_refused(response: Response) -> u64 {
    let (status, after) = told(&response, "retry-after");
    assert_eq!(status, 429);
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["code"], "rate_limited", "{problem}");
    after.parse().unwrap()
}

#[tokio::test]
async fn logins_of_an_address_are_limited_and_say_so() {
    let flags = [&PROXY[..], &["--limits-login", "3/min", "--limits-login-account", "10/min"]].concat();
    let service = Service::with(&flags).await;
    service.person("ada", Role::User).await;
    let response = log_in(&service, "203.0.113.9", "ada", PASSWORD).await;
    let policies = r#""login";q=3;w=60, "login_account";q=10;w=60"#;
    assert_eq!(told(&response, "ratelimit-policy"), (200, policies.to_owned()));
    assert_eq!(told(&response, "ratelimit").1, r#""login";r=2;t=20, "login_account";r=9;t=6"#);
    // The names of nobody count, too, and a whole /64 is one customer.
    assert_eq!(log_in(&service, "203.0.113.9", "nobody", "wrong password").await.status(), 401);
    assert_eq!(log_in(&service, "::ffff:203.0.113.9", "ada", PASSWORD).await.status(), 200);
    let response = log_in(&service, "203.0.113.9", "ada", PASSWORD).await;
    let (_, left) = told(&response, "ratelimit");
    let after = assert_refused(response).await;
    assert!((18..=20).contains(&after), "{after}");
    assert_eq!(left, format!(r#""login";r=0;t={after}"#), "not earlier than the quota");
    for (from, status) in [
        ("203.0.113.8", 200),
        ("2001:db8::1", 200),
        ("2001:db8::2", 200),
        ("2001:db8::3", 200),
        ("2001:db8::4", 429),
    ] {
        assert_eq!(log_in(&service, from, "ada", PASSWORD).await.status(), status, "{from}");
    }
    // Heartbeats carry nothing of the kind.
    let token = service.token("1", "tab");
    let beat =
        service.request(Method::POST, "/api/users/heartbeat/").bearer_auth(token).send().await.unwrap();
    assert_eq!(told(&beat, "ratelimit"), (200, String::new()));
}

#[tokio::test]
async fn registrations_of_an_address_are_limited() {
    let service = Service::with(&[&PROXY[..], &["--limits-register", "2/h"]].concat()).await;
    let register = async |from: &str, name: &str| {
        let body = json!({"username": name, "password": PASSWORD});
        post(&service, from, "/api/auth/register/", &body).await
    };
    let response = register("203.0.113.9", "ada").await;
    assert_eq!(told(&response, "ratelimit-policy"), (201, r#""register";q=2;w=3600"#.to_owned()));
    assert_eq!(register("203.0.113.9", "bob").await.status(), 201);
    assert!(assert_refused(register("203.0.113.9", "cat").await).await > 1_700);
    assert_eq!(register("203.0.113.7", "cat").await.status(), 201);
}

#[tokio::test]
async fn known_and_unknown_names_are_slowed_down_alike() {
    let service = Service::with(&PROXY).await;
    service.person("ada", Role::User).await;
    let mut answers = Vec::new();
    for name in ["ada", "nobody"] {
        let mut of_name = Vec::new();
        for _ in 0..12 {
            let response = log_in(&service, "203.0.113.9", name, "wrong password").await;
            let said = (told(&response, "retry-after"), told(&response, "ratelimit-policy"));
            let mut problem: Value = response.json().await.unwrap();
            problem.as_object_mut().unwrap().remove("request_id");
            of_name.push((said, problem));
        }
        answers.push(of_name);
    }
    assert_eq!(answers[0], answers[1]);
    let statuses: Vec<u16> = answers[0].iter().map(|((retry, _), _)| retry.0).collect();
    assert_eq!(
        statuses,
        [vec![401; 9], vec![429; 3]].concat(),
        "a client that asks four times may err twice"
    );
    // Whoever has waited is heard, and the right password ends the waiting at once.
    assert_eq!(log_in(&service, "203.0.113.8", "ada", PASSWORD).await.status(), 200);
}

#[tokio::test]
async fn strangers_who_guess_do_not_lock_the_owner_out() {
    let service = Service::with(&[&PROXY[..], &["--limits-login-account", "4/h"]].concat()).await;
    service.person("ada", Role::User).await;
    assert_eq!(log_in(&service, "203.0.113.9", "ada", PASSWORD).await.status(), 200);
    for (number, status) in [(1, 401), (2, 401), (3, 401), (4, 429), (5, 429)] {
        let from = format!("198.51.100.{number}");
        assert_eq!(log_in(&service, &from, "ada", "wrong password").await.status(), status, "{from}");
    }
    let response = log_in(&service, "198.51.100.6", "ada", PASSWORD).await;
    assert!(assert_refused(response).await > 800, "a stranger learns nothing, even with the right password");
    assert_eq!(log_in(&service, "203.0.113.9", "ada", PASSWORD).await.status(), 200);
}

#[tokio::test]
async fn requests_of_a_login_are_limited_and_heartbeats_count_but_are_not_refused() {
    let service = Service::with(&["--limits-requests", "200/h"]).await;
    let (ada, bob) = (service.token("1", "a"), service.token("2", "b"));
    let beat = async |method: Method, token: &str| {
        let request = service.request(method, "/api/users/heartbeat/").bearer_auth(token);
        request.send().await.unwrap()
    };
    for _ in 0..200 {
        assert_eq!(beat(Method::POST, &ada).await.status(), 200);
    }
    for method in [Method::POST, Method::GET] {
        let response = beat(method, &ada).await;
        assert_eq!(told(&response, "ratelimit-policy"), (200, r#""requests";q=200;w=3600"#.to_owned()));
        assert!(told(&response, "ratelimit").1.starts_with(r#""requests";r=0;t="#));
        assert_eq!(response.json::<Value>().await.unwrap()["online_status"], "online");
    }
    let response =
        service.request(Method::GET, "/api/presence/stats/").bearer_auth(&ada).send().await.unwrap();
    assert_refused(response).await;
    assert_eq!(beat(Method::POST, &bob).await.status(), 200, "everybody has their own");
    // What is new is told above the pace, too.
    let (_, answer) = service.beat(&ada, json!({"activity": "idle", "idle_ms": 400_000})).await;
    assert_eq!(answer["online_status"], "away", "{answer}");
    let (_, answer) = service.beat(&ada, json!({"logout": true})).await;
    assert_eq!(answer["message"], "Heartbeat recorded", "{answer}");
}

/// Heartbeats that were put into calls so far, by this process.
async fn beats_sent(service: &Service) -> f64 {
    let page = reqwest::get(format!("{}/metrics", service.internal)).await.unwrap().text().await.unwrap();
    let line = page.lines().find(|line| line.starts_with("rollcall_heartbeat_batch_size_sum"));
    line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn a_flood_of_heartbeats_shares_a_few_calls() {
    const FLOOD: usize = 1_000;
    let service = Service::with(&["--limits-requests", "50/h"]).await;
    let token = service.token("1", "a");
    let before = beats_sent(&service).await;
    let beats = (0..FLOOD).map(|_| service.beat(&token, json!({"session": "tab"})));
    for (status, answer) in futures::future::join_all(beats).await {
        assert_eq!((status, &answer["online_status"]), (StatusCode::OK, &json!("online")), "{answer}");
    }
    // Other tests of this process send a few, too.
    let sent = beats_sent(&service).await - before;
    assert!(sent < 300.0, "{sent} of {FLOOD} were sent to Redis one by one");
}

#[tokio::test]
async fn a_logout_in_the_midst_of_a_flood_is_seen() {
    let service = Service::with(&["--limits-requests", "50/h"]).await;
    let ada = service.person("ada", Role::User).await;
    let flood = |count: usize| (0..count).map(|_| service.beat(&ada.token, json!({})));
    let mut before = futures::future::join_all(flood(200)).await;
    before.retain(|(status, _)| *status != StatusCode::OK);
    assert_eq!(before, []);
    let user = UserId::parse(&ada.id.to_string()).unwrap();
    let login = LoginId::parse(&format!("login-{}", ada.id)).unwrap();
    let (during, ()) = tokio::join!(futures::future::join_all(flood(400)), async {
        service.app.store.end_login(&user, &Org::default(), &login).await.unwrap();
        // Whatever is asked from now on.
        for (status, answer) in futures::future::join_all(flood(200)).await {
            assert_eq!(
                (status, &answer["code"]),
                (StatusCode::UNAUTHORIZED, &json!("login_ended")),
                "{answer}"
            );
        }
    });
    for (status, answer) in during {
        assert!(matches!(status.as_u16(), 200 | 401), "{status} {answer}");
    }
    let views = service.app.store.views(std::slice::from_ref(&user)).await.unwrap();
    assert_eq!(views[0].as_ref().unwrap().status, Status::Offline);
}

#[tokio::test]
async fn allowed_addresses_are_not_limited_but_accounts_are_protected_from_there_too() {
    let service = Service::with(&["--limits-login", "2/min"]).await;
    service.person("ada", Role::User).await;
    for _ in 0..5 {
        service.log_in("ada").await;
    }
    for expected in [vec![401; 9], vec![429; 1]].concat() {
        let body = json!({"username": "bob", "password": "wrong password"});
        assert_eq!(service.send(Method::POST, "/api/auth/login/", body).await.0, expected);
    }
    let off = Service::with(&["--limits-login", "none", "--limits-login-account", "none"]).await;
    for _ in 0..12 {
        let body = json!({"username": "bob", "password": "wrong password"});
        assert_eq!(off.send(Method::POST, "/api/auth/login/", body).await.0, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn without_redis_each_node_keeps_the_quotas_by_itself() {
    let stack = support::private_stack(|_| ());
    let database = support::migrated(&stack).await;
    let flags = [&PROXY[..], &["--limits-register", "2/h", "--limits-login", "2/h"]].concat();
    let service = Service::on(&stack.redis_url(), &database, &flags).await;
    stack.redis().kill();
    for (name, status) in [("ada", 201), ("bob", 201), ("cat", 429)] {
        let body = json!({"username": name, "password": PASSWORD});
        let response = post(&service, "203.0.113.9", "/api/auth/register/", &body).await;
        assert_eq!(response.status(), status, "{name}");
    }
    // Nobody can log in now; but nobody can guess for free either.
    for status in [401, 401, 429] {
        assert_eq!(log_in(&service, "203.0.113.9", "ada", "wrong password").await.status(), status);
    }
    let token = service.token("1", "tab");
    let (status, _) = service.get(&token, "/api/presence/transitions/").await;
    assert_eq!(status, StatusCode::FORBIDDEN, "requests of a login are not limited");
}
