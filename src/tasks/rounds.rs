//! The same for every shard, every so often: a look at several at once, and what follows of it for each by itself. A shard
//! whose Redis is silent misses its turn and holds up no other than those it is looked at with.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;

use super::ticks::Ticks;
use crate::store::Shard;

/// Looks at `shards` every `period`, at so many `together`, and takes a step for each of which something was found; but at
/// none whose last step is still under way. Runs until the stop.
pub(super) async fn run<T, L, S>(
    (period, together): (Duration, Shard),
    stop: &CancellationToken,
    shards: impl Fn() -> Vec<Shard>,
    look: impl Fn(Vec<Shard>) -> L,
    step: impl Fn(Shard, T) -> S,
) where
    L: Future<Output = Vec<(Shard, T)>>,
    S: Future<Output = ()>,
{
    let mut ticks = Ticks::every(period, stop);
    let mut busy = BTreeSet::new();
    let (mut looks, mut steps) = (FuturesUnordered::new(), FuturesUnordered::new());
    loop {
        tokio::select! {
            goes_on = ticks.next() => {
                if !goes_on {
                    return;
                }
                let free: Vec<Shard> = shards().into_iter().filter(|shard| busy.insert(*shard)).collect();
                for group in free.chunks(together.into()) {
                    let (group, look) = (group.to_vec(), look(group.to_vec()));
                    looks.push(async { (group, look.await) });
                }
            }
            Some((group, found)) = looks.next(), if !looks.is_empty() => {
                busy.retain(|shard| !group.contains(shard));
                for (shard, found) in found {
                    busy.insert(shard);
                    let step = step(shard, found);
                    steps.push(async move {
                        step.await;
                        shard
                    });
                }
            }
            Some(shard) = steps.next(), if !steps.is_empty() => {
                busy.remove(&shard);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Counts the looks at two shards until the second has had five. The first never comes to an end: a look at it, or the
    /// step after it.
    async fn looks(together: Shard, is_look_silent: bool) -> [u32; 2] {
        let stop = CancellationToken::new();
        let looks = Mutex::new([0_u32; 2]);
        let look = async |shards: Vec<Shard>| {
            for shard in &shards {
                looks.lock().unwrap()[usize::from(*shard)] += 1;
            }
            if looks.lock().unwrap()[1] == 5 {
                stop.cancel();
            }
            if is_look_silent && shards.contains(&0) {
                std::future::pending::<()>().await;
            }
            shards.into_iter().map(|shard| (shard, ())).collect()
        };
        let step = async |shard: Shard, ()| {
            if shard == 0 {
                std::future::pending::<()>().await;
            }
        };
        let rounds = run((Duration::from_millis(1), together), &stop, || vec![0, 1], look, step);
        tokio::time::timeout(Duration::from_secs(10), rounds).await.unwrap();
        *looks.lock().unwrap()
    }

    #[tokio::test]
    async fn a_shard_that_does_not_answer_holds_up_no_other() {
        assert_eq!(looks(1, true).await, [1, 5]);
    }

    #[tokio::test]
    async fn those_that_are_looked_at_together_go_on_by_themselves() {
        assert_eq!(looks(2, false).await, [1, 5]);
    }
}
