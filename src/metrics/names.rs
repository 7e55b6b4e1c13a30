//! Every metric, once: its help (the comment), its kind and unit, its name, its labels, its buckets.
//!
//! Units are base units and stand at the end of the name. Gauges that every node reads from the shared stores say
//! so in their help: aggregate those with `max`, and those of one node with `sum`.

use crate::presence::{Reason, Status};

use super::labels::{
    AuditRow, AuthMethod, AuthResult, Direction, ExpiryPath, Heartbeat, KeyReading, LimitPolicy, LiveDrop,
    LiveMessage, PoolState, RedisSetting, Transport, WatchKind, Webhook,
};
use super::metric::{
    Label, Metric, bytes_gauge, count_histogram, counter, counter_where, gauge, label, seconds,
    seconds_counter, seconds_gauge,
};

/// Declares the table: a constant for each metric, and the list of all.
macro_rules! table {
    ($($(#[doc = $help:literal])+ $make:ident $(($extra:expr))? $constant:ident = $name:literal $([$($label:expr),+])?;)+) => {
        $($(#[doc = $help])+ pub const $constant: Metric =
            $make($name, &[$($($label),+)?], concat!($($help),+) $(, $extra)?);)+

        /// All of them.
        pub const ALL: &[&Metric] = &[$(&$constant,)+];
    };
}

/// The words of a vocabulary.
macro_rules! words {
    ($vocabulary:ty) => {
        || <$vocabulary>::ALL.iter().map(|value| value.as_str()).collect()
    };
}

// Routes and scripts are known to those who have them, and made to exist at start by `record::expect_*`.
const ROUTE: Label = label("route", Vec::new);
const METHOD: Label = label("method", Vec::new);
const CODE: Label = label("status", Vec::new);
const SCRIPT: Label = label("script", Vec::new);
const TRANSPORT: Label = label("transport", words!(Transport));
const SHOWN: Label =
    label("status", || [Status::Online, Status::Away, Status::Busy].map(Status::as_str).to_vec());

/// From a call within the process to a slow network, in seconds.
const REQUEST: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
/// A script in Redis with its way there and back, in seconds.
const CALL: &[f64] = &[0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0];
/// The stated bound of detection is 1.1 s; finer below it, in seconds.
const DETECTION: &[f64] = &[0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.1, 2.0, 5.0, 15.0, 60.0, 300.0];
/// The stated bound from node to node is 0.1 s, of which the outbox is read every 0.025 s; in seconds.
const FANOUT: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 5.0];
/// Items of one call; a call takes at most 500.
const BATCH: &[f64] = &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0];
/// Whatever has no buckets of its own: a histogram without any would become a summary.
pub(super) const OTHERWISE: &[f64] = REQUEST;

table! {
    /// Always 1; the label says which version runs.
    gauge BUILD_INFO = "rollcall_build_info" [label("version", || vec![env!("CARGO_PKG_VERSION")])];

    /// Requests by route template, method and status code.
    counter HTTP_REQUESTS = "rollcall_http_requests_total" [ROUTE, METHOD, CODE];
    /// From the head of a request to the head of its answer.
    seconds(REQUEST) HTTP_DURATION = "rollcall_http_request_duration_seconds" [ROUTE, METHOD];

    /// Heartbeats by transport and by what became of them.
    counter HEARTBEATS = "rollcall_heartbeats_total" [TRANSPORT, label("result", words!(Heartbeat))];
    /// Heartbeats that went to Redis in one call.
    count_histogram(BATCH) HEARTBEAT_BATCH = "rollcall_heartbeat_batch_size";
    /// From a heartbeat's arrival to its acknowledgement by Redis.
    seconds(REQUEST) HEARTBEAT_DURATION = "rollcall_heartbeat_duration_seconds" [TRANSPORT];

    /// Users by the status that others see. The same on every node: aggregate with max.
    gauge USERS = "rollcall_users" [SHOWN];
    /// Sessions alive by transport, of those whom others see; sockets of nodes that do not tell how many they have count as http. The same on every node: aggregate with max.
    gauge SESSIONS = "rollcall_sessions" [TRANSPORT];
    /// Sessions that are in rooms. The same on every node: aggregate with max.
    gauge ROOM_SESSIONS = "rollcall_room_sessions";
    /// Changes of status as they are copied into the audit log, by reason.
    counter_where(can_happen) TRANSITIONS = "rollcall_transitions_total"
        [label("from", words!(Status)), label("to", words!(Status)), label("reason", words!(Reason))];
    /// From a session's deadline to the transition that it caused.
    seconds(DETECTION) DETECTION_DELAY = "rollcall_offline_detection_delay_seconds";
    /// Sessions ended by their deadline, by who noticed. Many by sweep mean that events are lost.
    counter EXPIRATIONS = "rollcall_expirations_total" [label("path", words!(ExpiryPath))];
    /// How long the most overdue deadline of this node's shards has passed.
    seconds_gauge OLDEST_DUE = "rollcall_oldest_due_seconds";
    /// Canary leases whose end was not heard: the event path is dead, and the nudge does its work.
    counter CANARIES_UNHEARD = "rollcall_expiry_canaries_unheard_total";
    /// Heartbeats that came after their deadline and before it was noticed: nobody was seen leaving.
    counter LATE_SAVED = "rollcall_late_saved_total";
    /// Users who came back within a minute of going offline.
    counter FLAPS = "rollcall_flaps_total";

    /// Entries of this node's shards that are not in Postgres yet.
    gauge OUTBOX_ENTRIES = "rollcall_outbox_entries";
    /// Age of the oldest entry of this node's shards that is not in Postgres yet.
    seconds_gauge OUTBOX_OLDEST = "rollcall_outbox_oldest_seconds";
    /// How long ago the oldest change was recorded that the figures do not know of. The same on every node: aggregate with max.
    seconds_gauge FIGURES_LAG = "rollcall_figures_lag_seconds";
    /// Entries in the streams of all shards, copied ones that are kept for a while included. The same on every node: aggregate with max.
    gauge OUTBOX_STREAM_ENTRIES = "rollcall_outbox_stream_entries";
    /// Entries on their way into Postgres, by what became of them.
    counter AUDIT_ROWS = "rollcall_audit_rows_total" [label("result", words!(AuditRow))];
    /// One transaction of the copy into Postgres.
    seconds(REQUEST) AUDIT_FLUSH = "rollcall_audit_flush_duration_seconds";
    /// Entries that Postgres refused and that wait for a person.
    counter AUDIT_QUARANTINED = "rollcall_audit_quarantined_total";

    /// Until the last month that has partitions is over. The same on every node: aggregate with max.
    seconds_gauge PARTITIONS_AHEAD = "rollcall_audit_partitions_ahead_seconds";

    /// How many shards there are. The same on every node: aggregate with max.
    gauge SHARDS = "rollcall_shards";
    /// Shards that this node nudges and copies; all nodes together have all shards.
    gauge SHARDS_OWNED = "rollcall_shards_owned";
    /// Shards that came back empty or rewound.
    counter EPOCH_CHANGES = "rollcall_epoch_changes_total";
    /// Users brought back into an empty Redis from Postgres.
    counter RESTORED_USERS = "rollcall_restored_users_total";
    /// This node's clock less that of Redis, which decides; half of the way there and back is taken off.
    seconds_gauge CLOCK_SKEW = "rollcall_clock_skew_seconds";

    /// Sockets and event streams that are open.
    gauge LIVE_CONNECTIONS = "rollcall_live_connections";
    /// Sockets and event streams that were opened.
    counter LIVE_OPENED = "rollcall_live_opened_total";
    /// What the sockets of this node watch, each target of each socket.
    gauge LIVE_WATCHES = "rollcall_live_watches" [label("kind", words!(WatchKind))];
    /// Changes of status that this node heard of.
    counter LIVE_CHANGES = "rollcall_live_changes_total";
    /// Changes that this node told its sockets and streams, one for each reader.
    counter LIVE_TOLD = "rollcall_live_told_total";
    /// From a change that somebody watches, by the clock of Redis, until it was handed to this node's sockets.
    seconds(FANOUT) LIVE_FANOUT = "rollcall_live_fanout_seconds";
    /// Messages on sockets, by direction and type.
    counter_where(is_said) LIVE_MESSAGES = "rollcall_live_messages_total"
        [label("direction", words!(Direction)), label("type", words!(LiveMessage))];
    /// Sockets that the server closed, by why.
    counter LIVE_DROPPED = "rollcall_live_dropped_total" [label("reason", words!(LiveDrop))];

    /// 1 while Redis answers this node.
    gauge REDIS_UP = "rollcall_redis_up";
    /// One call of a script, with its way there and back.
    seconds(CALL) SCRIPT_DURATION = "rollcall_redis_script_duration_seconds" [SCRIPT];
    /// Connections to Redis that had to be made again.
    counter REDIS_RECONNECTS = "rollcall_redis_reconnects_total";
    /// Memory that Redis uses (the fullest server of a cluster). The same on every node: aggregate with max.
    bytes_gauge REDIS_MEMORY = "rollcall_redis_memory_bytes";
    /// Redis' maxmemory; 0 means none. The same on every node: aggregate with max.
    bytes_gauge REDIS_MEMORY_LIMIT = "rollcall_redis_memory_limit_bytes";
    /// 1 while this setting of every primary is as it should be, or may not be read. The same on every node: aggregate with min.
    gauge REDIS_SETTING_OK = "rollcall_redis_setting_ok" [label("setting", words!(RedisSetting))];
    /// 1 unless Redis failed to write to disk the last time. The same on every node: aggregate with min.
    gauge REDIS_PERSISTENCE_OK = "rollcall_redis_persistence_ok";
    /// Connections to Redis, of whomever. The same on every node: aggregate with max.
    gauge REDIS_CLIENTS = "rollcall_redis_clients";
    /// Keys in Redis. The same on every node: aggregate with max.
    gauge REDIS_KEYS = "rollcall_redis_keys";
    /// Replicas that follow the primary that has the fewest. The same on every node: aggregate with max.
    gauge REDIS_REPLICAS = "rollcall_redis_replicas";
    /// Commands that Redis has carried out since this node came. The same on every node: aggregate the rate with max.
    counter REDIS_COMMANDS = "rollcall_redis_commands_total";
    /// Processor time of Redis (of a cluster its busiest server) since this node came. The same on every node: aggregate the rate with max.
    seconds_counter REDIS_CPU = "rollcall_redis_cpu_seconds_total";
    /// Keys that ended in Redis since this node came. The same on every node: aggregate the rate with max.
    counter REDIS_EXPIRED_KEYS = "rollcall_redis_expired_keys_total";
    /// Keys that Redis threw away for want of memory since this node came: people who are there may be shown offline. The same on every node: aggregate the rate with max.
    counter REDIS_EVICTED_KEYS = "rollcall_redis_evicted_keys_total";
    /// 1 while Postgres answers this node.
    gauge POSTGRES_UP = "rollcall_postgres_up";
    /// Connections of this node's pools.
    gauge POSTGRES_POOL = "rollcall_postgres_pool_connections" [label("state", words!(PoolState))];
    /// Connections that this node's pools may have.
    gauge POSTGRES_POOL_LIMIT = "rollcall_postgres_pool_limit";
    /// Size of the database on disk. The same on every node: aggregate with max.
    bytes_gauge POSTGRES_DATABASE = "rollcall_postgres_database_bytes";

    /// Callers that said who they are, by how it went.
    counter AUTH_ATTEMPTS = "rollcall_auth_attempts_total"
        [label("method", words!(AuthMethod)), label("result", words!(AuthResult))];
    /// Refresh tokens used a second time: each ended its family.
    counter REFRESH_REUSE = "rollcall_refresh_reuse_total";
    /// Key sets of trusted issuers read, by how it went.
    counter KEY_READINGS = "rollcall_issuer_key_readings_total" [label("result", words!(KeyReading))];
    /// Tokens that met keys which could not be read anew when they should have been; after a day they are refused.
    counter STALE_KEYS = "rollcall_issuer_stale_keys_total";
    /// Tokens that had been verified before, so that their signature was not checked again.
    counter KNOWN_TOKENS = "rollcall_known_tokens_total";
    /// Requests refused for coming too often.
    counter RATE_LIMITED = "rollcall_rate_limited_total" [label("policy", words!(LimitPolicy))];
    /// Requests of blocked addresses.
    counter BLOCKED_REQUESTS = "rollcall_blocked_requests_total";
    /// Networks that are blocked. The same on every node: aggregate with max.
    gauge BLOCKED_NETWORKS = "rollcall_blocked_networks";

    /// Attempts to deliver a batch to a webhook, by what became of them.
    counter WEBHOOK_DELIVERIES = "rollcall_webhook_deliveries_total" [label("result", words!(Webhook))];
    /// Events in the batches that webhooks took.
    counter WEBHOOK_EVENTS = "rollcall_webhook_events_total";
    /// Age of the oldest change in a batch that its webhook has not taken. The same on every node: aggregate with max.
    seconds_gauge WEBHOOK_OLDEST = "rollcall_webhook_oldest_pending_seconds";
}

/// Whether a type of message goes this way.
fn is_said(values: &[&'static str]) -> bool {
    const HEARD: [LiveMessage; 10] = [
        LiveMessage::Hello,
        LiveMessage::Heartbeat,
        LiveMessage::StatusChange,
        LiveMessage::Watch,
        LiveMessage::Unwatch,
        LiveMessage::Join,
        LiveMessage::Leave,
        LiveMessage::Typing,
        LiveMessage::Unknown,
        LiveMessage::Pong,
    ];
    let &[direction, message] = values else { return false };
    let is_heard = HEARD.iter().any(|heard| heard.as_str() == message);
    if direction == Direction::Received.as_str() {
        is_heard
    } else {
        !is_heard || message == LiveMessage::Pong.as_str()
    }
}

/// Whether a reason can lead from one status to another. The full product would be 525 series, most of them never
/// used.
fn can_happen(values: &[&'static str]) -> bool {
    let &[from, to, reason] = values else { return false };
    let (Ok(from), Ok(to), Ok(reason)) =
        (from.parse::<Status>(), to.parse::<Status>(), reason.parse::<Reason>())
    else {
        return false;
    };
    from != to
        && match reason {
            Reason::Login | Reason::Connect => from == Status::Offline,
            Reason::Idle => from == Status::Online && to == Status::Away,
            Reason::Active => from == Status::Away && to == Status::Online,
            Reason::ManualSet
            | Reason::ManualCleared
            | Reason::ManualExpired
            | Reason::AdminSet
            | Reason::AdminCleared
            | Reason::AdminExpired => from != Status::Offline && to != Status::Offline,
            Reason::StoreRewound => true,
            Reason::Expired
            | Reason::Closed
            | Reason::IdleTimeout
            | Reason::Logout
            | Reason::LogoutAll
            | Reason::ForceLogout
            | Reason::Suspended
            | Reason::Banned
            | Reason::Deactivated
            | Reason::StoreLost => to == Status::Offline,
        }
}
