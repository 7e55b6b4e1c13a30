//! The same stories on a Redis Cluster and under sentinels, and what happens when a primary dies or freezes there.

mod crowd;
mod faults;
mod moves;
mod rigs;
mod stories;
pub mod wire;

use std::collections::BTreeMap;

use rollcall::audit::{Audit, Transition};
use sqlx::PgPool;

use crate::journeys;

/// Enough that every primary of three has some.
const SHARDS: u16 = 12;

/// Nothing missing, nothing twice: numbers of each life of a shard without gaps, which begin later than 1 only where a
/// system event says that the store was set back; sequences of every user without gaps; each status follows from the
/// one before.
async fn prove(audit: &Audit, database: &str) -> Vec<Transition> {
    let rows = journeys::everything(audit).await;
    let pool = PgPool::connect(database).await.unwrap();
    let rewound: i64 = sqlx::query_scalar("SELECT count(*) FROM system_events WHERE kind = 'store_rewound'")
        .fetch_one(&pool)
        .await
        .unwrap();
    let mut numbers = BTreeMap::<(u16, i64), Vec<i64>>::new();
    let mut people = BTreeMap::<String, Vec<&Transition>>::new();
    for row in &rows {
        numbers.entry((row.shard, row.epoch)).or_default().push(row.n);
        people.entry(row.user.as_ref().unwrap().to_string()).or_default().push(row);
    }
    for ((shard, epoch), mut found) in numbers {
        found.sort_unstable();
        let expected: Vec<i64> = (found[0]..).take(found.len()).collect();
        assert_eq!(found, expected, "numbers of shard {shard}, epoch {epoch}");
        assert!(found[0] == 1 || rewound > 0, "shard {shard}, epoch {epoch} begins at {}", found[0]);
    }
    for (user, mut lives) in people {
        lives.sort_by_key(|row| row.sequence);
        let sequences: Vec<i64> = lives.iter().map(|row| row.sequence).collect();
        assert_eq!(sequences, (1..).take(lives.len()).collect::<Vec<i64>>(), "sequences of {user}");
        for pair in lives.windows(2) {
            assert_eq!(pair[1].from, pair[0].to, "{user}: {:?}", pair[1]);
        }
    }
    rows
}
