//! Connections to Postgres whose callers, or whose other end, have gone.

use std::time::Duration;

use rollcall::database::{Pool, connect};
use sqlx::{Executor, PgPool};
use tokio::time::timeout;

use crate::support;
use crate::support::proxy::{Mode, Proxy};

/// A pool of one connection with a table of its own, the proxy that it leads through, and a way past that.
async fn one() -> (Pool, Proxy, PgPool) {
    let (direct, proxy, url) = support::database_behind_proxy().await;
    let pool = connect(&url.into(), false, 1).unwrap();
    (&pool).execute("CREATE TABLE things (thing text)").await.unwrap();
    (pool, proxy, PgPool::connect(&direct).await.unwrap())
}

/// What Postgres heard last over another connection to this database.
const LAST_ASKED: &str =
    "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";

/// The connection waits for work.
async fn is_back(pool: &Pool) {
    support::eventually("the connection is back", Duration::from_secs(5), async || {
        (pool.num_idle() == 1).then_some(())
    })
    .await;
}

async fn things(direct: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM things").fetch_one(direct).await.unwrap()
}

#[tokio::test]
async fn what_is_done_after_a_transaction_whose_beginning_nobody_waited_for_is_kept() {
    let (pool, proxy, direct) = one().await;
    // Who was heard of just now is not asked first.
    (&pool).execute("SELECT 1").await.unwrap();
    is_back(&pool).await;
    proxy.set(Mode::Delay(Duration::from_millis(200)));
    assert!(timeout(Duration::from_millis(300), pool.begin()).await.is_err(), "its answer was on its way");
    support::eventually("it is heard", Duration::from_secs(5), async || {
        let last: String = sqlx::query_scalar(LAST_ASKED).fetch_one(&direct).await.unwrap();
        ["BEGIN", "ROLLBACK"].contains(&last.as_str()).then_some(())
    })
    .await;
    (&pool).execute("INSERT INTO things VALUES ('kept')").await.unwrap();
    assert_eq!(things(&direct).await, 1);
}

#[tokio::test]
async fn what_was_begun_and_not_committed_is_undone() {
    let (pool, _proxy, direct) = one().await;
    for is_kept in [false, true, false] {
        let mut transaction = pool.begin().await.unwrap();
        transaction.execute("INSERT INTO things VALUES ('of a transaction')").await.unwrap();
        transaction.savepoint().await.unwrap();
        assert!(transaction.execute("INSERT INTO nothing VALUES (1)").await.is_err());
        transaction.undo().await.unwrap();
        if is_kept {
            transaction.commit().await.unwrap();
        }
    }
    // The one connection has come back each time.
    assert!(pool.begin().await.is_ok());
    assert_eq!((things(&direct).await, pool.size()), (1, 1));
}

#[tokio::test]
async fn a_connection_that_takes_nothing_any_more_is_given_up() {
    let (pool, proxy, direct) = one().await;
    let insert =
        async |thing: &str| sqlx::query("INSERT INTO things VALUES ($1)").bind(thing).execute(&pool).await;
    // The statement is known from here on: what comes next is sent at once.
    insert("before").await.unwrap();
    is_back(&pool).await;
    proxy.lose();
    // More than the ways between hold.
    let lost = insert(&"much ".repeat(10_000_000)).await;
    assert!(matches!(lost, Err(sqlx::Error::Io(_))), "{lost:?}");
    // Its place is free at once, although it cannot even say goodbye.
    insert("after").await.unwrap();
    assert_eq!(things(&direct).await, 2);
}
