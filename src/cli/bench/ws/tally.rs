//! Times that many clients note at once, and who waits until they have.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Longer spans count as this one; microseconds.
const LONGEST: u64 = 600_000_000;

/// Noted times.
#[derive(Debug)]
pub(super) struct Tally {
    noted: Mutex<Noted>,
    bell: Notify,
}

#[derive(Debug)]
struct Noted {
    /// From when times count, where all have the same beginning.
    began: Instant,
    /// In microseconds.
    spans: Histogram<u64>,
    /// With so many the bell rings.
    wanted: u64,
}

impl Tally {
    pub(super) fn new() -> anyhow::Result<Arc<Self>> {
        let noted =
            Noted { began: Instant::now(), spans: Histogram::new_with_bounds(1, LONGEST, 3)?, wanted: 0 };
        Ok(Arc::new(Self { noted: Mutex::new(noted), bell: Notify::new() }))
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins anew, from now on, until so many have noted theirs.
    pub(super) fn begin(&self, wanted: u64) {
        let mut noted = self.noted();
        noted.began = Instant::now();
        noted.spans.reset();
        noted.wanted = wanted;
    }

    /// Something has come about just now.
    pub(super) fn note(&self) {
        let span = self.noted().began.elapsed();
        self.note_span(span);
    }

    /// Something took so long.
    pub(super) fn note_span(&self, span: Duration) {
        let mut noted = self.noted();
        noted.spans.saturating_record(u64::try_from(span.as_micros()).unwrap_or(u64::MAX));
        if noted.spans.len() >= noted.wanted {
            self.bell.notify_one();
        }
    }

    /// Waits until as many as were wanted have been noted, or the time is over; answers what has been noted.
    pub(super) async fn complete(&self, limit: Duration) -> Histogram<u64> {
        let enough = async {
            while self.count() < self.noted().wanted {
                self.bell.notified().await;
            }
        };
        // What is missing then is seen by its number.
        let _ = tokio::time::timeout(limit, enough).await;
        self.noted().spans.clone()
    }

    /// How many have been noted.
    pub(super) fn count(&self) -> u64 {
        self.noted().spans.len()
    }
}

/// The time that this share does not exceed, in ms.
#[expect(clippy::cast_precision_loss, reason = "microseconds of a run are far below 2^52")]
pub(super) fn at(spans: &Histogram<u64>, share: f64) -> f64 {
    spans.value_at_quantile(share) as f64 / 1_000.0
}
