//! The second look at those who seem to differ: with the outbox copied to that moment, and only at who stands still.

use std::time::Duration;

use futures::StreamExt;
use tokio::time::Instant;

use super::claims_of;
use crate::audit::{Audit, LastKnown};
use crate::moment::Timestamp;
use crate::presence::{Claims, Millis, Status, UserId};
use crate::store::{Facts, Store, StoreError};

/// Questions about one of them that are under way at a time.
const QUESTIONS: usize = 16;
/// How often somebody who keeps changing is looked at.
const LOOKS: usize = 3;
/// For so long the copy is waited for.
const COPY: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);

/// What a second look said.
#[derive(Default)]
pub(super) struct Settled {
    /// Who differs, and how.
    pub(super) differ: Vec<String>,
    /// People whose entries wait to be copied.
    pub(super) waiting: usize,
    /// People who changed at each look, so that nothing can be said of them.
    pub(super) moving: usize,
}

/// Looks again at each, until they agree, or stand still and differ.
pub(super) async fn settle(
    store: &Store,
    audit: &Audit,
    mut suspects: Vec<UserId>,
) -> anyhow::Result<Settled> {
    let mut settled = Settled::default();
    for _ in 0..LOOKS {
        if suspects.is_empty() {
            break;
        }
        let before = facts(store, &suspects).await?;
        let copied = wait_for_copy(audit, &before).await?;
        settled.waiting += copied.iter().filter(|is_copied| !**is_copied).count();
        let judged = suspects.into_iter().zip(before).zip(copied).filter(|(_, is_copied)| *is_copied);
        let (users, before): (Vec<UserId>, Vec<Facts>) = judged.map(|(judged, _)| judged).unzip();
        suspects = users;
        let last = audit.last(&suspects).await?;
        let mut claims = claims_of(audit, &suspects).await?;
        let after = facts(store, &suspects).await?;
        let mut moving = Vec::new();
        for (((user, before), after), last) in suspects.into_iter().zip(before).zip(after).zip(last) {
            if !stood_still(&before, &after) {
                moving.push(user);
                continue;
            }
            let claims = claims.remove(&user).unwrap_or_default();
            let how = difference(&after, last.as_ref(), &claims);
            settled.differ.extend(how.map(|how| format!("{user}: {how}")));
        }
        suspects = moving;
    }
    settled.moving = suspects.len();
    Ok(settled)
}

async fn facts(store: &Store, users: &[UserId]) -> Result<Vec<Facts>, StoreError> {
    let all: Vec<_> = users.iter().map(|user| store.facts(user)).collect();
    let facts: Vec<_> = futures::stream::iter(all).buffered(QUESTIONS).collect().await;
    facts.into_iter().collect()
}

/// Waits until everything that had happened by these facts is in Postgres; of which it is.
async fn wait_for_copy(audit: &Audit, facts: &[Facts]) -> anyhow::Result<Vec<bool>> {
    let deadline = Instant::now() + COPY;
    loop {
        let positions = audit.positions().await?;
        let is_copied = |facts: &Facts| {
            let position = positions.get(&facts.shard).copied().unwrap_or_default();
            position.epoch == facts.head.epoch && position.n >= facts.head.n
        };
        let copied: Vec<bool> = facts.iter().map(is_copied).collect();
        if copied.iter().all(|is_copied| *is_copied) || Instant::now() > deadline {
            return Ok(copied);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether nothing of somebody changed while Postgres was asked.
fn stood_still(before: &Facts, after: &Facts) -> bool {
    let record = |facts: &Facts| facts.record.as_ref().map(|record| (record.status, record.since));
    record(before) == record(after) && before.listed == after.listed && before.claims == after.claims
}

/// How the stores differ, or Redis from itself; none if they do not.
fn difference(facts: &Facts, last: Option<&LastKnown>, claims: &Claims) -> Option<String> {
    let present = |known: Option<(Status, Millis)>| known.filter(|(status, _)| *status != Status::Offline);
    let record = present(facts.record.as_ref().map(|record| (record.status, record.since)));
    let kept = present(last.map(|last| (last.status, last.since)));
    let words = |known: Option<(Status, Millis)>| match known {
        Some((status, since)) => format!("{status} since {}", Timestamp::from(since)),
        None => "offline".to_owned(),
    };
    let mut how = Vec::new();
    if record != facts.listed {
        how.push(format!("the record says {}, the lists {}", words(record), words(facts.listed)));
    }
    if record != kept {
        how.push(format!("Redis has {}, Postgres {}", words(record), words(kept)));
    }
    if facts.claims != *claims {
        let words =
            |claims: &Claims| claims.in_force().map_or("none".to_owned(), |claim| claim.status.to_string());
        how.push(format!("claims: Redis has {}, Postgres {}", words(&facts.claims), words(claims)));
    }
    (!how.is_empty()).then(|| how.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Opened;

    fn facts_with(listed: Option<(Status, Millis)>) -> Facts {
        Facts {
            now: Millis(9),
            shard: 0,
            head: Opened { epoch: 1, n: 1 },
            owner: None,
            grace_until: None,
            record: None,
            sessions: Vec::new(),
            claims: Claims::default(),
            gate: None,
            listed,
        }
    }

    #[test]
    fn who_is_offline_in_both_stores_is_the_same_however_that_is_kept() {
        assert_eq!(difference(&facts_with(None), None, &Claims::default()), None);
        let how = difference(&facts_with(Some((Status::Away, Millis(7)))), None, &Claims::default());
        assert!(how.unwrap().contains("the record says offline, the lists away since 1970"));
    }
}
