//! `deploy/redis`: real servers take the files, the service's user may do what the program does and nothing else, and a
//! script starts either server with both.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use rollcall::accounts::AccountStatus;
use rollcall::devstack::{Data, Fleet, Member};
use rollcall::presence::Role;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{read, root};
use crate::cluster::wire::tell;
use crate::journeys::{eventually, history_of, ready, status_of};
use crate::support;
use crate::support::service::{SECRET, Service, answer};
use crate::support::socket::Socket;

/// Passwords of the users `default`, `rollcall`, `replica` and `sentinel`.
pub const OPERATOR: &str = "of-the-operators";
pub const SERVICE: &str = "of-the-service";
pub const REPLICA: &str = "of-the-replicas";
pub const SENTINEL: &str = "of-the-sentinels";

/// Sessions live for 3 s, so that silence is noticed soon; rooms need no grants.
const BRIEF: &[&str] = &[
    "--presence-heartbeat",
    "500ms",
    "--presence-ttl",
    "3s",
    "--presence-hidden-ttl",
    "3s",
    "--presence-socket-ttl",
    "3s",
    "--presence-linger",
    "500ms",
    "--live-rooms",
    "open",
];

/// What the program calls itself, beside what its scripts call: not all of it in the journey below.
const OTHERWISE: [&str; 2] = [
    // In a cluster (see `replication.rs`).
    "cluster|nodes",
    // Sentinels speak the older protocol, without a hello; so would the service to a server that does.
    "auth",
];

pub fn fleet() -> Fleet {
    let options = support::options();
    Fleet::new(options.data_dir, &options.search).unwrap()
}

/// A file of settings with what it includes, in lines that stand for it.
pub fn settings(name: &str) -> String {
    let text = read(&format!("deploy/redis/{name}"));
    let Some((before, rest)) = text.split_once("\ninclude /etc/redis/") else { return text };
    let (included, after) = rest.split_once('\n').unwrap();
    format!("{before}\n{}{after}", settings(included))
}

/// The users of both files, with hashes of the passwords above; answers the line that names the file.
pub fn users(dir: &Path) -> String {
    let mut text = read("deploy/redis/users.acl") + &read("deploy/redis/replication.acl");
    for (who, password) in
        [("OPERATOR", OPERATOR), ("SERVICE", SERVICE), ("REPLICA", REPLICA), ("SENTINEL", SENTINEL)]
    {
        let hash: String = Sha256::digest(password).iter().map(|byte| format!("{byte:02x}")).collect();
        text = text.replace(&format!("{who}_PASSWORD_SHA256"), &hash);
    }
    let file = dir.join("users.acl");
    fs::write(&file, text).unwrap();
    format!("\naclfile {}\n", file.display())
}

/// What the operators are told.
pub fn told(member: &Member, command: &str) -> String {
    tell(member, &format!("AUTH {OPERATOR}\n{command}"))
}

/// The first line of what the service's user is told.
fn told_service(member: &Member, command: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", member.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(format!("AUTH rollcall {SERVICE}\r\n{command}\r\n").as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    assert_eq!(lines.next().as_deref(), Some("+OK"));
    lines.next().unwrap()
}

/// Commands that this server has run since its start, subcommands as `config|get`.
pub fn called(member: &Member) -> BTreeSet<String> {
    let stats = told(member, "INFO commandstats");
    let names = stats.lines().filter_map(|line| line.strip_prefix("cmdstat_")?.split_once(':'));
    names.filter(|(_, figures)| !figures.starts_with("calls=0,")).map(|(name, _)| name.to_owned()).collect()
}

/// What the service's user may call.
fn allowed() -> BTreeSet<String> {
    let users = read("deploy/redis/users.acl");
    let line = users.lines().find(|line| line.starts_with("user rollcall ")).unwrap();
    line.split(' ').filter_map(|word| word.strip_prefix('+')).map(str::to_owned).collect()
}

/// What scripts call.
fn scripted() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for dir in ["lua", "lua/lib"] {
        for entry in fs::read_dir(root().join(dir)).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap_or_default();
            // `redis.call`, `redis.pcall`, and what a script calls either for short.
            for rest in text.split("call(").skip(1).filter_map(|rest| rest.strip_prefix('\'')) {
                found.insert(rest.split('\'').next().unwrap().to_lowercase());
            }
        }
    }
    assert!(found.len() > 10, "{found:?}");
    found
}

#[tokio::test]
async fn a_real_redis_takes_the_configuration_and_is_fit() {
    let mut fleet = fleet();
    let settings = format!("{}\nrequirepass secret\n", settings("redis.conf"));
    let redis = fleet.add(false, |_, _| settings.clone()).unwrap_or_else(|error| panic!("{error}"));
    let url = format!("redis://:secret@127.0.0.1:{}", fleet.members()[redis].port());
    let service = Service::on(&url, &support::database_url().await, &[]).await;
    let (status, answer) = service.beat(&service.token("1", "tab"), json!({})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let memory = service.app.store.figures().await.unwrap().memory;
    assert_eq!(memory.limit, 1 << 30);
    // What the program would otherwise have to mend at each start.
    for setting in ["maxmemory-policy noeviction", "notify-keyspace-events Ex", "hash-max-listpack-value 512"]
    {
        assert!(settings.lines().any(|line| line == setting), "{setting}");
    }
}

#[test]
fn the_users_file_is_refused_until_it_is_filled_in() {
    for user in ["users.acl", "replication.acl"].map(|name| read(&format!("deploy/redis/{name}"))) {
        assert!(user.lines().all(|line| line.starts_with("user ")), "such files take nothing else");
        assert!(
            user.lines().all(|line| line.contains(" on #") && line.contains("_PASSWORD_SHA256 ")),
            "{user}"
        );
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("users.acl");
    fs::write(&file, read("deploy/redis/users.acl")).unwrap();
    let refused =
        fleet().add(false, |_, _| format!("aclfile {}\n", file.display())).expect_err("it does not start");
    assert!(refused.to_string().contains("hash"), "{refused}");
}

/// Everything people do, once.
async fn live(node: &Service) {
    let boss = node.person("boss", Role::Admin).await;
    let ada = node.person("ada", Role::User).await;
    node.person_of("new", Role::User, "other", AccountStatus::Active).await;
    let wrong = json!({"username": "ada", "password": "not this one"});
    assert_eq!(node.send(Method::POST, "/api/auth/login/", wrong).await.0, StatusCode::UNAUTHORIZED);
    let (first, second) = (node.log_in("ada").await, node.log_in("ada").await);
    let token = |login: &serde_json::Value| login["tokens"]["access"].as_str().unwrap().to_owned();
    let (one, two, new) = (token(&first), token(&second), token(&node.log_in("new").await));
    for body in
        [json!({}), json!({}), json!({"activity": "idle", "idle_ms": 400_000}), json!({"logout": true})]
    {
        assert_eq!(node.beat(&one, body).await.0, StatusCode::OK);
    }
    assert_eq!(node.beat(&new, json!({})).await.0, StatusCode::OK);
    assert_eq!(node.get(&one, "/api/auth/me/").await.0, StatusCode::OK);
    let busy = node.request(Method::PUT, "/api/presence/status/").bearer_auth(&one);
    assert_eq!(
        answer(busy.json(&json!({"status": "busy", "expires_in_ms": 60_000}))).await.0,
        StatusCode::OK
    );
    let back = node.request(Method::DELETE, "/api/presence/status/").bearer_auth(&one);
    assert_eq!(answer(back).await.0, StatusCode::OK);
    for path in [
        "/api/presence/stats/".to_owned(),
        "/api/presence/online/".to_owned(),
        format!("/api/presence/users/{}/", ada.id),
        "/api/auth/sessions/".to_owned(),
    ] {
        assert_eq!(node.get(&boss.token, &path).await.0, StatusCode::OK, "{path}");
    }
    let explained = node.get(&boss.token, &format!("/api/presence/users/{}/explain/", ada.id)).await;
    assert_eq!(explained.0, StatusCode::OK, "{}", explained.1);
    let block = json!({"cidr": "203.0.113.0/24", "reason": "scrapers", "expires_in_ms": 60_000});
    let (status, block) = node.post(&boss.token, "/api/admin/blocked-addresses/", block).await;
    assert_eq!(status, StatusCode::CREATED, "{block}");
    let path = format!("/api/admin/blocked-addresses/{}/", block["id"]);
    assert_eq!(answer(node.request(Method::DELETE, &path).bearer_auth(&boss.token)).await.0, StatusCode::OK);
    sockets(node).await;
    assert_eq!(node.post(&one, "/api/auth/logout/", json!({})).await.0, StatusCode::OK);
    assert_eq!(node.post(&two, "/api/auth/logout-all-devices/", json!({})).await.0, StatusCode::OK);
    let ban = format!("/api/users/admin/users/{}/ban/", ada.id);
    let (status, said) = node.post(&boss.token, &ban, json!({"reason": "spam"})).await;
    assert_eq!(status, StatusCode::OK, "{said}");
}

/// Two sockets watch, meet in a room, and one goes.
async fn sockets(node: &Service) {
    let (mut eve, _) = Socket::hello(&node.base, &node.token("eve", "a"), json!({})).await;
    let (mut ben, _) = Socket::hello(&node.base, &node.token("ben", "b"), json!({})).await;
    eve.watch(json!({"users": ["ben"], "orgs": ["main"], "rooms": ["lobby"]})).await;
    eve.say(json!({"type": "join", "room": "lobby"})).await;
    ben.say(json!({"type": "join", "room": "lobby"})).await;
    while eve.next_of("room").await["joined"]["user_id"] != "ben" {}
    ben.say(json!({"type": "typing", "room": "lobby", "on": true})).await;
    while eve.next_of("room").await["typing"] != json!({"user_id": "ben", "on": true}) {}
    ben.say(json!({"type": "leave", "room": "lobby"})).await;
    while eve.next_of("room").await["left"]["user_id"] != "ben" {}
    ben.leave().await;
    eve.sees("ben", "offline").await;
    eve.leave().await;
}

async fn goes_silent(node: &Service, user: &str) {
    assert_eq!(node.beat(&node.token(user, "tab"), json!({})).await.0, StatusCode::OK);
    history_of(node, user, 1).await;
    eventually("offline", Duration::from_secs(10), async || {
        (status_of(node, user).await == "offline").then_some(())
    })
    .await;
    history_of(node, user, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_services_user_may_do_what_the_program_does_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings("redis.conf") + &users(dir.path());
    let mut fleet = fleet();
    fleet.add(false, |_, _| settings.clone()).unwrap_or_else(|error| panic!("{error}"));
    let redis = &fleet.members()[0];
    let url = format!("redis://rollcall:{SERVICE}@127.0.0.1:{}", redis.port());
    let database = support::database_url().await;
    let node = Service::node(&url, &database, "rc", BRIEF).await;
    ready(&node).await;
    live(&node).await;
    goes_silent(&node, "7").await;
    assert_eq!(told(redis, "ACL LOG"), "", "whatever was refused");
    let mut used = called(redis);

    redis.server().kill();
    redis.server().start(Data::Lost).unwrap();
    let token = node.token("8", "tab");
    eventually("heartbeats are taken again", Duration::from_secs(20), async || {
        (node.beat(&token, json!({})).await.0 == StatusCode::OK).then_some(())
    })
    .await;
    ready(&node).await;
    goes_silent(&node, "9").await;
    looks(&url, &database);
    let (allowed, scripted) = (allowed(), scripted());
    assert_eq!(scripted.difference(&allowed).collect::<Vec<_>>(), Vec::<&String>::new(), "scripts need them");
    // Figures are taken every 5 s.
    eventually("everything that is allowed is used", Duration::from_secs(20), async || {
        used.extend(called(redis));
        let is_used = |name: &String| {
            used.contains(name) || scripted.contains(name) || OTHERWISE.contains(&name.as_str())
        };
        allowed.iter().all(is_used).then_some(())
    })
    .await;
    assert_eq!(told(redis, "ACL LOG"), "", "whatever was refused");
    refuses(redis);
    assert!(node.stop().await);
}

/// Has the doctor look at the service, with the service's own user; whatever it finds, it must have looked.
fn looks(redis: &str, database: &str) {
    let looked = Command::new(env!("CARGO_BIN_EXE_rollcall"))
        .arg("doctor")
        .env("ROLLCALL_REDIS_URL", redis)
        .env("ROLLCALL_REDIS_SHARDS", "2")
        .env("ROLLCALL_DATABASE_URL", database)
        .env("ROLLCALL_AUTH_SECRET", SECRET)
        .output()
        .unwrap();
    assert!(!looked.stdout.is_empty(), "{}", String::from_utf8_lossy(&looked.stderr));
}

/// What the user may not.
fn refuses(redis: &Member) {
    for command in [
        "FLUSHALL",
        "FLUSHDB",
        "KEYS *",
        "SCAN 0",
        "CONFIG SET maxmemory 1",
        "CONFIG SET notify-keyspace-events Ex",
        "CONFIG REWRITE",
        "ACL LIST",
        "ACL SETUSER rollcall ~*",
        "SCRIPT FLUSH",
        "CLIENT LIST",
        "MONITOR",
        "SHUTDOWN NOSAVE",
        "REPLICAOF NO ONE",
        "SAVE",
        "FUNCTION LIST",
        "PUBLISH __keyevent@0__:expired rc:{00}:live:1:a",
        "SUBSCRIBE __keyevent@0__:del",
        "GET other:key",
        "SET other:key 1",
        "EVAL \"return redis.call('GET', 'other:key')\" 0",
        "EVAL \"return redis.call('FLUSHALL')\" 0",
    ] {
        let said = told_service(redis, command);
        let is_refused = said.starts_with("-NOPERM")
            || (command.starts_with("EVAL") && said.contains("ACL failure")
                || said.contains("The user executing the script"));
        assert!(is_refused, "{command}: {said}");
    }
    assert_eq!(told_service(redis, "GET rc:blocks").chars().next(), Some('$'), "its own keys it may read");
}

/// A server that goes with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_script_starts_a_server_with_both_users() {
    let dir = tempfile::Builder::new().prefix("rollcall-test-").tempdir_in("/tmp").unwrap();
    let socket = dir.path().join("redis.sock");
    let place = |path: &Path| path.display().to_string();
    let start = |command: &mut Command| {
        command.env("RUN_DIR", dir.path()).current_dir(dir.path()).stdout(Stdio::null());
        let args = ["--port", "0", "--unixsocket", &place(&socket), "--dir", &place(dir.path())];
        Running(command.args(args).spawn().unwrap())
    };
    let script = root().join("deploy/redis/start");
    let mut without =
        start(Command::new("sh").arg(&script).env("REDISCLI_AUTH", OPERATOR).stderr(Stdio::null()));
    assert!(!without.0.wait().unwrap().success(), "without a password for the service");
    let _server = start(
        Command::new("sh").arg(&script).env("REDISCLI_AUTH", OPERATOR).env("SERVICE_PASSWORD", SERVICE),
    );
    eventually("the server is there", Duration::from_secs(20), async || {
        std::os::unix::net::UnixStream::connect(&socket).ok()
    })
    .await;
    let answers = |commands: &str| {
        let mut stream = std::os::unix::net::UnixStream::connect(&socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(format!("{commands}\r\nQUIT\r\n").as_bytes()).unwrap();
        BufReader::new(stream).lines().map_while(Result::ok).collect::<Vec<_>>().join(" ")
    };
    assert!(answers("PING").starts_with("-NOAUTH"), "nobody gets in without a password");
    assert!(answers(&format!("AUTH {OPERATOR}\r\nACL WHOAMI")).starts_with("+OK $7 default"));
    let told = answers(&format!("AUTH rollcall {SERVICE}\r\nCONFIG GET maxmemory-policy\r\nFLUSHALL"));
    assert!(told.contains("noeviction") && told.contains("-NOPERM"), "{told}");
    let users = fs::read_to_string(dir.path().join("users.acl")).unwrap();
    assert!(!users.contains(OPERATOR) && !users.contains(SERVICE), "hashes stand there");
}
