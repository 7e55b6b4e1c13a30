//! `rollcall bench http --compare-keys`: whether heartbeats by tokens that a public key verifies are as many as by those
//! that a secret does. Two nodes, alike but for what signs, in turns within one run.

use std::sync::Arc;
use std::time::Duration;

use super::http::{Args, HEARTBEAT, begin, median, middle, people, row, tell};
use super::load::{Outcome, People, Plan, run as load};
use super::machine;
use super::node::Node;
use crate::auth::random_signing_key;
use crate::config::Config;

/// Measures and prints.
pub(super) async fn run(config: &Config, args: &Args) -> anyhow::Result<()> {
    let first = Node::start(&[]).await?;
    let second = first.beside(random_signing_key()).await?;
    // The servers go with the first one, so it ends last.
    let nodes = [first, second];
    let connections = usize::from(args.connections);
    tell(&format!("{}\n", machine::described(nodes[0].stack.as_ref())))?;
    let mut crowds: Vec<Arc<People>> = Vec::new();
    for node in &nodes {
        let people = Arc::new(people(config, node, args.users)?);
        begin(&people, connections).await?;
        crowds.push(people);
    }
    let plan = Plan::AsFastAsPossible(Duration::from_secs(args.seconds));
    let mut turns: [Vec<Outcome>; 2] = Default::default();
    for round in 0..args.rounds {
        // Whoever comes second meets a machine that is warm, or tired: so they take turns in that, too.
        let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
        for which in order {
            turns[which].push(load(&crowds[which], HEARTBEAT, connections, plan).await?);
        }
    }
    let [secret, key] = &turns;
    tell(&format!("heartbeats, as fast as answers come\n{}{}", row("HS256", secret), row("Ed25519", key)))?;
    let pairs = key.iter().zip(secret).map(|(key, secret)| key.rate() / secret.rate());
    tell(&format!(
        "Ed25519 / HS256: {:.2} (ratio of medians), {:.2} (median of {} rounds)\n",
        median(key, Outcome::rate) / median(secret, Outcome::rate),
        middle(pairs.collect()),
        args.rounds
    ))?;
    for node in nodes.into_iter().rev() {
        node.stop().await?;
    }
    Ok(())
}
