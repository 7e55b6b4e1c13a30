//! One change to many watchers of one node: when the last of them has it, and what each frame costs the node.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use reqwest::Client;
use serde_json::json;

use super::crowd::{Crowd, Word};
use super::tally::at;
use super::{Bench, PATIENCE};
use crate::cli::bench::report::{Target, quantile};

/// Frames that are sent in all, and changes at least.
const FRAMES: u32 = 100_000;
const LEAST: u32 = 10;
/// For so long is measured what the node does besides.
const QUIET: Duration = Duration::from_secs(5);

impl Bench {
    /// The first so many of the crowd watch somebody who changes.
    pub(super) async fn fan_out(&mut self, crowd: &mut Crowd, watchers: u32) -> anyhow::Result<()> {
        let star = format!("star~{watchers}");
        let changer = Changer::begin(&self.node.address, self.token(&star)?).await?;
        let watch: Arc<str> = json!({"type": "watch", "users": [star]}).to_string().into();
        crowd.seen.snapshots.begin(watchers.into());
        (0..watchers as usize).for_each(|number| crowd.tell(number, Word::Say(Arc::clone(&watch))));
        let shown = crowd.seen.snapshots.complete(PATIENCE).await.len();
        ensure!(shown == u64::from(watchers), "{shown} of {watchers} watchers were shown a snapshot");
        let process = self.node.process()?;
        let (before, started) = (process.time()?, Instant::now());
        tokio::time::sleep(QUIET).await;
        let idle = (process.time()? - before).as_secs_f64() / started.elapsed().as_secs_f64();
        let changes = (FRAMES / watchers).clamp(LEAST, 100);
        let (before, started) = (process.time()?, Instant::now());
        let (mut middle, mut most, mut last) = (Vec::new(), Vec::new(), Vec::new());
        for turn in 1..=changes {
            crowd.seen.changes.begin(watchers.into());
            changer.change(turn).await?;
            let spans = crowd.seen.changes.complete(PATIENCE).await;
            ensure!(spans.len() == u64::from(watchers), "{} of {watchers} were told", spans.len());
            middle.push(at(&spans, 0.5));
            most.push(at(&spans, 0.99));
            last.push(at(&spans, 1.0));
        }
        let busy = (process.time()? - before).as_secs_f64() - idle * started.elapsed().as_secs_f64();
        let frames = f64::from(changes) * f64::from(watchers);
        let title = format!("One change to {watchers} watchers, from its request on, {changes} times");
        self.report.title(&title)?;
        for (name, spans) in [("p50", &mut middle), ("p99", &mut most), ("the last", &mut last)] {
            self.report.row(&format!("{name}, median"), quantile(spans, 0.5), "ms", Target::None)?;
        }
        self.report.row("the last, worst", quantile(&mut last, 1.0), "ms", Target::None)?;
        self.report.row("processor of the node, for each frame", busy / frames * 1e6, "us", Target::None)?;
        Ok(())
    }
}

/// Somebody who changes their status over HTTP.
pub(super) struct Changer {
    client: Client,
    base: String,
    token: String,
}

impl Changer {
    /// Makes somebody present.
    pub(super) async fn begin(address: &str, token: String) -> anyhow::Result<Self> {
        let changer = Self { client: Client::new(), base: format!("http://{address}"), token };
        let request = changer.client.post(format!("{}/api/users/heartbeat/", changer.base));
        request.bearer_auth(&changer.token).send().await?.error_for_status()?;
        Ok(changer)
    }

    /// Turns into something else than in the turn before.
    pub(super) async fn change(&self, turn: u32) -> anyhow::Result<()> {
        let status = if turn.is_multiple_of(2) { "busy" } else { "away" };
        let request = self.client.put(format!("{}/api/presence/status/", self.base));
        let request = request.bearer_auth(&self.token).json(&json!({ "status": status }));
        request.send().await?.error_for_status()?;
        Ok(())
    }
}
