//! People of a host application, who have no account here: their tokens do everywhere what they should.

use jsonwebtoken::{EncodingKey, Header, encode};
use reqwest::StatusCode;
use rollcall::presence::{Reason, Role, Status};
use serde_json::{Value, json};

use crate::journeys::{history_of, ready, story};
use crate::support;
use crate::support::service::Service;
use crate::tokens::{Signer, claims, now, with};

const SHOP: &str = "https://shop";
const SECRET: &str = "a shared secret of thirty-two bytes or more";

/// Where the settings of two hosts are: a shop with public keys in a file, and a club with a shared secret.
pub struct Hosts {
    dir: tempfile::TempDir,
    shop: Signer,
}

impl Hosts {
    pub fn new() -> Self {
        let (dir, shop) = (tempfile::tempdir().unwrap(), Signer::ed25519("a"));
        let keys = dir.path().join("keys.json");
        std::fs::write(&keys, json!({"keys": [shop.jwk()]}).to_string()).unwrap();
        let settings = json!({"issuers": [
            {"name": "shop", "issuer": SHOP, "audience": "rollcall", "jwks_file": keys, "org": "shops"},
            {"name": "club", "issuer": "https://club", "audience": "rollcall", "secret": SECRET, "allow_admin": true},
        ]});
        std::fs::write(dir.path().join("issuers.json"), settings.to_string()).unwrap();
        Self { dir, shop }
    }

    pub fn file(&self) -> String {
        self.dir.path().join("issuers.json").display().to_string()
    }

    /// A token of the shop, as its user and login.
    pub fn shop(&self, subject: &str, login: Option<&str>) -> String {
        self.shop_at(subject, login, now())
    }

    fn shop_at(&self, subject: &str, login: Option<&str>, issued_at: i64) -> String {
        let claims = with(with(claims(SHOP, subject), "iat", json!(issued_at)), "sid", json!(login));
        self.shop.sign(&claims)
    }

    /// A token of the shop that names rooms.
    pub fn shop_in_rooms(&self, subject: &str, rooms: Value) -> String {
        self.shop.sign(&with(claims(SHOP, subject), "rooms", rooms))
    }

    /// A grant of the shop.
    pub fn shop_grant(&self, subject: &str, room: &str) -> String {
        self.shop.sign_as(Some("room+jwt"), &with(claims(SHOP, subject), "room", json!(room)))
    }

    pub fn club(role: &str) -> String {
        let claims = with(claims("https://club", "boss"), "role", json!(role));
        encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
    }
}

async fn ended(service: &Service, token: &str) -> bool {
    let (status, answer) = service.beat(token, json!({})).await;
    status == StatusCode::UNAUTHORIZED && answer["code"] == "login_ended"
}

async fn beats(service: &Service, token: &str) -> Value {
    let (status, answer) = service.beat(token, json!({})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer
}

#[tokio::test]
async fn whoever_a_host_names_is_somebody_everywhere() {
    let hosts = Hosts::new();
    let service = Service::with(&["--auth-issuers-file", &hosts.file()]).await;
    let ann = hosts.shop("ann@example.com", Some("s1"));
    beats(&service, &ann).await;
    let id = "shop~ann%40example.com";
    let in_path = "shop~ann%2540example.com";
    let (_, own) = service.get(&ann, &format!("/api/presence/users/{in_path}/")).await;
    assert_eq!((&own["user_id"], &own["status"]), (&json!(id), &json!("online")));
    // Another of the same organisation sees them, our own people of another one do not, administrators do.
    let bob = hosts.shop("bob", None);
    let query = json!({"users": [id]});
    let seen = async |token: &str| {
        let (status, answer) = service.post(token, "/api/presence/query/", query.clone()).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["results"][0]["status"].clone()
    };
    let eve = service.person("eve", Role::Admin).await;
    assert_eq!(seen(&bob).await, "online");
    assert_eq!(seen(&service.person("joe", Role::User).await.token).await, "offline");
    assert_eq!(seen(&eve.token).await, "online");
    let (status, _) = service.get(&ann, "/api/users/admin/users/").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    // The history knows them by the same name.
    crate::http::copy(&service).await;
    let admin = &eve.token;
    let (_, rows) = service.get(admin, &format!("/api/presence/transitions/?user={in_path}")).await;
    assert_eq!(
        (&rows["results"][0]["user_id"], &rows["results"][0]["org"]),
        (&json!(id), &json!("shops")),
        "{rows}"
    );
    for what in ["timeline", "explain"] {
        let (status, answer) = service.get(admin, &format!("/api/presence/users/{in_path}/{what}/")).await;
        assert_eq!((status, &answer["user_id"]), (StatusCode::OK, &json!(id)), "{what}: {answer}");
    }
    let (status, answer) = service.get(&ann, "/api/presence/stats/").await;
    assert_eq!((status, &answer["online"]), (StatusCode::OK, &json!(2)), "{answer}");
}

#[tokio::test]
async fn administrators_set_and_end_the_presence_of_a_hosts_people() {
    let hosts = Hosts::new();
    let service = Service::with(&["--auth-issuers-file", &hosts.file()]).await;
    let ann = hosts.shop_at("ann", Some("s1"), now() - 5);
    beats(&service, &ann).await;
    let boss = Hosts::club("admin");
    let path = |what: &str| format!("/api/presence/users/shop~ann/{what}/");
    let (status, answer) = service.post(&boss, &path("set-online-status"), json!({"status": "busy"})).await;
    assert_eq!(
        (status, &answer["status"], &answer["user_id"]),
        (StatusCode::OK, &json!("busy"), &json!("shop~ann")),
        "{answer}"
    );
    assert_eq!(beats(&service, &ann).await["online_status"], "busy");
    let request = service.request(reqwest::Method::DELETE, &path("set-online-status")).bearer_auth(&boss);
    let (status, answer) = support::service::answer(request).await;
    assert_eq!((status, &answer["status"]), (StatusCode::OK, &json!("online")), "{answer}");
    let (status, answer) = service.post(&boss, &path("force-logout"), json!({"reason": "lost phone"})).await;
    assert_eq!((status, &answer["status"]), (StatusCode::OK, &json!("offline")), "{answer}");
    assert!(ended(&service, &ann).await);
    let (_, log) = service.get(&boss, "/api/admin/audit-logs/?target=shop~ann").await;
    let rows: Vec<_> = log["results"].as_array().unwrap().iter().map(|row| &row["action_type"]).collect();
    assert_eq!(rows, ["FORCE_LOGOUT", "ONLINE_STATUS_CLEARED", "ONLINE_STATUS_SET"], "{log}");
    assert_eq!(log["results"][0]["actor_id"], "club~boss");
    // By the same paths our own people; nobody who is not known; and not by a host's word without its administrators.
    let joe = service.person("joe", Role::User).await.id;
    service.log_in("joe").await;
    let own = format!("/api/presence/users/{joe}/force-logout/");
    assert_eq!(service.post(&boss, &own, json!({})).await.1["status"], "offline");
    for nobody in ["shop~nobody", "4711", "other~ann"] {
        let path = format!("/api/presence/users/{nobody}/force-logout/");
        assert_eq!(service.post(&boss, &path, json!({})).await.0, StatusCode::NOT_FOUND, "{nobody}");
    }
    for token in [hosts.shop("ann2", None), Hosts::club("user"), Hosts::club("moderator")] {
        assert_eq!(service.post(&token, &path("force-logout"), json!({})).await.0, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn a_logout_ends_what_it_names() {
    let hosts = Hosts::new();
    let service = Service::with(&["--auth-issuers-file", &hosts.file()]).await;
    let (here, there) = (hosts.shop("ann", Some("here")), hosts.shop("ann", Some("there")));
    beats(&service, &here).await;
    beats(&service, &there).await;
    assert_eq!(service.post(&here, "/api/auth/logout/", json!({})).await.0, StatusCode::OK);
    assert!(ended(&service, &here).await);
    beats(&service, &there).await;
    // Without a name a logout ends the token that says it and those before it, and the next one is good.
    let (before, nameless, after) = (
        hosts.shop_at("bob", None, now() - 9),
        hosts.shop_at("bob", None, now() - 5),
        hosts.shop("bob", None),
    );
    beats(&service, &nameless).await;
    assert_eq!(service.post(&nameless, "/api/auth/logout/", json!({})).await.0, StatusCode::OK);
    assert!(ended(&service, &nameless).await && ended(&service, &before).await);
    beats(&service, &after).await;
    let everywhere = hosts.shop_at("cat", Some("x"), now() - 5);
    beats(&service, &everywhere).await;
    assert_eq!(service.post(&everywhere, "/api/auth/logout-all-devices/", json!({})).await.0, StatusCode::OK);
    assert!(ended(&service, &hosts.shop_at("cat", Some("y"), now() - 5)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_comes_back_empty_learns_which_logins_of_hosts_have_ended() {
    let hosts = Hosts::new();
    let stack = support::private_stack(|_| ());
    let database = support::migrated(&stack).await;
    let file = hosts.file();
    let flags = [crate::journeys::BRIEF, &["--auth-issuers-file", &file]].concat();
    let node = Service::node(&stack.redis_url(), &database, "rc", &flags).await;
    ready(&node).await;
    let named = hosts.shop("ann", Some("s1"));
    let nameless = hosts.shop_at("bob", None, now() - 5);
    for token in [&named, &nameless] {
        beats(&node, token).await;
        assert_eq!(node.post(token, "/api/auth/logout/", json!({})).await.0, StatusCode::OK);
    }
    let rows = history_of(&node, "shop~ann", 2).await;
    assert_eq!(story(&rows), [(Status::Online, Reason::Connect), (Status::Offline, Reason::Logout)]);
    // Longer ago than a round of the task looks back, and than our own tokens live.
    let owner = sqlx::PgPool::connect(&database).await.unwrap();
    let moved = sqlx::query("UPDATE ended_host_logins SET ended_at = now() - interval '1 hour'");
    assert_eq!(moved.execute(&owner).await.unwrap().rows_affected(), 2);
    stack.redis().kill();
    stack.redis().start(rollcall::devstack::Data::Lost).unwrap();
    ready(&node).await;
    for token in [&named, &nameless] {
        let (status, answer) = node.beat(token, json!({})).await;
        assert_eq!((status, &answer["code"]), (StatusCode::UNAUTHORIZED, &json!("login_ended")));
    }
    // A logout that Redis missed altogether is told to it.
    let missed = hosts.shop("cat", Some("s9"));
    beats(&node, &missed).await;
    sqlx::query(
        "INSERT INTO ended_host_logins (user_id, login, org, reason, until) \
         VALUES ('shop~cat', 's9', 'shops', 'logout', now() + interval '1 hour')",
    )
    .execute(&owner)
    .await
    .unwrap();
    crate::journeys::eventually("redis is told", std::time::Duration::from_secs(10), async || {
        ended(&node, &missed).await.then_some(())
    })
    .await;
    node.stop().await;
}
