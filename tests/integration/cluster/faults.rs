//! A primary is killed or frozen while people beat: they are served again as soon as the servers have another, those on
//! other servers notice nothing, and the history says of nobody who kept beating that they left.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::Client;
use rollcall::audit::Audit;
use rollcall::database::connect;
use rollcall::devstack::{Data, Member};
use rollcall::presence::{Policy, Reason, Status};
use rollcall::store::{LeaseEvent, LeaseEvents, STALL, Shard, Store, StoreSettings};
use tokio::sync::mpsc;

use super::crowd::{Crowd, Witness, beat, users_of};
use super::rigs::{Cluster, Rig, Sentinels};
use super::{SHARDS, prove};
use crate::journeys::{eventually, everything, history, story};
use crate::support;
use crate::support::program::{Program, token};

/// People of each shard.
const EACH: usize = 3;

/// What the promise allows beyond the time after which the servers begin to replace a primary.
const ALLOWED: Duration = Duration::from_secs(5);

/// Whoever is not concerned waits no longer than for a beat, on a busy machine.
const UNCONCERNED: Duration = Duration::from_secs(2);

pub const SETTINGS: &[(&str, &str)] = &[
    ("ROLLCALL_REDIS_SHARDS", "12"),
    ("ROLLCALL_PRESENCE_HEARTBEAT", "1s"),
    ("ROLLCALL_PRESENCE_TTL", "10s"),
    ("ROLLCALL_LOG", "error,rollcall=info"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Kill,
    Freeze,
}

impl Fault {
    fn strike(self, victim: &Member) {
        match self {
            Self::Kill => victim.server().kill(),
            Self::Freeze => victim.server().freeze().unwrap(),
        }
    }

    fn mend(self, victim: &Member) {
        match self {
            Self::Kill => victim.server().start(Data::Kept).unwrap(),
            Self::Freeze => victim.server().thaw().unwrap(),
        }
    }
}

/// The end of leases, heard by somebody who only listens.
async fn listen(url: &str) -> mpsc::UnboundedReceiver<Shard> {
    let settings = StoreSettings {
        url: url.to_owned(),
        prefix: "rc".to_owned(),
        shards: SHARDS,
        policy: Policy::default(),
        token_life: Duration::from_secs(60),
        stall: STALL,
        room_members: 100,
        node: "listener".to_owned(),
    };
    let store = Store::connect(settings).await.unwrap();
    let mut events: LeaseEvents = store.lease_events();
    tokio::spawn(async move { store.work().await });
    let (say, heard) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut watch = tokio::time::interval(Duration::from_millis(200));
        while !say.is_closed() {
            tokio::select! {
                _ = watch.tick() => events.watch(),
                event = events.next() => if let LeaseEvent::Expired(shard, ..) = event {
                    let _ = say.send(shard);
                },
            }
        }
    });
    heard
}

/// Newcomers knock at every shard until they are let in; answers how long that took for all.
pub async fn newcomers(bases: &[String], since: Instant, limit: Duration) -> Duration {
    let keys = rollcall::store::Keys::new("rc", SHARDS);
    let client = Client::new();
    let knocks = (0..SHARDS).map(|shard| {
        let (client, user) = (client.clone(), users_of(&keys, shard, 5_000, 1).remove(0));
        async move {
            eventually("a newcomer is let in", limit, async || {
                beat(&client, bases, &token(&user)).await.then_some(())
            })
            .await;
        }
    });
    futures::future::join_all(knocks).await;
    since.elapsed()
}

fn check_waits(told: &[Witness], concerned: &BTreeSet<Shard>, fault: Instant, limit: Duration) -> Duration {
    let mut worst = Duration::ZERO;
    for witness in told {
        let wait = witness.longest_wait(fault - Duration::from_millis(500));
        // Who waits may have had the last answer a beat before, and asks again a little later.
        let concerned = concerned.contains(&witness.shard);
        let allowed = if concerned { limit + Duration::from_secs(1) } else { UNCONCERNED };
        assert!(wait <= allowed, "{} of shard {} waited {wait:?}", witness.user, witness.shard);
        worst = worst.max(wait);
    }
    worst
}

#[allow(clippy::print_stdout, reason = "how long it took is a report")]
async fn survives(rig: &impl Rig, fault: Fault) {
    let (url, database) = (rig.url(), support::database_url().await);
    let mut nodes: Vec<Program> =
        ["one", "two"].iter().map(|name| Program::serve(name, &url, &database, SETTINGS)).collect();
    let bases: Vec<String> = nodes.iter().map(|node| node.base.clone()).collect();
    let audit = Audit::new(connect(&database.as_str().into(), false, 4).unwrap());
    let mut heard = listen(&url).await;
    let crowd = Crowd::gather(&bases, SHARDS, EACH, 100);
    eventually("everybody is in the history", Duration::from_secs(15), async || {
        (everything(&audit).await.len() == EACH * usize::from(SHARDS)).then_some(())
    })
    .await;

    let victim = rig.primary_of(0);
    let concerned = rig.shards_of(victim);
    rig.settle(0);
    fault.strike(victim);
    let (began, limit) = (Instant::now(), rig.patience() + ALLOWED);
    let mut late = None;
    if concerned.len() < usize::from(SHARDS) {
        // A part of it is down, clients are sent here all the same, and a node that starts now serves the rest.
        seen(&nodes[0], "partial", limit).await;
        let (url, database) = (url.clone(), database.clone());
        late = Some(tokio::task::spawn_blocking(move || Program::serve("late", &url, &database, SETTINGS)));
    }
    let back = newcomers(&bases, began, limit).await;
    if let Some(late) = late {
        nodes.push(late.await.unwrap());
    }
    for node in &nodes {
        seen(node, "ok", limit).await;
    }
    fault.mend(victim);
    eventually("the old primary is a replica", Duration::from_secs(20), async || {
        rig.is_replica(victim).then_some(())
    })
    .await;
    // Whatever the old primary did when it came back would show by now: everybody has beaten again.
    newcomers(&bases, Instant::now(), limit).await;
    let told = crowd.leave().await;
    let worst = check_waits(&told, &concerned, began, limit);
    println!("{fault:?}: all shards after {back:?}, longest wait {worst:?}");

    heard_of(&mut heard, concerned).await;
    left_once(&audit, &told).await;
    prove(&audit, &database).await;
}

/// The listener hears of leases on each of these shards.
async fn heard_of(heard: &mut mpsc::UnboundedReceiver<Shard>, mut silent: BTreeSet<Shard>) {
    while !silent.is_empty() {
        let shard = tokio::time::timeout(Duration::from_secs(15), heard.recv()).await;
        silent.remove(&shard.unwrap_or_else(|_| panic!("nothing was heard of {silent:?}")).unwrap());
    }
}

/// In the history everybody came once, and left once they stopped beating.
pub async fn left_once(audit: &Audit, told: &[Witness]) {
    for witness in told {
        let rows = eventually("the silent are offline", Duration::from_secs(15), async || {
            let rows = history(audit, &witness.user).await;
            (rows.len() >= 2).then_some(rows)
        })
        .await;
        let expected = [(Status::Online, Reason::Connect), (Status::Offline, Reason::Expired)];
        assert_eq!(story(&rows), expected, "{} never stopped until the end", witness.user);
    }
}

/// A replica that has not heard of the last entries takes over: what was acknowledged is forgotten, and the history says
/// so. Those who came in that time are corrected and come again; nobody else notices.
#[tokio::test(flavor = "multi_thread")]
async fn a_failover_that_forgets_is_followed_and_recorded() {
    let rig = Cluster::start();
    let database = support::database_url().await;
    let node = Program::serve("one", &rig.url(), &database, SETTINGS);
    let bases = [node.base.clone()];
    let audit = Audit::new(connect(&database.as_str().into(), false, 4).unwrap());
    let written = async |people: usize| {
        eventually("everybody is in the history", Duration::from_secs(15), async || {
            (everything(&audit).await.len() == people * usize::from(SHARDS)).then_some(())
        })
        .await;
    };
    let crowd = Crowd::gather(&bases, SHARDS, EACH, 100);
    written(EACH).await;

    let victim = rig.primary_of(0);
    let concerned = rig.shards_of(victim);
    rig.settle(0);
    Cluster::cut_off_replica(victim);
    let late = Crowd::gather(&bases, SHARDS, 1, 5_000);
    written(EACH + 1).await;
    victim.server().kill();
    let late = eventually_left(late, &audit, &concerned).await;
    let told = crowd.leave().await;
    for (witness, came_late) in told.iter().map(|one| (one, false)).chain(late.iter().map(|one| (one, true)))
    {
        let stayed = [(Status::Online, Reason::Connect), (Status::Offline, Reason::Expired)];
        let corrected = [(Status::Online, Reason::Connect), (Status::Offline, Reason::StoreRewound)];
        let is_corrected = came_late && concerned.contains(&witness.shard);
        let expected = if is_corrected { [corrected, stayed].concat() } else { stayed.to_vec() };
        let rows = eventually("the silent are offline", Duration::from_secs(20), async || {
            let rows = history(&audit, &witness.user).await;
            (rows.len() >= expected.len()).then_some(rows)
        })
        .await;
        assert_eq!(story(&rows), expected, "{} of shard {}", witness.user, witness.shard);
    }
    prove(&audit, &database).await;
}

/// Lets those who came late go when everybody of the shards that forgot them has come again.
async fn eventually_left(late: Crowd, audit: &Audit, concerned: &BTreeSet<Shard>) -> Vec<Witness> {
    let keys = rollcall::store::Keys::new("rc", SHARDS);
    for shard in concerned {
        let user = users_of(&keys, *shard, 5_000, 1).remove(0);
        eventually("who was forgotten has come again", Duration::from_secs(20), async || {
            (history(audit, &user).await.len() >= 3).then_some(())
        })
        .await;
    }
    late.leave().await
}

/// Waits until a node that is ready says this of Redis.
async fn seen(node: &Program, word: &str, limit: Duration) {
    eventually(word, limit, async || {
        let ready = reqwest::get(format!("{}/readyz", node.internal)).await.ok()?.error_for_status().ok()?;
        (ready.json::<serde_json::Value>().await.ok()?["checks"]["redis"] == word).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_loses_a_primary_is_back_with_everybody() {
    survives(&Cluster::start(), Fault::Kill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_with_a_frozen_primary_is_back_with_everybody() {
    survives(&Cluster::start(), Fault::Freeze).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_that_lose_the_primary_are_followed() {
    survives(&Sentinels::start(), Fault::Kill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_with_a_frozen_primary_are_followed() {
    survives(&Sentinels::start(), Fault::Freeze).await;
}
