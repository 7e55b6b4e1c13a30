//! How the program tells its metrics: one function per fact, so that no call site knows a name or a label.

mod access;
mod live;
mod stores;

use std::time::Duration;

use ::metrics::{Label, counter, gauge, histogram};

use super::labels::{AuditRow, ExpiryPath, Heartbeat, Transport, Webhook};
use super::metric::{Kind, Metric};
use super::names;
use crate::presence::{Reason, Status};

pub use access::{
    auth_attempt, blocked_networks, blocked_request, keys_read, known_token, rate_limited, refresh_reuse,
    stale_key,
};
pub use live::{
    LiveConnection, live_changes, live_connection, live_dropped, live_fanout, live_heard, live_sent,
    live_told, live_watches,
};
pub use stores::{
    clock_skew, database_size, expect_script, partitions_ahead, postgres_pool, postgres_pool_limit,
    postgres_up, redis_figures, redis_grew, redis_memory, redis_reconnect, redis_setting, redis_up, script,
};

fn labels(metric: &Metric, values: &[&'static str]) -> Vec<Label> {
    metric
        .labels
        .iter()
        .zip(values)
        .map(|(label, value)| Label::from_static_parts(label.name, value))
        .collect()
}

fn count(metric: &Metric, values: &[&'static str], by: u64) {
    counter!(metric.name, labels(metric, values)).increment(by);
}

fn set(metric: &Metric, values: &[&'static str], to: f64) {
    gauge!(metric.name, labels(metric, values)).set(to);
}

fn observe(metric: &Metric, values: &[&'static str], value: f64) {
    histogram!(metric.name, labels(metric, values)).record(value);
}

/// Makes a series exist before its first event, so that rates and alerts have a zero to start from.
pub(super) fn create(metric: &Metric, values: &[&'static str]) {
    match metric.kind {
        Kind::Counter => count(metric, values, 0),
        Kind::Gauge => set(metric, values, 0.0),
        Kind::Histogram(_) => drop(histogram!(metric.name, labels(metric, values))),
    }
}

const fn flag(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

/// Counts that gauges can hold exactly, up to 2^53.
#[allow(clippy::cast_precision_loss)]
const fn number(value: u64) -> f64 {
    value as f64
}

/// Says which version runs.
pub(super) fn build_info() {
    set(&names::BUILD_INFO, &[env!("CARGO_PKG_VERSION")], 1.0);
}

/// A route exists: its series begin at 0.
pub fn expect_route(route: &'static str, method: &'static str) {
    create(&names::HTTP_REQUESTS, &[route, method, "200"]);
    create(&names::HTTP_DURATION, &[route, method]);
}

/// A request was answered. `route` is the template, never the path; `status` is the code as text.
pub fn request(route: &'static str, method: &'static str, status: &'static str, took: Duration) {
    count(&names::HTTP_REQUESTS, &[route, method, status], 1);
    observe(&names::HTTP_DURATION, &[route, method], took.as_secs_f64());
}

/// A heartbeat was answered, so long after it came.
pub fn heartbeat(transport: Transport, result: Heartbeat, took: Duration) {
    count(&names::HEARTBEATS, &[transport.as_str(), result.as_str()], 1);
    observe(&names::HEARTBEAT_DURATION, &[transport.as_str()], took.as_secs_f64());
}

/// So many heartbeats went to Redis in one call.
pub fn heartbeat_batch(items: usize) {
    observe(&names::HEARTBEAT_BATCH, &[], number(items as u64));
}

/// So many users are shown with this status (`online`, `away` or `busy`).
pub fn users(status: Status, number_of: u64) {
    set(&names::USERS, &[status.as_str()], number(number_of));
}

/// So many sessions are alive.
pub fn sessions(transport: Transport, number_of: u64) {
    set(&names::SESSIONS, &[transport.as_str()], number(number_of));
}

/// So many sessions are in rooms.
pub fn room_sessions(number_of: u64) {
    set(&names::ROOM_SESSIONS, &[], number(number_of));
}

/// A status changed.
pub fn transition(from: Status, to: Status, reason: Reason) {
    count(&names::TRANSITIONS, &[from.as_str(), to.as_str(), reason.as_str()], 1);
}

/// A passed deadline became a transition, so long after it.
pub fn detection_delay(delay: Duration) {
    observe(&names::DETECTION_DELAY, &[], delay.as_secs_f64());
}

/// So many sessions ended by their deadline.
pub fn expirations(path: ExpiryPath, number_of: u64) {
    count(&names::EXPIRATIONS, &[path.as_str()], number_of);
}

/// The most overdue deadline is so old.
pub fn oldest_due(age: Duration) {
    set(&names::OLDEST_DUE, &[], age.as_secs_f64());
}

/// The end of a canary lease was not heard.
pub fn canary_unheard() {
    count(&names::CANARIES_UNHEARD, &[], 1);
}

/// So many heartbeats came late and were in time.
pub fn late_saved(number_of: u64) {
    count(&names::LATE_SAVED, &[], number_of);
}

/// So many users came back within a minute.
pub fn flaps(number_of: u64) {
    count(&names::FLAPS, &[], number_of);
}

/// The outbox of this node's shards: entries not copied, the age of the oldest.
pub fn outbox(entries: u64, oldest: Duration) {
    set(&names::OUTBOX_ENTRIES, &[], number(entries));
    set(&names::OUTBOX_OLDEST, &[], oldest.as_secs_f64());
}

/// The streams of all shards hold so many entries.
pub fn outbox_streams(entries: u64) {
    set(&names::OUTBOX_STREAM_ENTRIES, &[], number(entries));
}

/// How long ago the oldest change was recorded that the figures do not know of.
pub fn figures_lag(lag: Duration) {
    set(&names::FIGURES_LAG, &[], lag.as_secs_f64());
}

/// So many entries met this fate on their way into Postgres.
pub fn audit_rows(result: AuditRow, number_of: u64) {
    count(&names::AUDIT_ROWS, &[result.as_str()], number_of);
    if result == AuditRow::Quarantined {
        count(&names::AUDIT_QUARANTINED, &[], number_of);
    }
}

/// A transaction of the copy took so long.
pub fn audit_flush(took: Duration) {
    observe(&names::AUDIT_FLUSH, &[], took.as_secs_f64());
}

/// This node owns so many shards of all there are.
pub fn shards_owned(number_of: u64, all: u64) {
    set(&names::SHARDS_OWNED, &[], number(number_of));
    set(&names::SHARDS, &[], number(all));
}

/// A shard began a new epoch.
pub fn epoch_change() {
    count(&names::EPOCH_CHANGES, &[], 1);
}

/// So many users were brought back from Postgres.
pub fn restored_users(number_of: u64) {
    count(&names::RESTORED_USERS, &[], number_of);
}

/// An attempt to deliver a batch to a webhook.
pub fn webhook_delivery(result: Webhook) {
    count(&names::WEBHOOK_DELIVERIES, &[result.as_str()], 1);
}

/// A webhook took so many events.
pub fn webhook_events(number_of: u64) {
    count(&names::WEBHOOK_EVENTS, &[], number_of);
}

/// How long the oldest change in a batch has been waiting to be taken.
pub fn webhook_oldest(age: Duration) {
    set(&names::WEBHOOK_OLDEST, &[], age.as_secs_f64());
}
