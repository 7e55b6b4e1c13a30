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

async fn things(direct: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM things").fetch_one(direct).await.unwrap()
}

#[tokio::test]
async fn what_is_done_after_a_transaction_whose_beginning_nobody_waited_for_is_kept() {
    let (pool, proxy, direct) = one().await;
    proxy.set(Mode::Delay(Duration::from_millis(200)));
    assert!(timeout(Duration::from_millis(300), pool.begin()).await.is_err(), "its answer was on its way");
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
    proxy.lose();
    tokio::time::sleep(Duration::from_millis(100)).await;
    // More than the ways between hold.
    let much = "much ".repeat(10_000_000);
    let lost = sqlx::query("INSERT INTO things VALUES ($1)").bind(&much).execute(&pool).await;
    assert!(matches!(lost, Err(sqlx::Error::Io(_))), "{lost:?}");
    support::eventually("another connection", Duration::from_secs(20), async || {
        (&pool).execute("INSERT INTO things VALUES ('little')").await.ok()
    })
    .await;
    assert_eq!(things(&direct).await, 1);
}
