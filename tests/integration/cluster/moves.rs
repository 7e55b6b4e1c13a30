//! What operators do on purpose while people beat: a shard is moved to another primary, and a primary hands over.

use std::time::{Duration, Instant};

use rollcall::audit::Audit;
use rollcall::database::connect;

use super::crowd::Crowd;
use super::faults::{SETTINGS, left_once, newcomers};
use super::rigs::{Cluster, Rig};
use super::{SHARDS, prove};
use crate::journeys::{eventually, everything};
use crate::support;
use crate::support::program::Program;

/// People of each shard.
const EACH: usize = 4;

/// Nobody waits longer, on a busy machine.
const LONGEST: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_moves_and_a_primary_hands_over_and_nobody_leaves() {
    let rig = Cluster::start();
    let database = support::database_url().await;
    let node = Program::serve("one", &rig.url(), &database, SETTINGS);
    let bases = [node.base.clone()];
    let audit = Audit::new(connect(&database.as_str().into(), false, 4).unwrap());
    let crowd = Crowd::gather(&bases, SHARDS, EACH, 100);
    eventually("everybody is in the history", Duration::from_secs(15), async || {
        (everything(&audit).await.len() == EACH * usize::from(SHARDS)).then_some(())
    })
    .await;

    let began = Instant::now();
    let (from, to) = (rig.primary_of(0), rig.primary_of(1));
    let to = if from.port() == to.port() { rig.primary_of(2) } else { to };
    assert_ne!(from.port(), to.port());
    rig.move_shard(0, to);
    assert_eq!(rig.primary_of(0).port(), to.port());
    newcomers(&bases, began, LONGEST).await;
    rig.settle(0);
    rig.hand_over(to);
    newcomers(&bases, began, LONGEST).await;

    let told = crowd.leave().await;
    for witness in &told {
        let wait = witness.longest_wait(began);
        assert!(wait <= LONGEST, "{} of shard {} waited {wait:?}", witness.user, witness.shard);
    }
    left_once(&audit, &told).await;
    prove(&audit, &database).await;
}
