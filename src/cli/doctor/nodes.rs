//! The nodes: which live, whether they are of one version, and whether their clocks agree with that of Redis.

use super::report::Check;
use crate::moment;
use crate::presence::Millis;
use crate::store::{LiveNode, Store};

/// Clocks that differ by more are told.
const SKEWED: Millis = Millis(1_000);
/// Clocks that differ by more refuse good tokens, or take ended ones.
const WRONG: Millis = Millis(30_000);

/// Looks at all nodes; answers them, too.
pub(super) async fn check(store: &Store) -> (Vec<Check>, Vec<LiveNode>) {
    let nodes = match store.nodes().await {
        Ok(nodes) => nodes,
        Err(error) => return (vec![Check::not_checked("nodes.live", error.to_string())], Vec::new()),
    };
    let mut checks = vec![live(&nodes)];
    if !nodes.is_empty() {
        checks.push(versions(&nodes));
        checks.push(clocks(&nodes));
    }
    checks.push(own_clock(store).await);
    (checks, nodes)
}

fn live(nodes: &[LiveNode]) -> Check {
    if nodes.is_empty() {
        return Check::failure(
            "nodes.live",
            "no node lives",
            "nobody can come online, nobody who falls silent goes offline, and nothing is copied into the history",
            "Start one: `rollcall serve`",
        );
    }
    let sockets: u64 = nodes.iter().filter_map(|node| Some(node.told.as_ref()?.sockets)).sum();
    let line = |node: &LiveNode| match &node.told {
        Some(told) => {
            let (sockets, since) = (told.sockets, moment::Timestamp::from(told.since));
            format!(
                "{}: version {}, {sockets} sockets with a session, since {since}",
                node.name, told.version
            )
        }
        None => format!("{}: of a version that does not tell of itself", node.name),
    };
    let found = format!("{} live, with {sockets} sockets that carry a session", nodes.len());
    Check::ok("nodes.live", found).of(nodes.iter().map(line).collect())
}

fn versions(nodes: &[LiveNode]) -> Check {
    let own = env!("CARGO_PKG_VERSION");
    let version = |node: &LiveNode| node.told.as_ref().map_or("not told", |told| &told.version).to_owned();
    let other: Vec<String> = nodes
        .iter()
        .filter(|node| version(node) != own)
        .map(|node| format!("{}: {}", node.name, version(node)))
        .collect();
    if other.is_empty() {
        return Check::ok("nodes.versions", format!("all have {own}, as this program"));
    }
    Check::warning(
        "nodes.versions",
        format!("{} nodes have another version than this program ({own})", other.len()),
        "fine while a roll-out is under way: two versions may run side by side",
        "End the roll-out, or run the doctor of the version that your nodes have",
    )
    .of(other)
}

fn clocks(nodes: &[LiveNode]) -> Check {
    let skews: Vec<(&str, Millis)> =
        nodes.iter().filter_map(|node| Some((node.name.as_str(), node.skew()?))).collect();
    let apart = |skew: Millis| Millis(skew.0.abs());
    let most = skews.iter().map(|(_, skew)| apart(*skew)).max().unwrap_or_default();
    let line = |(name, skew): &(&str, Millis)| format!("{name}: {}", seconds(*skew));
    let off = || skews.iter().filter(|(_, skew)| apart(*skew) > SKEWED).map(line).collect();
    if most > WRONG {
        return Check::failure(
            "nodes.clocks",
            format!("a node's clock is {} from that of Redis", seconds(most)),
            "that node takes tokens for good or ended at the wrong time, and so sends people away or keeps them",
            "Let it keep time by NTP (`timedatectl`)",
        )
        .of(off());
    }
    if most > SKEWED {
        return Check::warning(
            "nodes.clocks",
            format!("a node's clock is {} from that of Redis", seconds(most)),
            "presence goes by the clock of Redis alone, but tokens and logs by that of the node",
            "Let it keep time by NTP (`timedatectl`)",
        )
        .of(off());
    }
    Check::ok("nodes.clocks", format!("all within {} of the clock of Redis", seconds(most)))
}

async fn own_clock(store: &Store) -> Check {
    let name = "machine.clock";
    let before = moment::now();
    let redis = match store.now().await {
        Ok(redis) => redis,
        Err(error) => return Check::not_checked(name, error.to_string()),
    };
    let skew = Millis((before.0 + moment::now().0) / 2) - redis;
    let found = format!("this machine's clock less that of Redis: {}", seconds(skew));
    if skew.0.abs() > SKEWED.0 {
        return Check::warning(
            name,
            found,
            "what this machine says about times is off by that; if a node runs here, its tokens are, too",
            "Let both keep time by NTP (`timedatectl`)",
        );
    }
    Check::ok(name, found)
}

fn seconds(skew: Millis) -> String {
    format!("{:.3} s", skew.0 as f64 / 1_000.0)
}
