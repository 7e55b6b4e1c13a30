//! `/api/admin/blocked-addresses/`: who may not send requests at all.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use rollcall::presence::Role;
use rollcall::store::limits::Offence;
use serde_json::{Value, json};
use sqlx::{PgPool, Row};

use crate::journeys::eventually;
use crate::support;
use crate::support::service::{Service, answer, is_time};

const PATH: &str = "/api/admin/blocked-addresses/";
/// A node looks every second, and the machine may be busy.
const ROUNDS: Duration = Duration::from_secs(10);
const PROXY: [&str; 2] = ["--trusted-proxies", "127.0.0.0/8"];

async fn beat_from(service: &Service, from: &str) -> (StatusCode, Value) {
    let request = service.request(Method::POST, "/api/users/heartbeat/");
    answer(request.bearer_auth(service.token("1", "tab")).header("x-forwarded-for", from)).await
}

async fn delete(service: &Service, token: &str, id: &Value) -> (StatusCode, Value) {
    answer(service.request(Method::DELETE, &format!("{PATH}{id}/")).bearer_auth(token)).await
}

#[tokio::test]
async fn a_blocked_network_gets_nothing_until_the_block_is_lifted() {
    let database = support::database_url().await;
    let service = Service::on(&support::stack().redis_url(), &database, &PROXY).await;
    let eve = service.person("eve", Role::Admin).await;
    assert_eq!(beat_from(&service, "203.0.113.9").await.0, StatusCode::OK);
    let body = json!({"cidr": "203.0.113.0/24", "reason": "scrapers", "expires_in_ms": 60_000});
    let (status, block) = service.post(&eve.token, PATH, body.clone()).await;
    assert_eq!((status, &block["cidr"]), (StatusCode::CREATED, &json!("203.0.113.0/24")), "{block}");
    assert!(is_time(&block["since"]) && is_time(&block["until"]), "{block}");
    assert_eq!((&block["made_by"], &block["in_force"]), (&json!(eve.id.to_string()), &json!(true)));
    let (status, problem) = beat_from(&service, "203.0.113.9").await;
    assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("address_blocked")), "{problem}");
    let request = service.request(Method::GET, "/nowhere/").header("x-forwarded-for", "203.0.113.200");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN, "whatever it asks for");
    let after: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((50..=60).contains(&after), "{after}");
    assert_eq!(beat_from(&service, "203.0.114.9").await.0, StatusCode::OK);
    assert_eq!(service.post(&eve.token, PATH, body).await.0, StatusCode::CONFLICT);
    let (_, list) = service.get(&eve.token, PATH).await;
    assert_eq!(list, json!({"results": [block], "next_cursor": null}));
    assert_eq!(delete(&service, &eve.token, &block["id"]).await.0, StatusCode::OK);
    assert_eq!(beat_from(&service, "203.0.113.9").await.0, StatusCode::OK);
    assert_eq!(delete(&service, &eve.token, &block["id"]).await.0, StatusCode::NOT_FOUND);
    let (_, list) = service.get(&eve.token, PATH).await;
    assert_eq!(list["results"], json!([]));
    let (_, list) = service.get(&eve.token, &format!("{PATH}?state=all")).await;
    let lifted = &list["results"][0];
    assert_eq!((&lifted["in_force"], &lifted["lifted_by"]), (&json!(false), &json!(eve.id.to_string())));
    let pool = PgPool::connect(&database).await.unwrap();
    let rows = sqlx::query(
        "SELECT action, actor, severity FROM admin_actions WHERE target_type = 'ADDRESS' ORDER BY occurred_at",
    );
    let rows = rows.fetch_all(&pool).await.unwrap();
    let rows: Vec<(String, String, String)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let by = eve.id.to_string();
    let told: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM admin_actions a WHERE target_type = 'ADDRESS' AND position('203.0.113' IN a::text) > 0",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(told, 0, "a row that is sealed could not forget the network");
    assert_eq!(
        rows,
        [
            ("ADDRESS_BLOCKED".to_owned(), by.clone(), "warning".to_owned()),
            ("ADDRESS_UNBLOCKED".to_owned(), by, "info".to_owned())
        ]
    );
}

#[tokio::test]
async fn nobody_blocks_themselves_everybody_or_a_proxy() {
    let service = Service::with(&["--trusted-proxies", "10.0.0.0/8,127.0.0.1"]).await;
    let eve = service.person("eve", Role::Admin).await;
    let block = async |body: Value| {
        let request = service.request(Method::POST, PATH).bearer_auth(&eve.token);
        answer(request.header("x-forwarded-for", "203.0.113.9").json(&body)).await
    };
    for (cidr, words) in [
        ("203.0.113.9", "your own address"),
        ("203.0.0.0/16", "your own address"),
        ("::ffff:203.0.113.9", "your own address"),
        ("0.0.0.0/0", "too large"),
        ("::/0", "too large"),
        ("10.1.2.3", "never blocked"),
        ("127.0.0.1", "never blocked"),
        ("example.com", "expected a network"),
    ] {
        let (status, problem) = block(json!({"cidr": cidr, "reason": "a test"})).await;
        assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("invalid_value")), "{cidr}");
        assert_eq!(problem["errors"][0]["pointer"], "/cidr", "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
    }
    for (body, pointer) in [
        (json!({"cidr": "192.0.2.1", "reason": " "}), "/reason"),
        (json!({"cidr": "192.0.2.1", "reason": "a test", "expires_in_ms": 0}), "/expires_in_ms"),
    ] {
        let (status, problem) = block(body).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!(pointer)));
    }
    for role in [Role::User, Role::Moderator] {
        let other = service.person(role.as_str(), role).await;
        let body = json!({"cidr": "192.0.2.1", "reason": "a test"});
        assert_eq!(service.post(&other.token, PATH, body).await.0, StatusCode::FORBIDDEN);
        assert_eq!(service.get(&other.token, PATH).await.0, StatusCode::FORBIDDEN);
        assert_eq!(delete(&service, &other.token, &json!(1)).await.0, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn long_lists_come_by_pages() {
    let service = Service::with(&[]).await;
    let eve = service.person("eve", Role::Admin).await;
    for number in 1..=5 {
        let body = json!({"cidr": format!("198.51.100.{number}"), "reason": "a test"});
        assert_eq!(service.post(&eve.token, PATH, body).await.0, StatusCode::CREATED);
    }
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let (_, page) = service.get(&eve.token, &format!("{PATH}?limit=2{next}")).await;
        seen.extend(page["results"].as_array().unwrap().iter().map(|row| row["cidr"].clone()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        next = format!("&cursor={cursor}");
    }
    let expected: Vec<Value> = (1..=5).rev().map(|number| json!(format!("198.51.100.{number}/32"))).collect();
    assert_eq!(seen, expected);
}

/// A service whose failed logins are not slowed down, only counted.
async fn patient(database: &str) -> Service {
    let flags = [&PROXY[..], &["--limits-login", "100000/s", "--limits-login-account", "none"]].concat();
    Service::on(&support::stack().redis_url(), database, &flags).await
}

async fn fail_from(service: &Service, from: &str, times: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..times {
        let body = json!({"username": "nobody", "password": "wrong password"});
        let request = service.request(Method::POST, "/api/auth/login/").header("x-forwarded-for", from);
        statuses.push(request.json(&body).send().await.unwrap().status().as_u16());
    }
    statuses
}

/// Counts failed logins without their hashes, which take their time, in which the quota would grow.
async fn count_failures(service: &Service, network: &str, times: usize) {
    for _ in 0..times {
        let offends = service.app.limits.offends(&service.app.store, network, Offence::FailedAttempt).await;
        assert!(!offends, "a hundred are no offence");
    }
}

/// Fails from an address until it is blocked; answers how often.
async fn fail_until_blocked(service: &Service, from: &str) -> usize {
    for times in 0..30 {
        if fail_from(service, from, 1).await == [403] {
            return times;
        }
    }
    panic!("{from} is never blocked");
}

#[tokio::test]
async fn a_hundred_failed_logins_block_an_address_ever_longer() {
    let database = support::database_url().await;
    let service = patient(&database).await;
    let pool = PgPool::connect(&database).await.unwrap();
    count_failures(&service, "2001:db8::/64", 98).await;
    assert!(fail_until_blocked(&service, "2001:db8::1").await >= 3, "the quota is a hundred");
    let span = async || -> i64 {
        let sql = "SELECT extract(epoch FROM until - since)::bigint FROM blocked_addresses \
            WHERE network = '2001:db8::/64' AND made_by IS NULL ORDER BY id DESC LIMIT 1";
        sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap()
    };
    assert_eq!(span().await, 15 * 60);
    assert_eq!(beat_from(&service, "2001:db8::2").await.1["code"], "address_blocked", "the whole customer");
    let sql = "SELECT count(*) FROM admin_actions WHERE action = 'ADDRESS_BLOCKED' AND actor IS NULL \
        AND address = '2001:db8::/48'";
    assert_eq!(sqlx::query_scalar::<_, i64>(sql).fetch_one(&pool).await.unwrap(), 1);
    for expected in [30, 60, 120, 240, 480, 960, 1_440, 1_440] {
        // It is over, and the address begins again: what it did is still counted.
        let end = "UPDATE blocked_addresses SET since = since - interval '2 hours', until = now() - interval '1 second' \
            WHERE until > now()";
        sqlx::query(end).execute(&pool).await.unwrap();
        service.app.blocks.load(&service.app.accounts).await.unwrap();
        fail_until_blocked(&service, "2001:db8::1").await;
        assert_eq!(span().await, expected * 60);
    }
}

#[tokio::test]
async fn who_is_pardoned_begins_anew() {
    let database = support::database_url().await;
    let service = patient(&database).await;
    let eve = service.person("eve", Role::Admin).await;
    count_failures(&service, "203.0.113.9/32", 98).await;
    fail_until_blocked(&service, "203.0.113.9").await;
    let (_, list) = service.get(&eve.token, PATH).await;
    let block = &list["results"][0];
    assert_eq!((&block["cidr"], &block["made_by"]), (&json!("203.0.113.9/32"), &Value::Null));
    assert_eq!(delete(&service, &eve.token, &block["id"]).await.0, StatusCode::OK);
    assert_eq!(fail_from(&service, "203.0.113.9", 3).await, [401, 401, 401]);
}

#[tokio::test]
async fn a_thousand_refused_requests_block_an_address() {
    let database = support::database_url().await;
    let flags = [&PROXY[..], &["--limits-login", "1/h"]].concat();
    let service = Service::on(&support::stack().redis_url(), &database, &flags).await;
    let statuses = fail_from(&service, "203.0.113.9", 1_150).await;
    let blocked = statuses.iter().position(|status| *status == 403).expect("it is blocked in the end");
    assert!((1_001..1_150).contains(&blocked), "{blocked}");
}

#[tokio::test]
async fn every_node_learns_of_a_block_and_of_its_end() {
    const FROM: &str = "203.0.113.9";
    let (database, prefix) = (support::database_url().await, support::prefix());
    let redis = support::stack().redis_url();
    let here = Service::node(&redis, &database, &prefix, &[&PROXY[..], &["--node", "here"]].concat()).await;
    let there = Service::node(&redis, &database, &prefix, &[&PROXY[..], &["--node", "there"]].concat()).await;
    let eve = here.person("eve", Role::Admin).await;
    eventually("both are open", ROUNDS, async || {
        let (ours, theirs) = (beat_from(&here, FROM).await, beat_from(&there, FROM).await);
        (ours.0 == StatusCode::OK && theirs.0 == StatusCode::OK).then_some(())
    })
    .await;
    let body = json!({"cidr": FROM, "reason": "a test"});
    let (_, block) = here.post(&eve.token, PATH, body).await;
    eventually("the other node refuses", ROUNDS, async || {
        (beat_from(&there, FROM).await.1["code"] == "address_blocked").then_some(())
    })
    .await;
    assert_eq!(delete(&there, &eve.token, &block["id"]).await.0, StatusCode::OK);
    eventually("the first node admits", ROUNDS, async || {
        (beat_from(&here, FROM).await.0 == StatusCode::OK).then_some(())
    })
    .await;
}
