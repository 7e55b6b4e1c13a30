//! `deploy/postgres/roles.sql` on a real Postgres: it applies again and again, the service serves and cannot rewrite the
//! past, and the reader reads without names.

use reqwest::StatusCode;
use rollcall::devstack::DevStack;
use rollcall::presence::Role;
use serde_json::json;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};

use super::read;
use crate::journeys::{history_of, prove, ready};
use crate::support;
use crate::support::service::Service;

/// What Postgres says to those who may not.
const FORBIDDEN: &str = "42501";
/// What it says to those who have promised to read only.
const READ_ONLY: &str = "25006";

async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), String> {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await;
    done.map(drop).map_err(|error| match error.as_database_error().and_then(|error| error.code()) {
        Some(code) => code.into_owned(),
        None => error.to_string(),
    })
}

async fn refused(connection: &mut PgConnection, code: &str, statements: &[&str]) {
    for sql in statements {
        assert_eq!(run(connection, sql).await, Err(code.to_owned()), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_may_do_what_it_is_for() {
    let stack = support::private_stack(|_| ());
    let url = |role: &str| stack.database_url().replacen("rollcall@", &format!("{role}@"), 1);
    let roles = read("deploy/postgres/roles.sql");
    let mut operator = PgConnection::connect(&stack.database_url()).await.unwrap();
    run(&mut operator, &roles).await.unwrap();
    run(&mut operator, &roles).await.unwrap();
    rollcall::audit::migrate(&url("rollcall_owner").into()).await.unwrap();
    run(&mut operator, &roles).await.unwrap();
    let foreign: Vec<String> = sqlx::query_scalar(
        "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tableowner <> 'rollcall_owner'",
    )
    .fetch_all(&mut operator)
    .await
    .unwrap();
    assert_eq!(foreign, Vec::<String>::new());

    serves(&stack, &url("rollcall_serve")).await;
    cannot_change_the_past(&url("rollcall_serve")).await;
    reads_without_names(&url("rollcall_reader")).await;
    run(&mut operator, "CREATE ROLE stranger LOGIN").await.unwrap();
    let outside = PgConnection::connect(&url("stranger")).await.expect_err("nobody else gets in");
    assert_eq!(outside.as_database_error().and_then(|error| error.code()).as_deref(), Some(FORBIDDEN));
}

async fn serves(stack: &DevStack, url: &str) {
    let node = Service::node(&stack.redis_url(), url, "rc", &[]).await;
    ready(&node).await;
    let ada = node.person("ada", Role::User).await;
    let login = node.log_in("ada").await;
    let token = login["tokens"]["access"].as_str().unwrap();
    assert_eq!(node.beat(token, json!({})).await.0, StatusCode::OK);
    assert_eq!(node.post(token, "/api/auth/logout/", json!({})).await.0, StatusCode::OK);
    history_of(&node, &ada.id.to_string(), 2).await;
    prove(&node.app.audit).await;
    node.app.audit.room().await.unwrap();
    assert!(node.stop().await);
}

async fn cannot_change_the_past(url: &str) {
    let mut service = PgConnection::connect(url).await.unwrap();
    refused(
        &mut service,
        FORBIDDEN,
        &[
            "UPDATE transitions_log SET reason = 'none'",
            "DELETE FROM transitions_log",
            "TRUNCATE transitions_log",
            "DELETE FROM admin_actions",
            "UPDATE system_events SET detail = '{}'",
            "DELETE FROM copy_batches",
            "UPDATE audit_seals SET hash = ''",
            "DELETE FROM users",
            "DROP TABLE intervals",
            "ALTER TABLE transitions_log ADD COLUMN more text",
            "CREATE TABLE mine (n int)",
            "CREATE ROLE mine",
            "SET ROLE rollcall_owner",
        ],
    )
    .await;
}

async fn reads_without_names(url: &str) {
    let mut reader = PgConnection::connect(url).await.unwrap();
    let seen: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM transitions_log JOIN intervals USING (subject), copy_position WHERE ended_at IS NOT NULL",
    )
    .fetch_one(&mut reader)
    .await
    .unwrap();
    assert!(seen > 0, "the history can be read");
    let names =
        ["users", "subjects", "transitions", "presence_last", "admin_actions", "refresh_tokens", "webhooks"];
    for table in names {
        refused(&mut reader, FORBIDDEN, &[&format!("SELECT * FROM {table}")]).await;
    }
    refused(&mut reader, READ_ONLY, &["DELETE FROM intervals", "CREATE TEMPORARY TABLE mine (n int)"]).await;
    run(&mut reader, "SET default_transaction_read_only = off").await.unwrap();
    refused(
        &mut reader,
        FORBIDDEN,
        &[
            "DELETE FROM intervals",
            "INSERT INTO system_events (kind, detail) VALUES ('none', '{}')",
            "SELECT drop_partitions('400 days')",
            "CREATE TABLE mine (n int)",
            "SET ROLE rollcall_app",
        ],
    )
    .await;
}
