//! Redis and Postgres.

use std::time::Duration;

use super::super::labels::{PoolState, RedisSetting};
use super::super::names;
use super::{count, create, flag, number, observe, set};

/// Whether Redis answers.
pub fn redis_up(up: bool) {
    set(&names::REDIS_UP, &[], flag(up));
}

/// A script exists: its series begins at 0.
pub fn expect_script(script: &'static str) {
    create(&names::SCRIPT_DURATION, &[script]);
}

/// A script was answered, so long after it was called.
pub fn script(script: &'static str, took: Duration) {
    observe(&names::SCRIPT_DURATION, &[script], took.as_secs_f64());
}

/// A connection to Redis was made again.
pub fn redis_reconnect() {
    count(&names::REDIS_RECONNECTS, &[], 1);
}

/// Memory of Redis in bytes: used, and its limit (0 for none).
pub fn redis_memory(used: u64, limit: u64) {
    set(&names::REDIS_MEMORY, &[], number(used));
    set(&names::REDIS_MEMORY_LIMIT, &[], number(limit));
}

/// Whether Postgres answers.
pub fn postgres_up(up: bool) {
    set(&names::POSTGRES_UP, &[], flag(up));
}

/// So many connections of the pool are in this state.
pub fn postgres_pool(state: PoolState, connections: u64) {
    set(&names::POSTGRES_POOL, &[state.as_str()], number(connections));
}

/// Connections that this node's pools may have.
pub fn postgres_pool_limit(connections: u64) {
    set(&names::POSTGRES_POOL_LIMIT, &[], number(connections));
}

/// Bytes of the database on disk.
pub fn database_size(bytes: u64) {
    set(&names::POSTGRES_DATABASE, &[], number(bytes));
}

/// Until the last month with partitions is over; 0 once it is.
pub fn partitions_ahead(time: Duration) {
    set(&names::PARTITIONS_AHEAD, &[], time.as_secs_f64());
}

/// This node's clock less that of Redis, in seconds.
pub fn clock_skew(seconds: f64) {
    set(&names::CLOCK_SKEW, &[], seconds);
}

/// Whether a setting of Redis is as it should be.
pub fn redis_setting(setting: RedisSetting, is_good: bool) {
    set(&names::REDIS_SETTING_OK, &[setting.as_str()], flag(is_good));
}

/// Redis at this moment: connections, keys, replicas, and whether it could write to disk.
pub fn redis_figures(clients: u64, keys: u64, replicas: u64, is_kept: bool) {
    set(&names::REDIS_CLIENTS, &[], number(clients));
    set(&names::REDIS_KEYS, &[], number(keys));
    set(&names::REDIS_REPLICAS, &[], number(replicas));
    set(&names::REDIS_PERSISTENCE_OK, &[], flag(is_kept));
}

/// What Redis has done since this was last told: commands, whole seconds of processor time, keys that ended, keys that were
/// thrown away.
pub fn redis_grew(commands: u64, cpu_seconds: u64, expired: u64, evicted: u64) {
    count(&names::REDIS_COMMANDS, &[], commands);
    count(&names::REDIS_CPU, &[], cpu_seconds);
    count(&names::REDIS_EXPIRED_KEYS, &[], expired);
    count(&names::REDIS_EVICTED_KEYS, &[], evicted);
}
