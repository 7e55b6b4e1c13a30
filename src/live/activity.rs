//! What a client has said of activity, so that pongs, which say nothing, do not unsay it.

use std::time::{Duration, Instant};

use crate::presence::Activity;

/// What was said.
#[derive(Debug)]
pub struct Said {
    /// Since when the client has been idle, if it says so.
    idle_since: Option<Instant>,
    /// Whether it ever said anything.
    has_spoken: bool,
    /// Whether what it said last is not told yet.
    is_news: bool,
}

impl Said {
    /// Nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { idle_since: None, has_spoken: false, is_news: false }
    }

    /// Keeps what the client says; answers whether it is something else than before.
    pub fn note(&mut self, activity: Option<Activity>, idle_ms: Option<u32>, now: Instant) -> bool {
        let Some(activity) = activity else { return false };
        let was_idle = self.idle_since.is_some();
        self.idle_since = match (activity, idle_ms) {
            (Activity::Active, _) => None,
            (Activity::Idle, Some(ms)) => now.checked_sub(Duration::from_millis(ms.into())).or(Some(now)),
            (Activity::Idle, None) => self.idle_since.or(Some(now)),
        };
        let is_first = !std::mem::replace(&mut self.has_spoken, true);
        self.is_news = is_first || was_idle != self.idle_since.is_some();
        self.is_news
    }

    /// What the store is to be told: the activity, and for how many ms the client has been idle. Somebody who is idle goes
    /// on being so, for longer each time, until they say otherwise: else a pong would bring a page back that was left an
    /// hour ago. `active` is told once.
    pub fn tell(&mut self, now: Instant) -> (Option<Activity>, Option<i64>) {
        let is_news = std::mem::take(&mut self.is_news);
        match self.idle_since {
            Some(since) => {
                let ms = now.saturating_duration_since(since).as_millis();
                (Some(Activity::Idle), Some(i64::try_from(ms).unwrap_or(i64::MAX)))
            }
            None => (is_news.then_some(Activity::Active), None),
        }
    }
}
