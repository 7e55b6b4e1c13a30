//! `/api/admin/health/`: nodes, stores and the outbox, for administrators who look. Alarms belong to the metrics, which know
//! more; this is asked now, whatever of it answers.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::accounts::Permission;
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::Caller;
use crate::http::health::{Health, PATIENCE, lags};
use crate::http::time::Timestamp;
use crate::moment;
use crate::presence::Millis;

/// Entries that wait for longer are told as a trouble.
const TOO_LATE: Millis = Millis(60_000);

/// A node that lives.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeHealth {
    name: String,
    /// Absent of a version that does not tell it, as are the next two.
    version: Option<String>,
    started_at: Option<Timestamp>,
    /// Sockets that carry a session.
    sockets: Option<u64>,
    /// When it last showed itself.
    seen_at: Timestamp,
    /// Shards that it watches and copies.
    shards: usize,
}

/// Redis; of a cluster all primaries together.
#[derive(Debug, Serialize, ToSchema)]
pub struct RedisHealth {
    /// Of the primary that is nearest to its limit.
    memory_bytes: u64,
    /// 0: no limit.
    memory_limit_bytes: u64,
    clients: u64,
    /// Connected replicas of the primary with the fewest.
    replicas: u64,
    /// Whether the last writes to disk went well.
    is_kept: bool,
}

/// The connections of the node that answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct PostgresHealth {
    pool_in_use: u64,
    pool_limit: u64,
}

/// What Postgres has not got yet.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct OutboxHealth {
    entries: i64,
    /// For how long the oldest has waited, in milliseconds.
    oldest_ms: i64,
}

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceHealth {
    #[serde(flatten)]
    health: Health,
    /// By name; empty where Redis does not answer.
    nodes: Vec<NodeHealth>,
    /// Absent where it does not answer.
    redis: Option<RedisHealth>,
    postgres: PostgresHealth,
    /// Absent where one of the stores does not answer.
    outbox: Option<OutboxHealth>,
    /// By the clock of the node that answers.
    server_time: Timestamp,
}

/// Answers how the service is
///
/// Always 200: what is wrong stands in `status` and `checks`.
#[utoipa::path(get, path = "/api/admin/health/", tag = "administration",
    responses((status = 200, body = ServiceHealth)))]
pub async fn health(Caller(claims): Caller, State(app): State<App>) -> Result<Json<ServiceHealth>, ApiError> {
    // While Postgres is away, which is when this is looked at, by the role that the token says.
    if !claims.role.may(Permission::ViewSettings) {
        return Err(ApiError::Forbidden);
    }
    let figures = async { timeout(PATIENCE, app.store.figures()).await.ok()?.ok() };
    let (mut health, figures, (nodes, outbox)) = tokio::join!(Health::of(&app), figures, shards(&app));
    let is_late = outbox.as_ref().is_some_and(|outbox| outbox.oldest_ms >= TOO_LATE.0);
    if outbox.is_some() {
        health.checks.insert("outbox", if is_late { "late" } else { "ok" });
    }
    if is_late && health.status == "ok" {
        health.status = "degraded";
    }
    let redis = figures.map(|figures| RedisHealth {
        memory_bytes: figures.memory.used,
        memory_limit_bytes: figures.memory.limit,
        clients: figures.clients,
        replicas: figures.replicas,
        is_kept: figures.is_kept,
    });
    let (_, pool_in_use) = app.audit.connections();
    let postgres = PostgresHealth { pool_in_use, pool_limit: app.audit.most_connections() };
    Ok(Json(ServiceHealth { health, nodes, redis, postgres, outbox, server_time: moment::now().into() }))
}

/// The nodes, and what of their shards waits to be copied.
async fn shards(app: &App) -> (Vec<NodeHealth>, Option<OutboxHealth>) {
    let both = async { tokio::join!(app.store.shard_facts(), app.store.nodes()) };
    let Ok((facts, nodes)) = timeout(PATIENCE, both).await else { return (Vec::new(), None) };
    let mut owned: HashMap<&str, usize> = HashMap::new();
    for owner in facts.iter().filter_map(|of| of.as_ref().ok()?.owner.as_deref()) {
        *owned.entry(owner).or_default() += 1;
    }
    let node = |node: crate::store::LiveNode| {
        let (shards, told) = (owned.get(node.name.as_str()).copied().unwrap_or(0), node.told);
        NodeHealth {
            shards,
            started_at: told.as_ref().map(|told| Timestamp::from(told.since)),
            sockets: told.as_ref().map(|told| told.sockets),
            version: told.map(|told| told.version),
            seen_at: Timestamp::from(node.shown_at),
            name: node.name,
        }
    };
    let nodes = nodes.unwrap_or_default().into_iter().map(node).collect();
    let outbox = async {
        let positions = app.audit.positions().await.ok()?;
        let lags = lags(&app.store, &facts, &positions).await.ok()?;
        Some(OutboxHealth {
            entries: lags.iter().map(|lag| lag.entries).sum(),
            oldest_ms: lags.iter().map(|lag| lag.age.0).max().unwrap_or(0),
        })
    };
    // Postgres may be slow to say that it is away; the nodes are known all the same.
    (nodes, timeout(PATIENCE, outbox).await.ok().flatten())
}
