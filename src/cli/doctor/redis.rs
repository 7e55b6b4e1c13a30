//! The servers of Redis: there, fit, well, and with the data of these settings.

use std::time::Duration;

use super::report::Check;
use crate::config::Redis;
use crate::store::{Examined, Pulse, Store, StoreError};

/// A heartbeat takes a round trip at least; slower ones are felt.
const SLOW: Duration = Duration::from_millis(10);
/// Slower than this, heartbeats wait in line.
const TOO_SLOW: Duration = Duration::from_millis(200);

/// What is said where nothing answers.
pub(super) fn unreachable(error: &anyhow::Error) -> Check {
    Check::failure(
        "redis.reachable",
        format!("{error:#}"),
        "nobody's heartbeat counts: nodes answer 503, and nobody comes or goes until Redis is back; who is then still silent \
         goes offline",
        "Look whether Redis runs, and whether this machine may reach it by the URL of the settings",
    )
}

/// Looks at every server.
pub(super) async fn check(store: &Store, settings: &Redis) -> Vec<Check> {
    let found = store.examine().await;
    let mut checks = vec![reachable(store, &found, settings).await];
    let examined: Vec<(&str, &Examined)> =
        found.iter().filter_map(|(name, of)| Some((name.as_str(), of.as_ref().ok()?))).collect();
    let names =
        examined.first().map_or_else(Vec::new, |(_, of)| of.verdicts.iter().map(|(name, _)| *name).collect());
    for (index, name) in names.into_iter().enumerate() {
        let verdicts: Vec<_> = examined.iter().map(|(server, of)| (*server, &of.verdicts[index].1)).collect();
        checks.push(Check::of_servers(&format!("redis.{name}"), &verdicts));
    }
    if !examined.is_empty() {
        checks.push(scripts(&examined));
        checks.push(latency(&examined));
    }
    checks.push(layout(store).await);
    checks
}

async fn reachable(
    store: &Store,
    found: &[(String, Result<Examined, StoreError>)],
    settings: &Redis,
) -> Check {
    let silent: Vec<String> =
        found.iter().filter_map(|(name, of)| Some(format!("{name}: {}", of.as_ref().err()?))).collect();
    let name = "redis.reachable";
    let answered = found.len() - silent.len();
    if answered == 0 {
        let check = unreachable(&anyhow::anyhow!("no server answers"));
        return check.of(silent);
    }
    if !silent.is_empty() || !matches!(store.ping().await, Ok(Pulse::Whole)) {
        return Check::failure(
            name,
            format!("{answered} of {} primaries answer, or some slots have none", found.len()),
            "people on the shards of the others get 503",
            "Start what is down, or let a replica take over; `redis-cli cluster info` says what is missing",
        )
        .of(silent);
    }
    let place = settings.url.as_ref().map_or_else(String::new, ToString::to_string);
    match found.len() {
        1 => Check::ok(name, place),
        primaries => Check::ok(name, format!("{place}, {primaries} primaries")),
    }
}

/// A Redis that was restarted knows no scripts until they are called; that is no harm.
fn scripts(examined: &[(&str, &Examined)]) -> Check {
    let fewest = examined.iter().map(|(_, of)| of.scripts).min().unwrap_or_default();
    if fewest.1 == 0 {
        return Check::not_checked("redis.scripts", "SCRIPT EXISTS is not allowed");
    }
    let found = format!("{} of {} scripts of this version are loaded", fewest.0, fewest.1);
    // A replica that has just taken over learns them as they are called.
    if examined.iter().all(|(_, of)| of.scripts.0 == 0) {
        return Check::warning(
            "redis.scripts",
            found,
            "no node of this version has been here since Redis started: what follows is judged by another program than the \
             one that serves",
            "Run the doctor of the version that your nodes have",
        );
    }
    Check::ok("redis.scripts", found)
}

fn latency(examined: &[(&str, &Examined)]) -> Check {
    let median = |trips: &[Duration]| trips.get(trips.len() / 2).copied().unwrap_or_default();
    let (median, slowest) = examined
        .iter()
        .map(|(_, of)| (median(&of.trips), of.trips.last().copied().unwrap_or_default()))
        .max()
        .unwrap_or_default();
    let millis = |span: Duration| format!("{:.1} ms", span.as_secs_f64() * 1_000.0);
    let found = format!("a round trip takes {}, the slowest of 15 {}", millis(median), millis(slowest));
    let (means, advice) = (
        "each heartbeat takes that long at least, and deaths are noticed that much later",
        "Run nodes near Redis; look with `redis-cli --latency` and `SLOWLOG GET` what keeps it busy",
    );
    match median {
        median if median >= TOO_SLOW => Check::failure("redis.latency", found, means, advice),
        median if median >= SLOW => Check::warning("redis.latency", found, means, advice),
        _ => Check::ok("redis.latency", found),
    }
}

async fn layout(store: &Store) -> Check {
    let name = "redis.layout";
    match store.layout().await {
        Ok(Some(Ok(()))) => Check::ok(name, format!("{} shards, as the settings say", store.keys().shards())),
        Ok(Some(Err(wrong))) => Check::failure(
            name,
            wrong.to_string(),
            "a node with these settings refuses to start, so that it cannot look for people where they are not",
            "Use the settings of the nodes that wrote the data",
        ),
        Ok(None) => Check::warning(
            name,
            "no shard has data yet",
            "no node has ever run on this Redis under this prefix",
            "Start one: `rollcall serve`",
        ),
        Err(error) => Check::not_checked(name, error.to_string()),
    }
}
