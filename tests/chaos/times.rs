//! The times of presence in this program, and how late something may be before it is a violation.
//!
//! Sessions live for 8 s, so that a run of minutes sees many end. A stall is longer than 10 s by a constant of the
//! service, and then nobody is blamed for silence; in production every time to live is longer than that. Here it is
//! not: an outage of 8 to 10 s would rightly end sessions. So faults that keep everybody from beating are either
//! shorter than [`SHORT`] or longer than [`LONG`], and then the rule is without exception: who kept trying never goes
//! offline.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Settings of every node.
pub(crate) const SETTINGS: &[(&str, &str)] = &[
    ("ROLLCALL_REDIS_SHARDS", "16"),
    ("ROLLCALL_PRESENCE_HEARTBEAT", "2s"),
    ("ROLLCALL_PRESENCE_TTL", "8s"),
    ("ROLLCALL_PRESENCE_HIDDEN_HEARTBEAT", "3s"),
    ("ROLLCALL_PRESENCE_HIDDEN_TTL", "8s"),
    ("ROLLCALL_PRESENCE_SOCKET_PING", "3s"),
    ("ROLLCALL_PRESENCE_SOCKET_TTL", "8s"),
    ("ROLLCALL_PRESENCE_LINGER", "2s"),
    ("ROLLCALL_LIMITS_REQUESTS", "none"),
    ("ROLLCALL_LIMITS_REGISTER", "none"),
    ("ROLLCALL_LIMITS_LOGIN", "none"),
    ("ROLLCALL_LIMITS_LOGIN_ACCOUNT", "none"),
    ("ROLLCALL_LOG_FORMAT", "json"),
    ("ROLLCALL_LOG", "info,fred=error,sqlx_core=error"),
];

/// How many shards users are spread over.
pub(crate) const SHARDS: u16 = 16;
/// How long a session lives after a sign of life, in ms.
pub(crate) const TTL: i64 = 8_000;
/// How long it lives after a goodbye, in ms.
pub(crate) const LINGER: i64 = 2_000;
/// The longest outage that ends no session of somebody who keeps trying.
pub(crate) const SHORT: Duration = Duration::from_secs(3);
/// The shortest outage that counts as a stall: 10 s and the owner's tick, with room.
pub(crate) const LONG: Duration = Duration::from_secs(13);
/// After a stall nothing expires for so long: the slowest interval with its jitter, and 10 s (ms).
pub(crate) const GRACE: i64 = 13_300;
/// The promise: a session's end is noticed within so many ms while a shard has no owner, and sooner with one.
pub(crate) const BOUND: i64 = 1_100;
/// Added to the promise: this program, three nodes and both stores share a few cores (ms).
pub(crate) const SLACK: i64 = 1_500;
/// How long after a store is back its clients may need to notice: reconnects back off to 1 s, a dead owner holds its
/// shards for 3 s (ms).
pub(crate) const RECOVERY: i64 = 6_000;
/// How long a request that got no answer may still take effect: two attempts of a second, each with its own wait (ms).
pub(crate) const LATE: i64 = 4_000;

/// Now, in ms since 1970. The same clock as that of Redis: one machine.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
