//! What a client has said of activity, so that pongs, which say nothing, do not unsay it.

use std::time::{Duration, Instant};

use crate::presence::Activity;

/// Somebody who turns out to have been idle for so much longer than was known is news: perhaps it is too long.
const NOTABLE: Duration = Duration::from_secs(1);

/// What was said.
#[derive(Debug)]
pub struct Said {
    /// That the client is idle, if it says so.
    idle: Option<Idle>,
    /// Whether it ever said anything.
    has_spoken: bool,
}

/// When somebody said to be idle, and for how long they had been. Not since when: there may be no such moment, because
/// the machine's clock begins when it starts.
#[derive(Clone, Copy, Debug)]
struct Idle {
    said: Instant,
    before: Duration,
}

impl Idle {
    fn lasts(self, now: Instant) -> Duration {
        self.before + now.saturating_duration_since(self.said)
    }
}

impl Said {
    /// Nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { idle: None, has_spoken: false }
    }

    /// Keeps what the client says; answers whether it is something else than before.
    pub fn note(&mut self, activity: Option<Activity>, idle_ms: Option<u32>, now: Instant) -> bool {
        let Some(activity) = activity else { return false };
        let idle = |ms: u32| Some(Idle { said: now, before: Duration::from_millis(ms.into()) });
        let before = self.idle.map(|idle| idle.lasts(now));
        self.idle = match (activity, idle_ms) {
            (Activity::Active, _) => None,
            (Activity::Idle, Some(ms)) => idle(ms),
            (Activity::Idle, None) => self.idle.or_else(|| idle(0)),
        };
        let is_first = !std::mem::replace(&mut self.has_spoken, true);
        let is_news = match (before, self.idle) {
            (Some(before), Some(idle)) => idle.lasts(now) > before + NOTABLE,
            (before, idle) => before.is_some() != idle.is_some(),
        };
        is_first || is_news
    }

    /// What the store is to be told: the activity, and for how many ms the client has been idle. Somebody who is idle goes
    /// on being so, for longer each time, until they say otherwise: else a pong would bring a page back that was left an
    /// hour ago. And who is active is so each time: a store that was set back may hold them for idle.
    #[must_use]
    pub fn tell(&self, now: Instant) -> (Option<Activity>, Option<i64>) {
        match self.idle {
            Some(idle) => {
                let ms = i64::try_from(idle.lasts(now).as_millis()).unwrap_or(i64::MAX);
                (Some(Activity::Idle), Some(ms))
            }
            None => (self.has_spoken.then_some(Activity::Active), None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn being_idle_for_much_longer_is_news() {
        let (mut said, mut now) = (Said::new(), Instant::now());
        assert!(said.note(Some(Activity::Idle), Some(300_000), now));
        assert!(!said.note(Some(Activity::Idle), Some(300_500), now));
        now += Duration::from_secs(10);
        assert!(!said.note(Some(Activity::Idle), Some(310_500), now));
        // Longer than any machine has been up.
        assert!(said.note(Some(Activity::Idle), Some(u32::MAX), now));
        assert_eq!(said.tell(now), (Some(Activity::Idle), Some(u32::MAX.into())));
        assert!(said.note(Some(Activity::Active), None, now));
        assert!(!said.note(Some(Activity::Active), None, now));
    }

    #[test]
    fn what_was_said_last_is_told_each_time() {
        let (mut said, now) = (Said::new(), Instant::now());
        assert_eq!(said.tell(now), (None, None), "nothing was said");
        said.note(Some(Activity::Active), None, now);
        assert_eq!([said.tell(now), said.tell(now)], [(Some(Activity::Active), None); 2]);
        said.note(Some(Activity::Idle), Some(5_000), now);
        let later = now + Duration::from_secs(2);
        assert_eq!(said.tell(later), (Some(Activity::Idle), Some(7_000)));
    }
}
