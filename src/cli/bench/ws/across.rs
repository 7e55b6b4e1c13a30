//! A change on one node reaches a watcher on another.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use rand::RngExt;
use serde_json::json;

use super::crowd::{Crowd, Word};
use super::fan_out::Changer;
use super::tally::at;
use super::{Bench, PATIENCE};
use crate::cli::bench::report::{Target, quantile};

const CHANGES: u32 = 300;
/// The pause before the next change, so that changes meet the other node at any moment of its rounds.
const PAUSE: Duration = Duration::from_millis(60);
/// 99 of 100 changes take at most so many ms.
const MOST: f64 = 100.0;

impl Bench {
    pub(super) async fn across(&mut self) -> anyhow::Result<()> {
        let changer = Changer::begin(&self.node.address, self.token("star~across")?).await?;
        let crowd = Crowd::connect(&self.other.address, self.tokens_of("far", 1)?).await?;
        crowd.seen.snapshots.begin(1);
        let watch: Arc<str> = json!({"type": "watch", "users": ["star~across"]}).to_string().into();
        crowd.tell(0, Word::Say(watch));
        ensure!(crowd.seen.snapshots.complete(PATIENCE).await.len() == 1, "the watcher was shown nothing");
        let mut spans = Vec::new();
        for turn in 1..=CHANGES {
            let pause = rand::rng().random_range(Duration::ZERO..PAUSE);
            tokio::time::sleep(pause).await;
            crowd.seen.changes.begin(1);
            changer.change(turn).await?;
            let seen = crowd.seen.changes.complete(PATIENCE).await;
            ensure!(seen.len() == 1, "a change did not arrive");
            spans.push(at(&seen, 1.0));
        }
        self.report.title(&format!("From node to node, from a change's request on, {CHANGES} times"))?;
        for (name, share, target) in
            [("p50", 0.5, Target::None), ("p99", 0.99, Target::Most(MOST)), ("the last", 1.0, Target::None)]
        {
            self.report.row(name, quantile(&mut spans, share), "ms", target)?;
        }
        Ok(())
    }
}
