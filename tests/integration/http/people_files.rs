//! Accounts as files: `export/` and `import/`.

use reqwest::{Method, StatusCode};
use rollcall::presence::Role;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support;
use crate::support::service::{PASSWORD, Person, Service, answer};

const EXPORT: &str = "/api/users/admin/users/export/";
const IMPORT: &str = "/api/users/admin/users/import/";

async fn fixture() -> (Service, PgPool, Person) {
    let database = support::database_url().await;
    let service = Service::on(&support::stack().redis_url(), &database, &[]).await;
    let eve = service.person("eve", Role::Admin).await;
    (service, PgPool::connect(&database).await.unwrap(), eve)
}

async fn import(service: &Service, by: &Person, query: &str, file: &str) -> (StatusCode, Value) {
    let request = service.request(Method::POST, &format!("{IMPORT}{query}")).bearer_auth(&by.token);
    answer(request.header("content-type", "text/csv").body(file.to_owned())).await
}

async fn export(service: &Service, by: &Person, query: &str) -> String {
    let request = service.request(Method::GET, &format!("{EXPORT}{query}")).bearer_auth(&by.token);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let disposition = response.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(disposition.starts_with("attachment; filename=\"users-"), "{disposition}");
    response.text().await.unwrap()
}

async fn count(pool: &PgPool, action: &str) -> i64 {
    let rows = sqlx::query_scalar("SELECT count(*) FROM admin_actions WHERE action = $1");
    rows.bind(action).fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn a_file_is_exported_whole_and_without_formulas_or_hashes() {
    let (service, pool, eve) = fixture().await;
    let body = json!({"username": "ann", "position": "=HYPERLINK(1)", "first_name": "+Ann"});
    service.post(&eve.token, "/api/users/admin/users/", body).await;
    // More than a page.
    sqlx::query(
        "INSERT INTO users (username, email, password_hash, org) \
         SELECT 'n' || lpad(n::text, 5, '0'), n || '@example.com', '$argon2', 'lab' FROM generate_series(1, 2500) n",
    )
    .execute(&pool)
    .await
    .unwrap();
    let csv = export(&service, &eve, "").await;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 1 + 2 + 2_500);
    assert!(lines[0].starts_with("id,username,email,first_name,last_name,role,status,is_active,org,"));
    assert!(lines[2].contains(",'+Ann,") && lines[2].contains(",'=HYPERLINK(1),"), "{}", lines[2]);
    assert!(!csv.contains("argon2"));
    let mut ids: Vec<i64> =
        lines[1..].iter().map(|line| line.split(',').next().unwrap().parse().unwrap()).collect();
    ids.dedup();
    assert!(ids.is_sorted() && ids.len() == 2_502);
    let ndjson = export(&service, &eve, "?format=ndjson&org=lab&search=N0001").await;
    let rows: Vec<Value> = ndjson.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (rows.len(), &rows[0]["username"], &rows[0]["position"]),
        (10, &json!("n00010"), &json!(null))
    );
    assert_eq!(count(&pool, "DATA_EXPORTED").await, 2);
}

#[tokio::test]
async fn a_file_is_imported_whole_or_not_at_all() {
    let (service, pool, eve) = fixture().await;
    let django = "pbkdf2_sha256$600000$salt$BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
    let file = format!(
        "username,email,role,status,org,position,password,password_hash\n\
         ann,ann@example.com,moderator,active,lab,clerk,{PASSWORD},\nbob,,,pending,,,,{django}\ncid,,,,,,,\n"
    );
    let (status, said) = import(&service, &eve, "?dry_run=true", &file).await;
    assert_eq!((status, said), (StatusCode::OK, json!({"imported": 0, "accounts": 3, "dry_run": true})));
    assert_eq!(service.app.accounts.all().await.unwrap().len(), 1);
    let (status, said) = import(&service, &eve, "", &file).await;
    assert_eq!((status, said), (StatusCode::OK, json!({"imported": 3, "accounts": 3, "dry_run": false})));
    let ann = service.log_in("ann").await["user"].clone();
    assert_eq!((&ann["role"], &ann["username"]), (&json!("moderator"), &json!("ann")));
    let (_, detail) = service.get(&eve.token, &format!("/api/users/admin/users/{}/", ann["id"])).await;
    assert_eq!(detail["profile"], json!({"position": "clerk"}));
    let stored: Vec<String> = sqlx::query_scalar(
        "SELECT password_hash FROM users WHERE username IN ('bob', 'cid') ORDER BY username",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(stored[0], django);
    assert!(stored[1].starts_with("$argon2id$"));
    let login = json!({"username": "cid", "password": PASSWORD});
    assert_eq!(service.send(Method::POST, "/api/auth/login/", login).await.1["code"], "bad_credentials");
    assert_eq!((count(&pool, "USER_CREATED").await, count(&pool, "DATA_IMPORTED").await), (3, 1));
    let many: String = (0..3_000).map(|n| format!("person {n:04}\n")).collect();
    let (status, said) = import(&service, &eve, "", &format!("username\n{many}")).await;
    assert_eq!((status, &said["imported"]), (StatusCode::OK, &json!(3_000)), "{said}");
}

#[tokio::test]
async fn one_wrong_line_and_nobody_is_made() {
    let (service, _, eve) = fixture().await;
    import(&service, &eve, "", "username,email\nann,ann@example.com\n").await;
    for (file, pointer) in [
        ("username,email\ndot,\nANN,\n".to_owned(), "/3/username"),
        ("username,email\ndot,\nfay,ANN@example.com\n".to_owned(), "/3/email"),
        ("username,password\ndot,good enough\nfay,short\n".to_owned(), "/3/password"),
        ("username,password_hash\ndot,md5$x\n".to_owned(), "/2/password_hash"),
        ("username\ndot\n\u{1}x\n".to_owned(), "/3/username"),
        ("name\ndot\n".to_owned(), "/1/name"),
        (
            format!(
                "username,password\n{}",
                (0..101).map(|n| format!("n{n:03},long enough\n")).collect::<String>()
            ),
            "password",
        ),
    ] {
        for query in ["?dry_run=true", ""] {
            let (status, problem) = import(&service, &eve, query, &file).await;
            assert_eq!(
                (status, &problem["code"]),
                (StatusCode::BAD_REQUEST, &json!("invalid_value")),
                "{file}"
            );
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{file}: {problem}");
            assert!(!problem.to_string().contains("short"), "{problem}");
        }
    }
    assert_eq!(
        service.app.accounts.all().await.unwrap().len(),
        2,
        "the administrator and the one who was there"
    );
}
