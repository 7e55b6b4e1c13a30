//! Every script: its name, its text and its hash. The only place that reads `lua/`.

use std::sync::LazyLock;

/// A script, complete with the library parts it needs and the flags its access calls for.
#[derive(Debug)]
pub struct Script {
    /// Its file name without the ending; the label of its metrics.
    pub name: &'static str,
    /// The text that Redis runs.
    pub body: &'static str,
    hash: LazyLock<String>,
}

impl Script {
    /// The name under which Redis keeps the script: the SHA-1 of its text. Two versions run side by side.
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

/// Declares a script: its constant, its flags, and the library parts that precede its text.
macro_rules! script {
    ($(#[$doc:meta])* $constant:ident = $name:literal, $flags:literal $(, $lib:literal)*) => {
        $(#[$doc])*
        pub static $constant: Script = Script {
            name: $name,
            body: concat!(
                "#!lua flags=", $flags, "\n",
                $(include_str!(concat!("../../lua/lib/", $lib, ".lua")),)*
                include_str!(concat!("../../lua/", $name, ".lua"))
            ),
            hash: LazyLock::new(|| fred::util::sha1_hash($constant.body)),
        };
    };
}

script!(/// Fast path of heartbeats.
    SESSION_BEAT = "session_beat", "allow-oom");
script!(/// Judges one sign of life.
    SESSION_OPEN = "session_open", "allow-oom", "shard", "user", "session");
script!(/// A request that is no heartbeat.
    SESSION_TOUCH = "session_touch", "allow-oom", "shard", "user", "session");
script!(/// A goodbye.
    SESSION_CLOSE = "session_close", "allow-oom", "shard", "user");
script!(/// A logout.
    LOGIN_END = "login_end", "allow-oom", "shard", "user");
script!(/// A logout everywhere.
    USER_CUT = "user_cut", "allow-oom", "shard", "user");
script!(/// An account may not be online, or may again.
    USER_GATE = "user_gate", "allow-oom", "shard", "user");
script!(/// A claim is set or taken back.
    USER_CLAIM = "user_claim", "allow-oom", "shard", "user", "claim");
script!(/// What was due happens.
    USER_EXPIRE = "user_expire", "allow-oom", "shard", "user", "claim");
script!(/// Reads records.
    USER_VIEWS = "user_views", "no-writes");
script!(/// Reads what a token's standing depends on.
    USER_STANDING = "user_standing", "no-writes", "shard", "user");
script!(/// Opens an empty shard.
    SHARD_OPEN = "shard_open", "allow-oom");
script!(/// Takes or keeps a shard.
    SHARD_OWN = "shard_own", "allow-oom");
script!(/// Gives a shard up.
    SHARD_RELEASE = "shard_release", "allow-oom");
script!(/// Lists and touches what is due.
    SHARD_DUE = "shard_due", "no-writes");
script!(/// Counts.
    SHARD_STATS = "shard_stats", "no-writes");
script!(/// Forgets what is copied and old.
    OUTBOX_TRIM = "outbox_trim", "allow-oom");
script!(/// A node shows that it lives.
    NODE_BEAT = "node_beat", "allow-oom");
script!(/// A node stops.
    NODE_LEAVE = "node_leave", "allow-oom");

/// Every script there is.
pub static ALL: &[&Script] = &[
    &SESSION_BEAT,
    &SESSION_OPEN,
    &SESSION_TOUCH,
    &SESSION_CLOSE,
    &LOGIN_END,
    &USER_CUT,
    &USER_GATE,
    &USER_CLAIM,
    &USER_EXPIRE,
    &USER_VIEWS,
    &USER_STANDING,
    &SHARD_OPEN,
    &SHARD_OWN,
    &SHARD_RELEASE,
    &SHARD_DUE,
    &SHARD_STATS,
    &OUTBOX_TRIM,
    &NODE_BEAT,
    &NODE_LEAVE,
];
