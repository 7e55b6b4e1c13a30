//! Is this Redis fit for presence? Pure judgements, in words: what was found, what it means for people, what to do. A node
//! judges by them when it starts, `rollcall doctor` whenever it is asked.

mod info;

pub use info::Info;
pub(super) use info::PRESSURE_PERCENT;

use super::settings;

/// The oldest Redis that has everything the scripts use.
const OLDEST: (u64, u64) = (7, 0);
/// A subscriber may be behind by so many bytes before Redis lets it go: its default.
const PUBSUB_BYTES: u64 = 32 * 1024 * 1024;

/// How well something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    /// As it should be.
    Fine,
    /// It works, but somebody should know.
    Unwise,
    /// People are shown wrongly or not served by it, or will be.
    Unfit,
    /// It cannot be told.
    Unknown,
}

/// A judgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How well it is.
    pub grade: Grade,
    /// What was found.
    pub found: String,
    /// What that means for people; empty where all is well.
    pub means: &'static str,
    /// What to do about it; empty where there is nothing to do.
    pub advice: &'static str,
}

impl Verdict {
    fn fine(found: impl Into<String>) -> Self {
        Self { grade: Grade::Fine, found: found.into(), means: "", advice: "" }
    }

    fn unwise(found: impl Into<String>, means: &'static str, advice: &'static str) -> Self {
        Self { grade: Grade::Unwise, found: found.into(), means, advice }
    }

    fn unfit(found: impl Into<String>, means: &'static str, advice: &'static str) -> Self {
        Self { grade: Grade::Unfit, found: found.into(), means, advice }
    }

    fn unknown(name: &str) -> Self {
        Self {
            grade: Grade::Unknown,
            found: format!("{name} may not be read (CONFIG GET is not allowed)"),
            means: "",
            advice: "ask whoever runs Redis for you",
        }
    }

    /// All of it in a sentence or two.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!("{}: {}. {}", self.found, self.means, self.advice)
    }
}

/// A version, as the server tells it; empty if it does not.
#[must_use]
pub fn version(name: &str, version: &str) -> Verdict {
    let mut numbers = version.split('.').map_while(|part| part.parse::<u64>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) < OLDEST => Verdict::unfit(
            format!("{name} is version {version}"),
            "it lacks commands that the scripts use",
            "7.0 or newer (or Valkey) is needed",
        ),
        (Some(_), Some(_)) => Verdict::fine(format!("{name} {version}")),
        _ => Verdict {
            grade: Grade::Unknown,
            found: format!("{name} does not tell its version"),
            means: "",
            advice: "7.0 or newer is needed",
        },
    }
}

/// `maxmemory-policy`.
#[must_use]
pub fn eviction(policy: Option<&str>) -> Verdict {
    match policy {
        None => Verdict::unknown(settings::EVICTION),
        Some(settings::NO_EVICTION) => Verdict::fine("maxmemory-policy noeviction"),
        Some(policy) => Verdict::unfit(
            format!("maxmemory-policy {policy}"),
            "it would evict leases, and people would go offline who are there",
            "Set `maxmemory-policy noeviction` in redis.conf, or `redis-cli CONFIG SET maxmemory-policy noeviction`",
        ),
    }
}

/// `notify-keyspace-events`.
#[must_use]
pub fn notifications(events: Option<&str>) -> Verdict {
    match events {
        None => Verdict::unknown(settings::NOTIFICATIONS),
        Some(events) if settings::tells_expiry(events) => {
            Verdict::fine(format!("notify-keyspace-events {events}"))
        }
        Some(events) => Verdict::unwise(
            format!("notify-keyspace-events {events:?}"),
            "redis does not publish expired keys: people go offline about a tenth of a second later",
            "Add `notify-keyspace-events Ex` to redis.conf",
        ),
    }
}

/// `hash-max-listpack-value`.
#[must_use]
pub fn packing(value: Option<&str>) -> Verdict {
    match value {
        None => Verdict::unknown(settings::PACKING),
        Some(value) if settings::is_packed(value) => {
            Verdict::fine(format!("hash-max-listpack-value {value}"))
        }
        Some(value) => Verdict::unwise(
            format!("hash-max-listpack-value {value}"),
            "records take about 100 bytes more per user",
            "Add `hash-max-listpack-value 512` to redis.conf",
        ),
    }
}

/// The part of `client-output-buffer-limit` that concerns subscribers: `pubsub <hard> <soft> <seconds>`.
#[must_use]
pub fn pubsub_buffer(limits: Option<&str>) -> Verdict {
    let Some(limits) = limits else {
        return Verdict::unknown("client-output-buffer-limit");
    };
    let words: Vec<&str> =
        limits.split_whitespace().skip_while(|word| *word != "pubsub").skip(1).take(3).collect();
    let hard = words.first().and_then(|hard| hard.parse::<u64>().ok()).unwrap_or(0);
    let found = format!("client-output-buffer-limit pubsub {}", words.join(" "));
    if hard > 0 && hard < PUBSUB_BYTES {
        return Verdict::unwise(
            found,
            "where many people leave at once Redis may cut off the nodes that listen; the nudge notices them 75 ms later",
            "Set `client-output-buffer-limit pubsub 32mb 8mb 60`, Redis' default, or more",
        );
    }
    Verdict::fine(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_judged_where_they_may_be_read() {
        assert_eq!(eviction(Some("allkeys-lru")).grade, Grade::Unfit);
        assert_eq!((eviction(None).grade, eviction(Some("noeviction")).grade), (Grade::Unknown, Grade::Fine));
        assert_eq!(
            (notifications(Some("Kx")).grade, notifications(Some("AKE")).grade),
            (Grade::Unwise, Grade::Fine)
        );
        assert_eq!((packing(Some("64")).grade, packing(Some("512")).grade), (Grade::Unwise, Grade::Fine));
        let limits = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60";
        assert_eq!(pubsub_buffer(Some(limits)).grade, Grade::Fine);
        assert_eq!(pubsub_buffer(Some("pubsub 0 0 0")).grade, Grade::Fine);
        assert_eq!(pubsub_buffer(Some("pubsub 1048576 0 0 slave 0 0 0")).grade, Grade::Unwise);
    }
}
