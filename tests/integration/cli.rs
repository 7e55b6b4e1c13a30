//! Commands of the real program that look at a service from outside.

use std::process::{Command, Output};

use rollcall::presence::Role;
use serde_json::Value;

use crate::support;
use crate::support::service::{SECRET, Service};

async fn run(args: &[&str], redis_prefix: &str, database: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    command
        .args(args)
        .env("ROLLCALL_REDIS_URL", support::stack().redis_url())
        .env("ROLLCALL_REDIS_PREFIX", redis_prefix)
        .env("ROLLCALL_REDIS_SHARDS", "2")
        .env("ROLLCALL_DATABASE_URL", database)
        .env("ROLLCALL_AUTH_SECRET", SECRET);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A service with somebody online and copied: how commands find it, and who that is.
async fn service() -> (Service, String, String, String) {
    let database = support::database_url().await;
    let service = Service::on(&support::stack().redis_url(), &database, &[]).await;
    let ada = service.person("ada", Role::User).await;
    service.log_in("ada").await;
    crate::http::copy(&service).await;
    let prefix = service.app.config.redis.prefix.clone();
    (service, prefix, database, ada.id.to_string())
}

#[tokio::test]
async fn explain_prints_what_the_api_answers() {
    let (service, prefix, database, ada) = service().await;
    let lines = run(&["explain", &ada], &prefix, &database).await;
    let out = text(&lines.stdout);
    assert!(lines.status.success(), "{out}{}", text(&lines.stderr));
    for line in [
        "online, because a session is active",
        "sessions say online",
        "they agree",
        "offline -> online (login)",
    ] {
        assert!(out.contains(line), "{line}: {out}");
    }
    let json = run(&["explain", &ada, "--json"], &prefix, &database).await;
    let told: Value = serde_json::from_slice(&json.stdout).unwrap();
    let eve = service.person("eve", Role::Admin).await;
    let (_, answer) =
        service.get(&eve.token, &format!("/api/presence/users/{ada}/explain/?why=ticket")).await;
    for name in ["layers", "redis", "postgres", "entries", "claims", "account", "summary"] {
        assert_eq!(told[name], answer[name], "{name}");
    }
    let nobody = run(&["explain", "987654"], &prefix, &database).await;
    assert_eq!((nobody.status.code(), nobody.stdout.len()), (Some(1), 0));
    assert!(text(&nobody.stderr).contains("nobody knows a user 987654"));
}

#[tokio::test]
async fn rebuild_finds_and_mends_what_differs() {
    let (_service, prefix, database, ada) = service().await;
    let check = ["audit", "rebuild", "--check"];
    let clean = run(&check, &prefix, &database).await;
    assert!(clean.status.success(), "{}{}", text(&clean.stdout), text(&clean.stderr));
    assert!(text(&clean.stderr).contains("people"), "progress");
    let owner = sqlx::PgPool::connect(&database).await.unwrap();
    sqlx::query("DELETE FROM intervals").execute(&owner).await.unwrap();
    let found = run(&check, &prefix, &database).await;
    assert_eq!(found.status.code(), Some(1));
    assert!(text(&found.stdout).contains(&format!("{ada} (subject ")), "{}", text(&found.stdout));
    assert!(run(&["audit", "rebuild"], &prefix, &database).await.status.success());
    assert!(run(&check, &prefix, &database).await.status.success());
}

#[tokio::test]
async fn issued_tokens_are_good() {
    let hosts = crate::http::host_tokens::Hosts::new();
    let file = hosts.file();
    let flags = ["--auth-issuers-file", file.as_str()];
    let database = support::database_url().await;
    let service = Service::on(&support::stack().redis_url(), &database, &flags).await;
    let issue = async |args: &[&str]| {
        let issued = run(&[&["issue-token"], &flags[..], args].concat(), "rc", &database).await;
        (issued.status.success(), text(&issued.stdout).trim().to_owned(), text(&issued.stderr))
    };
    let mona = service.person("mona", Role::Moderator).await.id.to_string();
    let (ok, own, error) = issue(&["--user", &mona, "--role", "moderator"]).await;
    assert!(ok, "{error}");
    assert_eq!(service.get(&own, "/api/presence/online/").await.0, 200);
    let (ok, hosts, error) = issue(&["--user", "ann@example.com", "--issuer", "club", "--ttl", "1h"]).await;
    assert!(ok, "{error}");
    let (status, _) = service.beat(&hosts, serde_json::json!({})).await;
    assert_eq!(status, 200);
    let (_, online) = service.get(&own, "/api/presence/online/").await;
    assert!(online.to_string().contains("club~ann%40example.com"), "{online}");
    for (args, part) in [
        (&["--user", "1", "--issuer", "shop"][..], "only the host has"),
        (&["--user", "1", "--issuer", "nobody"], "nobody"),
        (&["--user", "club~1"], "--issuer"),
        (&["--user", "1", "--issuer", "club", "--ttl", "9d"], "longest_life"),
    ] {
        let (ok, out, error) = issue(args).await;
        assert!(!ok && out.is_empty() && error.contains(part), "{error}");
    }
}

#[tokio::test]
async fn a_link_and_the_end_of_a_second_factor_come_from_the_command_line_too() {
    let (service, prefix, database, _) = service().await;
    let made = run(&["user", "reset-link", "ada"], &prefix, &database).await;
    assert!(made.status.success(), "{}", text(&made.stderr));
    let body = serde_json::json!({"token": text(&made.stdout).trim(), "new_password": "battery staple"});
    let (status, said) = service.send(reqwest::Method::POST, "/api/auth/password/reset/", body).await;
    assert_eq!(status, reqwest::StatusCode::OK, "{said}");
    let reset = ["user", "reset-totp", "ada@example.com"];
    let none = run(&reset, &prefix, &database).await;
    assert!(
        !none.status.success() && text(&none.stderr).contains("no second factor"),
        "{}",
        text(&none.stderr)
    );
    let owner = sqlx::PgPool::connect(&database).await.unwrap();
    let begun = "INSERT INTO totp_factors (user_id, secret, confirmed_at) \
        SELECT id, decode(repeat('00', 48), 'hex'), now() FROM users";
    sqlx::query(begun).execute(&owner).await.unwrap();
    assert!(run(&reset, &prefix, &database).await.status.success());
    let rows: Vec<(Option<String>, String)> =
        sqlx::query_as("SELECT actor, action FROM admin_actions WHERE actor = 'cli' ORDER BY occurred_at")
            .fetch_all(&owner)
            .await
            .unwrap();
    let by_cli = |action: &str| (Some("cli".to_owned()), action.to_owned());
    assert_eq!(rows, [by_cli("RESET_LINK_CREATED"), by_cli("TOTP_RESET")]);
}

#[tokio::test]
async fn people_are_imported_from_a_file_or_told_what_is_wrong() {
    let (service, prefix, database, _) = service().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    std::fs::write(path, "username,role\nbea,moderator\nADA,\n").unwrap();
    let refused = run(&["user", "import", path], &prefix, &database).await;
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(text(&refused.stdout), "line 3, username: Username already exists\nnothing was imported\n");
    std::fs::write(path, "username,role,password\nbea,moderator,correct horse\n").unwrap();
    for (args, said) in [
        (vec!["user", "import", path, "--dry-run"], "1 accounts would be imported\n"),
        (vec!["user", "import", path], "1 accounts were imported\n"),
    ] {
        let done = run(&args, &prefix, &database).await;
        assert!(done.status.success(), "{}", text(&done.stderr));
        assert_eq!(text(&done.stdout), said);
    }
    assert_eq!(service.log_in("bea").await["user"]["role"], "moderator");
}
