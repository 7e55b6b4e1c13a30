//! Service keys: which are good is read every other second, and which were used is noted every minute.

use std::time::{Duration, Instant};

use super::Node;
use super::ticks::Ticks;

/// How often they are read: a key that is taken back on another node is refused here about so long after.
const PERIOD: Duration = Duration::from_secs(2);
/// How often their use is noted.
const NOTE: Duration = Duration::from_secs(60);

/// A task.
pub(super) async fn run(node: Node) {
    let mut ticks = Ticks::every(PERIOD, &node.stop);
    let mut noted_at: Option<Instant> = None;
    while ticks.next().await {
        if let Err(error) = node.app.service_keys.read().await {
            tracing::debug!(%error, "service keys are judged by what was known of them before");
        }
        if noted_at.is_none_or(|at| at.elapsed() >= NOTE) {
            noted_at = Some(Instant::now());
            note(&node).await;
        }
    }
    note(&node).await;
}

async fn note(node: &Node) {
    let used = node.app.service_keys.take_used();
    if used.is_empty() {
        return;
    }
    if let Err(error) = node.app.accounts.note_service_keys_used(&used).await {
        tracing::debug!(%error, "when service keys were last used is not noted");
    }
}
