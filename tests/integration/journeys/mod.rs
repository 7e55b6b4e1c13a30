//! From heartbeat to history: whole nodes on real servers. Every journey ends by comparing Redis, the API and the
//! audit.

mod copying;
mod erasures;
mod gates;
mod logouts;
mod losses;
mod lost_links;
mod one_node;
mod outages;
mod two_nodes;

use std::collections::BTreeMap;
use std::time::Duration;

use rollcall::audit::{Audit, Cursor, Filter, Transition, Window};
use rollcall::presence::{Reason, Status, UserId};
use serde_json::Value;

use crate::support;
pub use crate::support::eventually;
use crate::support::service::Service;

/// Short times of presence: a session lives for 2 s, lingers for half a second, and may idle for 6 s.
pub const BRIEF: &[&str] = &[
    "--presence-heartbeat",
    "500ms",
    "--presence-ttl",
    "2s",
    "--presence-linger",
    "500ms",
    "--presence-idle-away",
    "3s",
    "--presence-idle-offline",
    "6s",
];

/// A node of its own on the shared servers.
pub async fn brief_node() -> Service {
    let database = support::database_url().await;
    Service::node(&support::stack().redis_url(), &database, &support::prefix(), BRIEF).await
}

/// Waits until the shards are open: the first heartbeat is answered.
pub async fn ready(service: &Service) {
    let token = service.token("9999", "probe");
    eventually("the shards are open", Duration::from_secs(5), async || {
        for user in ["9998", "9999"] {
            let token = service.token(user, "probe");
            if service.beat(&token, serde_json::json!({})).await.0 != 200 {
                return None;
            }
        }
        Some(())
    })
    .await;
    drop(token);
}

/// All transitions of one user, oldest first.
pub async fn history(audit: &Audit, user: &str) -> Vec<Transition> {
    let filter = Filter { user: Some(UserId::parse(user).unwrap()), ..Filter::default() };
    all(audit, &filter).await
}

/// All transitions of everybody, oldest first.
pub async fn everything(audit: &Audit) -> Vec<Transition> {
    all(audit, &Filter::default()).await
}

async fn all(audit: &Audit, filter: &Filter) -> Vec<Transition> {
    let (mut rows, mut cursor) = (Vec::new(), None::<Cursor>);
    loop {
        let page = audit.transitions(filter, cursor.take(), 1_000).await.unwrap();
        rows.extend(page.rows);
        cursor = page.next_cursor;
        if cursor.is_none() {
            rows.reverse();
            return rows;
        }
    }
}

/// What a user's transitions say, as `to reason`.
pub fn story(transitions: &[Transition]) -> Vec<(Status, Reason)> {
    transitions.iter().map(|transition| (transition.to, transition.reason)).collect()
}

/// Waits until a user's history has so many transitions.
pub async fn history_of(service: &Service, user: &str, length: usize) -> Vec<Transition> {
    eventually("the history is written", Duration::from_secs(20), async || {
        let rows = history(&service.app.audit, user).await;
        (rows.len() >= length).then_some(rows)
    })
    .await
}

/// What the API says of a user's status.
pub async fn status_of(service: &Service, user: &str) -> Value {
    let token = service.token("9997", "viewer");
    service.get(&token, &format!("/api/presence/users/{user}/")).await.1["status"].clone()
}

/// Nothing missing, nothing twice: numbers of every shard and sequences of every user without gaps, and each status
/// follows from the one before. And every chain is whole.
pub async fn prove(audit: &Audit) -> Vec<Transition> {
    let verified = audit.verify(Window::default(), None, |_| ()).await.unwrap();
    assert!(verified.is_whole(), "{:?}", verified.problems());
    let rows = everything(audit).await;
    let mut numbers = BTreeMap::<(u16, i64), Vec<i64>>::new();
    let mut people = BTreeMap::<String, Vec<&Transition>>::new();
    for row in &rows {
        numbers.entry((row.shard, row.epoch)).or_default().push(row.n);
        people.entry(row.user.as_ref().unwrap().to_string()).or_default().push(row);
    }
    let mut ends = BTreeMap::<u16, i64>::new();
    for ((shard, epoch), mut found) in numbers {
        found.sort_unstable();
        // An epoch that follows a store which was set back goes on from an entry of the one before.
        let first = found[0];
        assert!(
            first == 1 || first <= ends.get(&shard).copied().unwrap_or(0) + 1,
            "shard {shard}, epoch {epoch}"
        );
        let expected: Vec<i64> = (first..).take(found.len()).collect();
        assert_eq!(found, expected, "numbers of shard {shard}, epoch {epoch}");
        ends.insert(shard, *found.last().unwrap());
    }
    for (user, mut lives) in people {
        lives.sort_by_key(|row| row.sequence);
        let sequences: Vec<i64> = lives.iter().map(|row| row.sequence).collect();
        assert_eq!(sequences, (1..).take(lives.len()).collect::<Vec<i64>>(), "sequences of {user}");
        let mut status = Status::Offline;
        for row in lives {
            assert_eq!(row.from, status, "{user}: {row:?}");
            assert_ne!(row.from, row.to, "{user}: {row:?}");
            status = row.to;
        }
    }
    rows
}
