//! The private servers: they start, break as told, come back, and go with the process that started them.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rollcall::devstack::{Data, DevStack, DevStackError};
use sqlx::{Connection, PgConnection};

use crate::support;

/// Waits for a condition, at most 15 s.
fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(15);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn redis(stack: &DevStack, command: &str) -> String {
    let socket = stack.redis_url().replace("redis+unix://", "");
    let mut stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
    std::io::Write::write_all(&mut stream, format!("{command}\r\n").as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line.trim().to_owned()
}

async fn one(url: &str) -> Result<i32, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::query_scalar("SELECT 1").fetch_one(&mut connection).await
}

#[tokio::test]
async fn each_test_has_a_database_of_its_own() {
    let (a, b) = (support::database().await, support::database().await);
    sqlx::raw_sql("CREATE TABLE only_here (x int)").execute(&a).await.unwrap();
    assert!(sqlx::raw_sql("SELECT * FROM only_here").execute(&b).await.is_err());
    assert_ne!(support::prefix(), support::prefix());
}

#[tokio::test]
async fn a_killed_server_comes_back_with_what_it_keeps() {
    let stack = support::private_stack(|options| options.redis_persists = true);
    redis(&stack, "SET kept 1");
    stack.redis().stop().unwrap();
    stack.redis().start(Data::Kept).unwrap();
    assert_eq!(redis(&stack, "EXISTS kept"), ":1");
    stack.redis().kill();
    assert_eq!(stack.redis().pid(), None);
    stack.redis().start(Data::Lost).unwrap();
    assert_eq!(redis(&stack, "EXISTS kept"), ":0");

    let url = stack.database_url();
    assert_eq!(one(&url).await.unwrap(), 1);
    stack.postgres().kill();
    assert!(one(&url).await.is_err());
    stack.postgres().start(Data::Kept).unwrap();
    assert_eq!(one(&url).await.unwrap(), 1);
}

#[tokio::test]
async fn a_frozen_server_answers_when_thawed() {
    let stack = support::private_stack(|options| options.redis_tcp = true);
    assert!(stack.redis_tcp_url().is_some());
    let url = stack.database_url();
    stack.postgres().freeze().unwrap();
    let asked = tokio::spawn(async move { one(&url).await });
    assert!(tokio::time::timeout(Duration::from_millis(300), stays_pending(&asked)).await.is_err());
    stack.postgres().thaw().unwrap();
    assert_eq!(asked.await.unwrap().unwrap(), 1);
}

async fn stays_pending<T>(task: &tokio::task::JoinHandle<T>) {
    while !task.is_finished() {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_second_stack_on_the_same_directory_is_refused() {
    let stack = support::private_stack(|options| options.postgres = false);
    let mut options = support::options();
    let unused = std::mem::replace(&mut options.data_dir, stack.data_dir().to_owned());
    std::fs::remove_dir(unused).unwrap();
    options.ephemeral = false;
    assert!(matches!(DevStack::start(options), Err(DevStackError::InUse(_))));
}

#[test]
fn a_stack_leaves_nothing_behind() {
    let stack = support::private_stack(|_| {});
    let dir = stack.data_dir().to_owned();
    drop(stack);
    assert!(!dir.exists());
}

/// Run by [`servers_die_with_a_killed_parent`] in a process of its own, which it kills.
#[test]
#[ignore = "the child of another test"]
#[allow(clippy::print_stdout, reason = "the way to its parent")]
fn parent_to_be_killed() {
    let stack = support::private_stack(|_| {});
    println!("pids {} {}", stack.redis().pid().unwrap(), stack.postgres().pid().unwrap());
    println!("dir {}", stack.data_dir().display());
    std::thread::park();
}

#[test]
fn servers_die_with_a_killed_parent() {
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["devstack::parent_to_be_killed", "--exact", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut pids = Vec::new();
    let mut dir = String::new();
    for line in lines {
        if let Some((_, numbers)) = line.split_once("pids ") {
            pids = numbers.split(' ').map(str::to_owned).collect();
        } else if let Some(path) = line.strip_prefix("dir ") {
            path.clone_into(&mut dir);
            break;
        }
    }
    parent.kill().unwrap();
    parent.wait().unwrap();
    let alive =
        |pid: &String| Command::new("/bin/sh").args(["-c", "kill -0 $0 2>/dev/null", pid]).status().unwrap();
    assert_eq!(pids.len(), 2);
    eventually("the servers end", || pids.iter().all(|pid| !alive(pid).success()));
    eventually("their directory goes", || !std::path::Path::new(&dir).exists());
}

#[tokio::test]
async fn a_deep_and_closed_directory_keeps_its_data() {
    let parent = tempfile::Builder::new().prefix("rollcall-closed-").tempdir_in("/tmp").unwrap();
    let deep = parent.path().join("d".repeat(100)).join("data");
    let start = |ephemeral| {
        support::private_stack(|options| {
            std::fs::remove_dir(&options.data_dir).unwrap();
            options.data_dir.clone_from(&deep);
            options.ephemeral = ephemeral;
            options.redis_persists = true;
        })
    };
    let stack = start(false);
    redis(&stack, "SET kept 1");
    let mut connection = PgConnection::connect(&stack.database_url()).await.unwrap();
    sqlx::raw_sql("CREATE TABLE kept (x int)").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    drop(stack);

    let stack = start(true);
    assert_eq!(redis(&stack, "EXISTS kept"), ":1");
    let mut connection = PgConnection::connect(&stack.database_url()).await.unwrap();
    sqlx::raw_sql("SELECT x FROM kept").execute(&mut connection).await.unwrap();
}
