//! `rollcall doctor`: the real program looks at real servers, well and broken.

use std::process::{Command, Output};
use std::time::Duration;

use rollcall::moment;
use rollcall::presence::{Millis, Role, UserId};
use rollcall::store::Told;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::journeys::eventually;
use crate::support;
use crate::support::program::{Program, token};
use crate::support::redis_command;
use crate::support::service::{SECRET, Service};
use crate::support::socket::Socket;

/// Where a doctor looks.
pub struct Place {
    pub redis: String,
    pub database: String,
    pub prefix: String,
    pub shards: &'static str,
}

impl Place {
    pub async fn shared() -> Self {
        let (redis, database) = (support::stack().redis_url(), support::database_url().await);
        Self { redis, database, prefix: support::prefix(), shards: "2" }
    }

    async fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        command
            .args(args)
            .env("ROLLCALL_REDIS_URL", &self.redis)
            .env("ROLLCALL_REDIS_PREFIX", &self.prefix)
            .env("ROLLCALL_REDIS_SHARDS", self.shards)
            .env("ROLLCALL_DATABASE_URL", &self.database)
            .env("ROLLCALL_AUTH_SECRET", SECRET);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// The report, and the exit code.
    pub async fn examine(&self) -> (Report, i32) {
        let output = self.run(&["doctor", "--json"]).await;
        let report = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        (Report(report), output.status.code().unwrap())
    }

    /// A service under these settings, without what runs beside its requests.
    async fn of(service: &Service, database: String) -> Self {
        let redis = &service.app.config.redis;
        let prefix = redis.prefix.clone();
        Self { redis: redis.url().unwrap().expose().to_owned(), database, prefix, shards: "2" }
    }
}

pub struct Report(pub Value);

impl Report {
    pub fn check(&self, name: &str) -> &Value {
        let checks = self.0["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name}: {:#}", self.0))
    }

    fn outcome(&self, name: &str) -> &str {
        self.check(name)["outcome"].as_str().unwrap()
    }

    pub fn failures(&self) -> Vec<&str> {
        let checks = self.0["checks"].as_array().unwrap().iter();
        let failed = checks.filter(|check| check["outcome"] == "failure");
        failed.map(|check| check["name"].as_str().unwrap()).collect()
    }

    /// Asserts that a check came out so, says this, and what it means and what to do.
    fn says(&self, name: &str, outcome: &str, part: &str) {
        let check = self.check(name);
        assert_eq!(check["outcome"], outcome, "{check:#}");
        assert!(check.to_string().contains(part), "{check:#}");
        assert!(check["means"].as_str().unwrap().len() > 20, "{check:#}");
        assert!(check["advice"].as_str().unwrap().len() > 10, "{check:#}");
    }
}

async fn service_and_place() -> (Service, Place) {
    let database = support::database_url().await;
    let service = Service::on(&support::stack().redis_url(), &database, &["--node", "node-1"]).await;
    let place = Place::of(&service, database).await;
    (service, place)
}

/// A node that only shows itself, with this clock, and keeps the first shard.
fn pretend(service: &Service, late: Millis) -> JoinHandle<()> {
    let app = service.app.clone();
    tokio::spawn(async move {
        loop {
            let clock = moment::now() - late;
            let told = Told { version: "0.0.1".to_owned(), sockets: 7, since: clock, clock };
            app.store.show_node(&told).await.unwrap();
            app.store.own(0, false).await.unwrap();
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    })
}

/// Checks that come out well on the servers of tests.
const WELL: &[&str] = &[
    "settings",
    "redis.reachable",
    "redis.version",
    "redis.role",
    "redis.eviction",
    "redis.notifications",
    "redis.packing",
    "redis.replication",
    "redis.pubsub-buffer",
    "redis.scripts",
    "redis.layout",
    "nodes.live",
    "nodes.versions",
    "nodes.clocks",
    "machine.clock",
    "shards.owners",
    "shards.open",
    "outbox",
    "postgres.reachable",
    "postgres.version",
    "postgres.schema",
    "postgres.rights",
    "postgres.partitions",
    "postgres.quarantine",
    "postgres.events",
    "postgres.connections",
    "people",
];

#[tokio::test]
async fn a_healthy_service_is_called_so() {
    let place = Place::shared().await;
    let node = Service::node(&place.redis, &place.database, &place.prefix, &[]).await;
    crate::journeys::ready(&node).await;
    let claim = json!({"status": "busy", "text": "in a meeting", "expires_in_ms": 600_000});
    for user in ["1", "2", "3"] {
        assert_eq!(node.beat(&node.token(user, "tab"), json!({"device": "web"})).await.0, 200);
    }
    let request =
        node.request(reqwest::Method::PUT, "/api/presence/status/").bearer_auth(node.token("3", "tab"));
    request.json(&claim).send().await.unwrap().error_for_status().unwrap();
    let (report, code) = place.examine().await;
    assert_eq!((report.failures(), code, &report.0["healthy"]), (vec![], 0, &json!(true)), "{:#}", report.0);
    for name in WELL {
        assert_eq!(report.outcome(name), "ok", "{:#}", report.check(name));
    }
    assert_eq!(report.outcome("redis.persistence"), "warning", "the servers of tests keep nothing");
    assert!(report.check("people")["found"].as_str().unwrap().contains("same of 5 who"), "{:#}", report.0);
    let lines = String::from_utf8(place.run(&["doctor", "--users", "2"]).await.stdout).unwrap();
    assert!(lines.lines().last().unwrap().starts_with("healthy"), "{lines}");
    node.stop().await;
}

#[tokio::test]
async fn what_a_node_would_refuse_is_examined_all_the_same() {
    let stack = support::private_stack(|options| options.postgres = false);
    support::redis_command_to(&stack, "CONFIG SET maxmemory-policy allkeys-lru").await;
    support::redis_command_to(&stack, "CONFIG SET notify-keyspace-events \"\"").await;
    let place = Place { redis: stack.redis_url(), ..Place::shared().await };
    let (report, code) = place.examine().await;
    assert_eq!(code, 1);
    report.says("redis.eviction", "failure", "allkeys-lru");
    report.says("redis.notifications", "warning", "publish");
    report.says("nodes.live", "failure", "no node lives");
    report.says("redis.layout", "warning", "no shard has data");
    let events = support::redis_command_to(&stack, "CONFIG GET notify-keyspace-events").await;
    assert!(!events.contains('x') && !events.contains('E'), "it changes nothing: {events}");
    let keys = support::redis_command_to(&stack, "DBSIZE").await;
    assert_eq!(keys, ":0\r\n");
}

#[tokio::test]
async fn entries_that_wait_are_told_and_so_is_a_postgres_that_is_away() {
    let (service, place) = service_and_place().await;
    let now = service.app.store.now().await.unwrap();
    service.app.store.clock().set(now - Millis(3_600_000));
    for user in ["1", "2", "3", "4"] {
        service.beat(&service.token(user, "tab"), json!({})).await;
    }
    let (report, code) = place.examine().await;
    assert_eq!(code, 1);
    report.says("outbox", "failure", "4 entries wait to be copied, the oldest for 36");
    report.says("shards.owners", "failure", "2 of 2 shards have no owner");
    report.says("people", "warning", "4 of 4 who are present differ");
    let away = Place { database: "postgres://nobody@127.0.0.1:1/none".to_owned(), ..place };
    let (report, code) = away.examine().await;
    assert_eq!((code, report.outcome("people")), (1, "not_checked"));
    report.says("postgres.reachable", "failure", "nothing is lost");
    report.says("outbox", "warning", "4 entries are kept");
}

#[tokio::test]
async fn a_clock_that_is_wrong_and_a_shard_that_nobody_keeps_are_told() {
    let (service, place) = service_and_place().await;
    let node = pretend(&service, Millis(90_000));
    let key = service.app.store.keys().nodes_told();
    let shown = async || redis_command(&format!("EXISTS {key}")).await.contains('1').then_some(());
    eventually("the node shows itself", Duration::from_secs(5), shown).await;
    let (report, code) = place.examine().await;
    node.abort();
    assert_eq!(code, 1);
    report.says("nodes.clocks", "failure", "-90.");
    report.says("nodes.versions", "warning", "0.0.1");
    report.says("shards.owners", "failure", "shard 1: nobody");
    assert!(report.check("nodes.live").to_string().contains("7 sockets"));
}

#[tokio::test]
async fn who_was_changed_by_hand_is_found() {
    let place = Place::shared().await;
    let node = Service::node(&place.redis, &place.database, &place.prefix, &[]).await;
    crate::journeys::ready(&node).await;
    for user in ["1", "2", "3"] {
        assert_eq!(node.beat(&node.token(user, "tab"), json!({})).await.0, 200);
        crate::journeys::history_of(&node, user, 1).await;
    }
    let keys = node.app.store.keys();
    let [changed, ghost] = ["2", "4711"].map(|user| UserId::parse(user).unwrap());
    let text = "local r = cmsgpack.unpack(redis.call('HGET', KEYS[1], ARGV[1])) r[1] = 3 \
        return redis.call('HSET', KEYS[1], ARGV[1], cmsgpack.pack(r))";
    redis_command(&format!("EVAL \"{text}\" 1 {} 2", keys.record(&changed))).await;
    let on = keys.on(keys.shard_of(&ghost), &rollcall::presence::Org::default());
    redis_command(&format!("ZADD {on} 11795172912200 4711")).await;
    let (report, code) = place.examine().await;
    assert_eq!((report.failures(), code), (vec!["people"], 1), "{:#}", report.0);
    report.says("people", "failure", "Redis has busy since");
    let details: Vec<&str> = report.check("people")["details"]
        .as_array()
        .unwrap()
        .iter()
        .map(|detail| detail.as_str().unwrap())
        .collect();
    assert_eq!(details.len(), 2, "{details:?}");
    assert!(details[0].starts_with("2: ") && details[0].contains("Postgres online since"), "{details:?}");
    assert!(details[1].starts_with("4711: the record says offline, the lists"), "{details:?}");
    node.stop().await;
}

#[tokio::test]
async fn settings_that_are_missing_are_another_exit_code() {
    let place = Place::shared().await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    command.arg("doctor").env_remove("ROLLCALL_REDIS_URL").env("ROLLCALL_DATABASE_URL", &place.database);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("ROLLCALL_REDIS_URL"));
    let unwise = place.run(&["config", "check", "--internal-listen", "0.0.0.0:9000"]).await;
    let said = String::from_utf8(unwise.stdout).unwrap();
    assert!(unwise.status.success());
    assert!(said.starts_with("the settings are good to serve\nunwise in production: ROLLCALL_"), "{said}");
    assert!(said.contains("ROLLCALL_INTERNAL_LISTEN") && said.contains("metrics"), "{said}");
}

/// Somebody seems to be online for hours: it is a tab that nobody looks at.
#[tokio::test]
async fn a_forgotten_tab_is_recognised() {
    let (service, place) = service_and_place().await;
    let store = &service.app.store;
    service
        .app
        .store
        .show_node(&Told { version: "1".into(), sockets: 0, since: Millis(0), clock: Millis(0) })
        .await
        .unwrap();
    let ada = service.person("ada", Role::User).await;
    let beat = json!({"session": "tab1", "device": "web", "hidden": true, "connection": "c1"});
    store.clock().set(store.now().await.unwrap() - Millis(3 * 3_600_000 + 120_000));
    assert_eq!(service.beat(&ada.token, beat.clone()).await.0, 200);
    store.clock().set(Millis(0));
    assert_eq!(service.beat(&ada.token, beat).await.0, 200);
    let output = place.run(&["explain", &ada.id.to_string()]).await;
    let said = String::from_utf8(output.stdout).unwrap();
    let node = service.app.config.listen.node_name();
    for part in [
        "online, because a session is active",
        "- a hidden page on web, open for 3h 2m, in use as far as it says; beats every 1m, last ",
        "A forgotten tab, it seems",
        "by http, connection c1",
        &format!("node {node}"),
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let eve = service.person("eve", Role::Admin).await;
    let (_, told) =
        service.get(&eve.token, &format!("/api/presence/users/{}/explain/?why=ticket", ada.id)).await;
    let session = &told["sessions"][0];
    assert_eq!((&session["transport"], &session["node"]), (&json!("http"), &json!(node)), "{session}");
    assert_eq!((&session["interval_ms"], &session["idle_ms"]), (&json!(60_000), &Value::Null), "{session}");
    service.post(&ada.token, "/api/auth/logout/", json!({})).await;
    crate::http::copy(&service).await;
    let (_, told) = service.get(&eve.token, &format!("/api/presence/users/{}/explain/", ada.id)).await;
    let why = told["why"].as_array().unwrap();
    assert!(why[1].as_str().unwrap().ends_with("its user logged out"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_told_by_what_brings_them() {
    let place = Place::shared().await;
    let settings = [("ROLLCALL_REDIS_PREFIX", place.prefix.as_str()), ("ROLLCALL_REDIS_SHARDS", "2")];
    let node = Program::serve("only", &place.redis, &place.database, &settings);
    let beat = async || {
        let request = reqwest::Client::new().post(format!("{}/api/users/heartbeat/", node.base));
        let answer = request.bearer_auth(token("1")).json(&json!({})).send().await.unwrap();
        answer.status().is_success().then_some(())
    };
    eventually("an open node", Duration::from_secs(10), beat).await;
    let (socket, _) = Socket::hello(&node.base, &token("2"), json!({})).await;
    let are = async |socket: u8, http: u8| {
        let text = reqwest::get(format!("{}/metrics", node.internal)).await.unwrap().text().await.unwrap();
        let told = |transport: &str, many| {
            text.contains(&format!("rollcall_sessions{{transport=\"{transport}\"}} {many}\n"))
        };
        (told("socket", socket) && told("http", http)).then_some(())
    };
    let limit = Duration::from_secs(15);
    eventually("one of each", limit, async || are(1, 1).await).await;
    drop(socket);
    // The lease runs on, but no socket brings it any more.
    eventually("the socket is gone", limit, async || are(0, 2).await).await;
}
