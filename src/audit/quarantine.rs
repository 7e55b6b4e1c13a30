//! Where entries go that cannot be stored: parked under their n, for a person to look at, so that they never block
//! those behind them.

use serde_json::{Value, json};

use super::position::column;
use super::write::kind;
use super::{AuditError, sql};
use crate::database::Connection;
use crate::presence::{Entry, RawEntry};

/// Parks an entry with the problem it has.
pub(super) async fn park(
    connection: &mut Connection,
    shard: u16,
    epoch: i64,
    entry: &Entry,
    problem: &str,
) -> Result<(), AuditError> {
    insert(connection, shard, epoch, entry.n, &as_json(entry), problem).await
}

/// Parks an entry that could not even be read, as it came.
pub(super) async fn park_raw(
    connection: &mut Connection,
    shard: u16,
    epoch: i64,
    raw: &RawEntry,
) -> Result<(), AuditError> {
    insert(connection, shard, epoch, raw.n, &json!(raw.fields), &raw.problem).await
}

async fn insert(
    connection: &mut Connection,
    shard: u16,
    epoch: i64,
    n: i64,
    entry: &Value,
    problem: &str,
) -> Result<(), AuditError> {
    sqlx::query(sql::QUARANTINE)
        .bind(column(shard)?)
        .bind(epoch)
        .bind(n)
        .bind(entry.to_string())
        .bind(problem)
        .execute(connection)
        .await?;
    Ok(())
}

/// Times as the milliseconds that came: one of them may be the problem.
fn as_json(entry: &Entry) -> Value {
    json!({
        "n": entry.n,
        "kind": kind(entry.kind),
        "user": entry.user,
        "org": entry.org,
        "from": entry.from,
        "to": entry.to,
        "reason": entry.reason,
        "occurred_at": entry.occurred_at,
        "detected_at": entry.detected_at,
        "since": entry.since,
        "online_since": entry.online_since,
        "last_seen": entry.last_seen,
        "shown_since": entry.shown_since,
        "shown_online_since": entry.shown_online_since,
        "shown_last_seen": entry.shown_last_seen,
        "shown_version": entry.shown_version,
        "uncertainty_ms": entry.uncertainty_ms,
        "session": entry.session,
        "device": entry.device,
        "actor": entry.actor,
        "claims": entry.claims.as_ref().map(|claims| {
            [&claims.manual, &claims.admin].map(|claim| claim.as_ref().map(|claim| json!({
                "id": claim.id, "status": claim.status, "text": claim.text, "emoji": claim.emoji, "until": claim.until,
            })))
        }),
    })
}
