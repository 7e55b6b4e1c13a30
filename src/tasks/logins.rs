//! Ended logins: what Postgres says is over, Redis is told until it must know.
//!
//! Whoever ends a login says so to Postgres first and to Redis then. The second word gets lost when Redis is away or the
//! node dies in between, and an access token would be good for the rest of its life. So each owner of a shard repeats
//! what ended lately; a repetition changes nothing.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};

use super::Node;
use super::owned::Life;
use super::ticks::Ticks;
use crate::accounts::{Ended, EndedLogin};
use crate::presence::UserId;
use crate::store::StoreError;

/// How often. A login that Redis missed goes on for about so long.
const PERIOD: Duration = Duration::from_secs(2);

/// Each round looks so far back behind the beginning of the last one: what ended carries the time at which its
/// transaction began, and the limits of Postgres' statements let that be some seconds ago.
const OVERLAP: Duration = Duration::from_secs(20);

/// Calls on Redis at a time: heartbeats come first.
const AT_ONCE: usize = 16;

/// A task.
pub(super) async fn run(node: Node) {
    let mut rounds = Rounds::default();
    let mut ticks = Ticks::every(PERIOD, &node.stop);
    while ticks.next().await {
        // What a stop cuts off, the next owner says.
        if let Some(Err(error)) = node.stop.run_until_cancelled(rounds.next(&node)).await {
            tracing::warn!(
                error = format!("{error:#}"),
                "redis may not know of every ended login; trying again"
            );
        }
    }
}

/// How far Redis has been told.
#[derive(Debug, Default)]
struct Rounds {
    /// When the last round began, if it succeeded.
    told_at: Option<Instant>,
    /// Which shards it told. One that is new here, came back empty or was set back, is told everything.
    told: Vec<Life>,
}

impl Rounds {
    async fn next(&mut self, node: &Node) -> anyhow::Result<()> {
        let began = Instant::now();
        let owned = node.owned.lives();
        let token_life = node.app.config.auth.access_ttl.duration();
        let span = self.span(&owned, node.app.config.auth.longest_life().duration());
        self.told_at = None;
        if !owned.is_empty() {
            tell(node, &owned, node.app.accounts.ended_since(span, token_life).await?).await?;
        }
        (self.told_at, self.told) = (Some(began), owned);
        Ok(())
    }

    /// How far back this round must look; `None`: at all that may still concern a token, of which none lives for longer
    /// than `longest_life`.
    fn span(&self, owned: &[Life], longest_life: Duration) -> Option<Duration> {
        let at = self.told_at.filter(|_| owned.iter().all(|life| self.told.contains(life)))?;
        Some(at.elapsed() + OVERLAP).filter(|span| *span < longest_life)
    }
}

/// Tells the owned shards. Ends of all tokens come first: the single logins that went with them are then gone, for the
/// reason that they went for.
async fn tell(node: &Node, owned: &[Life], ended: Ended) -> Result<(), StoreError> {
    let store = &node.app.store;
    let is_ours = |user: &UserId| owned.iter().any(|(shard, _)| *shard == store.keys().shard_of(user));
    let tokens = ended.tokens.iter().filter(|tokens| is_ours(&tokens.user)).map(|tokens| {
        store.cut(
            &tokens.user,
            &tokens.org,
            tokens.version,
            tokens.keep.as_ref(),
            tokens.reason,
            tokens.actor.as_deref(),
        )
    });
    all(tokens.collect()).await?;
    let logins = ended.logins.iter().filter(|login| is_ours(&login.user));
    let told = logins.map(|ended| {
        let EndedLogin { user, org, login, reason, actor, life } = ended;
        store.end_login_for(user, org, login, *reason, actor.as_deref(), *life)
    });
    all(told.collect()).await
}

/// Makes every call, so that one user whom Redis refuses hides nobody else; but when Redis is away, the rest can wait.
/// Answers the last error.
async fn all(calls: Vec<impl Future<Output = Result<(), StoreError>>>) -> Result<(), StoreError> {
    let mut outcome = Ok(());
    let mut calls = stream::iter(calls).buffer_unordered(AT_ONCE);
    while let Some(called) = calls.next().await {
        match called {
            Ok(()) => {}
            Err(error @ (StoreError::Unavailable(_) | StoreError::Overloaded)) => return Err(error),
            Err(error) => outcome = Err(error),
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(900);

    #[test]
    fn a_round_looks_back_as_far_as_something_may_be_missing() {
        let began = Instant::now();
        let fresh = Rounds::default();
        assert_eq!(fresh.span(&[(0, 1)], LIFE), None, "the first, and the one after a failure");
        let told = Rounds { told_at: Some(began), told: vec![(0, 1), (1, 1)] };
        let span = told.span(&[(1, 1)], LIFE).unwrap();
        assert!(span < OVERLAP + Duration::from_secs(10), "only what is new");
        assert_eq!(told.span(&[(0, 1), (2, 1)], LIFE), None, "a shard that another node had");
        assert_eq!(told.span(&[(0, 2), (1, 1)], LIFE), None, "a shard that came back empty");
        assert_eq!(told.span(&[(0, 1)], Duration::from_secs(1)), None, "no longer than a token");
    }
}
