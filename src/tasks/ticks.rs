//! The beat of a task that does something every so often.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// Ticks until the node stops. A step that takes longer than the period delays the next, and causes no burst.
pub(super) struct Ticks {
    interval: Interval,
    stop: CancellationToken,
}

impl Ticks {
    /// The first tick comes at once.
    pub(super) fn every(period: Duration, stop: &CancellationToken) -> Self {
        let mut interval = tokio::time::interval(period);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { interval, stop: stop.clone() }
    }

    /// Waits for the next tick; `false` means stop.
    pub(super) async fn next(&mut self) -> bool {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            _ = self.interval.tick() => true,
        }
    }
}
