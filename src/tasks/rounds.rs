//! The same for every shard, every so often. A shard whose Redis is silent misses its turn and holds up no other.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;

use super::ticks::Ticks;
use crate::store::Shard;

/// Takes a step for each of `shards` every `period`, unless its last one is still under way. Runs until the stop.
pub(super) async fn run<F: Future<Output = ()>>(
    period: Duration,
    stop: &CancellationToken,
    shards: impl Fn() -> Vec<Shard>,
    step: impl Fn(Shard) -> F,
) {
    let mut ticks = Ticks::every(period, stop);
    let mut busy = BTreeSet::new();
    let mut steps = FuturesUnordered::new();
    loop {
        tokio::select! {
            goes_on = ticks.next() => {
                if !goes_on {
                    return;
                }
                for shard in shards().into_iter().filter(|shard| busy.insert(*shard)) {
                    let step = step(shard);
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

    #[tokio::test]
    async fn a_shard_that_does_not_answer_holds_up_no_other() {
        let stop = CancellationToken::new();
        let steps = Mutex::new([0_u32; 2]);
        let step = async |shard: Shard| {
            let count = {
                let mut steps = steps.lock().unwrap();
                steps[usize::from(shard)] += 1;
                steps[1]
            };
            if count == 5 {
                stop.cancel();
            }
            if shard == 0 {
                std::future::pending::<()>().await;
            }
        };
        let rounds = run(Duration::from_millis(1), &stop, || vec![0, 1], step);
        tokio::time::timeout(Duration::from_secs(10), rounds).await.unwrap();
        assert_eq!(*steps.lock().unwrap(), [1, 5]);
    }
}
