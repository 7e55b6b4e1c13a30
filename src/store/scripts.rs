//! Every script: its name, its text and its hash. The only place that reads `lua/`.

use std::sync::LazyLock;

/// A script, complete with the library parts it needs and the flags its access calls for.
#[derive(Debug)]
pub struct Script {
    /// Its file name without the ending; the label of its metrics.
    pub name: &'static str,
    /// The text that Redis runs.
    pub body: &'static str,
    /// How many keys it takes.
    pub keys: Count,
    /// How many arguments it takes.
    pub args: Count,
    hash: LazyLock<String>,
}

impl Script {
    /// The name under which Redis keeps the script: the SHA-1 of its text. Two versions run side by side.
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

/// How many keys or arguments a script takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Always so many.
    pub fixed: usize,
    /// And for every item so many more; 0 if it takes no items.
    pub each: usize,
}

impl Count {
    /// Whether a call with so many fits.
    #[must_use]
    pub const fn fits(self, number: usize) -> bool {
        match number.checked_sub(self.fixed) {
            Some(0) => true,
            Some(more) => self.each > 0 && more.is_multiple_of(self.each),
            None => false,
        }
    }
}

const fn exactly(fixed: usize) -> Count {
    Count { fixed, each: 0 }
}

const fn and_each(fixed: usize, each: usize) -> Count {
    Count { fixed, each }
}

/// Declares a script: its constant, its flags, how many keys and arguments it takes, and the library parts that
/// precede its text.
macro_rules! script {
    ($(#[$doc:meta])* $constant:ident = $name:literal, $flags:literal, $keys:expr, $args:expr $(, $lib:literal)*) => {
        $(#[$doc])*
        pub static $constant: Script = Script {
            name: $name,
            body: concat!(
                "#!lua flags=", $flags, "\n",
                $(include_str!(concat!("../../lua/lib/", $lib, ".lua")),)*
                include_str!(concat!("../../lua/", $name, ".lua"))
            ),
            keys: $keys,
            args: $args,
            hash: LazyLock::new(|| fred::util::sha1_hash($constant.body)),
        };
    };
}

script!(/// Fast path of heartbeats; an item takes two keys, or three if the caller asks for a status.
    SESSION_BEAT = "session_beat", "allow-oom", and_each(0, 1), and_each(2, 1));
script!(/// Judges one sign of life.
    SESSION_OPEN = "session_open", "allow-oom", exactly(13), exactly(17), "shard", "record", "user", "session");
script!(/// A request that is no heartbeat.
    SESSION_TOUCH = "session_touch", "allow-oom", exactly(13), exactly(11), "shard", "record", "user", "session");
script!(/// A goodbye.
    SESSION_CLOSE = "session_close", "allow-oom", exactly(13), exactly(6), "shard", "record", "user");
script!(/// A logout.
    LOGIN_END = "login_end", "allow-oom", exactly(13), exactly(7), "shard", "record", "user", "news");
script!(/// A logout everywhere.
    USER_CUT = "user_cut", "allow-oom", exactly(13), exactly(7), "shard", "record", "user", "news");
script!(/// An account may not be online, or may again.
    USER_GATE = "user_gate", "allow-oom", exactly(13), exactly(8), "shard", "record", "user", "news");
script!(/// A claim is set or taken back.
    USER_CLAIM = "user_claim", "allow-oom", exactly(12), exactly(11), "shard", "record", "user", "claim");
script!(/// What was due happens.
    USER_EXPIRE = "user_expire", "allow-oom", and_each(9, 3), and_each(2, 2), "shard", "record", "user", "claim");
script!(/// A session enters a room.
    ROOM_JOIN = "room_join", "allow-oom", exactly(13), exactly(9), "shard", "record", "user", "news", "room");
script!(/// A session leaves a room.
    ROOM_LEAVE = "room_leave", "allow-oom", exactly(13), exactly(4), "shard", "record", "user", "news", "room");
script!(/// Somebody in a room types.
    ROOM_TYPING = "room_typing", "allow-oom", exactly(12), exactly(6), "shard", "record", "user", "news", "room");
script!(/// Sessions that are in rooms are looked at.
    ROOM_DUE = "room_due", "allow-oom", and_each(11, 1), and_each(3, 2), "shard", "record", "user", "news", "room");
script!(/// Lists who is in a room.
    ROOM_MEMBERS = "room_members", "no-writes", and_each(0, 4), exactly(2));
script!(/// Reads records; the keys of each shard are three, and one more for each user.
    USER_VIEWS = "user_views", "no-writes", and_each(0, 1), and_each(1, 2), "record", "glance");
script!(/// Reads what a token's standing depends on.
    USER_STANDING = "user_standing", "no-writes", exactly(10), exactly(4), "shard", "record", "user");
script!(/// Reads everything a status is made of.
    USER_EXPLAIN = "user_explain", "no-writes", exactly(11), exactly(2), "shard", "record", "user");
script!(/// People who were present come back.
    USER_RESTORE = "user_restore", "allow-oom", and_each(9, 3), and_each(3, 10), "shard", "record", "user");
script!(/// A record learns what the history says after a store was set back.
    USER_CORRECT = "user_correct", "allow-oom", exactly(12), exactly(9), "shard", "record", "user");
script!(/// Somebody who was erased is forgotten.
    USER_FORGET = "user_forget", "allow-oom", exactly(10), exactly(2), "shard", "record", "user");
script!(/// An empty shard begins a new life, still closed.
    SHARD_BEGIN = "shard_begin", "allow-oom", exactly(2), exactly(6));
script!(/// Gates, claims and ended tokens come back.
    SHARD_RECALL = "shard_recall", "allow-oom", exactly(9), and_each(2, 7), "shard", "record", "user", "claim");
script!(/// Opens a shard that is restored.
    SHARD_OPEN = "shard_open", "allow-oom", exactly(1), exactly(3));
script!(/// A shard that was set back goes on under a new epoch.
    SHARD_RAISE = "shard_raise", "allow-oom", exactly(1), exactly(2));
script!(/// Takes or keeps a shard.
    SHARD_OWN = "shard_own", "allow-oom", exactly(3), exactly(6));
script!(/// Gives a shard up.
    SHARD_RELEASE = "shard_release", "allow-oom", exactly(1), exactly(1));
script!(/// Lists and touches what is due.
    SHARD_DUE = "shard_due", "no-writes", and_each(0, 1), and_each(3, 1));
script!(/// Counts.
    SHARD_STATS = "shard_stats", "no-writes", and_each(0, 2), exactly(2));
script!(/// Lists who is present.
    SHARD_PRESENT = "shard_present", "no-writes", and_each(0, 1), and_each(2, 1), "present", "newest");
script!(/// The same with their records; the keys of each shard are four, and one more for each set of users.
    PRESENT_VIEWS = "present_views", "no-writes", and_each(0, 1), and_each(3, 1),
    "record", "glance", "present", "newest", "bucket");
script!(/// Forgets what is copied and old.
    OUTBOX_TRIM = "outbox_trim", "allow-oom", and_each(1, 1), and_each(1, 1), "record");
script!(/// A node shows that it lives.
    NODE_BEAT = "node_beat", "allow-oom", exactly(3), exactly(4));
script!(/// A node stops.
    NODE_LEAVE = "node_leave", "allow-oom", exactly(2), exactly(1));
script!(/// Takes from quotas.
    LIMIT_TAKE = "limit_take", "allow-oom", and_each(0, 1), and_each(1, 3), "quota");
script!(/// May somebody try a password.
    ATTEMPT_ADMIT = "attempt_admit", "allow-oom", exactly(4), exactly(3), "quota");
script!(/// How an attempt went.
    ATTEMPT_NOTE = "attempt_note", "allow-oom", exactly(2), exactly(7), "quota");

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
    &ROOM_JOIN,
    &ROOM_LEAVE,
    &ROOM_TYPING,
    &ROOM_DUE,
    &ROOM_MEMBERS,
    &USER_VIEWS,
    &USER_STANDING,
    &USER_EXPLAIN,
    &USER_RESTORE,
    &USER_CORRECT,
    &USER_FORGET,
    &SHARD_BEGIN,
    &SHARD_RECALL,
    &SHARD_OPEN,
    &SHARD_RAISE,
    &SHARD_OWN,
    &SHARD_RELEASE,
    &SHARD_DUE,
    &SHARD_STATS,
    &SHARD_PRESENT,
    &PRESENT_VIEWS,
    &OUTBOX_TRIM,
    &NODE_BEAT,
    &NODE_LEAVE,
    &LIMIT_TAKE,
    &ATTEMPT_ADMIT,
    &ATTEMPT_NOTE,
];
