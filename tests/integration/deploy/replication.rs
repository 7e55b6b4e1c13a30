//! `deploy/redis` on several servers: under a sentinel and as a cluster, with the users that the files name.

use std::time::Duration;

use reqwest::StatusCode;
use rollcall::devstack::{Fleet, Member};
use serde_json::json;

use super::redis::{OPERATOR, REPLICA, SENTINEL, SERVICE, called, fleet, settings, told, users};
use crate::cluster::wire::{tell, try_tell, until};
use crate::journeys::{eventually, ready};
use crate::support;
use crate::support::service::Service;

const LIMIT: Duration = Duration::from_secs(20);

fn add(fleet: &mut Fleet, sentinel: bool, settings: impl Fn(u16, u16) -> String) -> usize {
    fleet.add(sentinel, settings).unwrap_or_else(|error| panic!("{error}"))
}

/// A sentinel's settings as its head says that they are filled in, for a primary on this machine.
fn sentinel(primary: u16) -> String {
    let filled = [
        ("port 26379\n", String::new()),
        ("redis1.example.com 6379 2\n", format!("127.0.0.1 {primary} 1\n")),
        ("down-after-milliseconds presence 3000", "down-after-milliseconds presence 1000".to_owned()),
        (
            "#sentinel auth-pass presence <the password of the user sentinel>",
            format!("sentinel auth-pass presence {SENTINEL}"),
        ),
        ("#requirepass <the password of sentinels among themselves>", format!("requirepass {OPERATOR}")),
        ("#sentinel sentinel-pass <the same>", format!("sentinel sentinel-pass {OPERATOR}")),
        ("#user rollcall on ><its password>", format!("user rollcall on >{SERVICE}")),
    ];
    let mut text = settings("sentinel.conf");
    for (written, meant) in filled {
        assert!(text.contains(written), "{written}");
        text = text.replace(written, &meant);
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentinel_promotes_a_replica_and_the_node_follows() {
    let dir = tempfile::tempdir().unwrap();
    let settings =
        format!("{}\nmasterauth {REPLICA}\nrepl-diskless-sync-delay 0\n", settings("replica.conf"))
            + &users(dir.path());
    let mut fleet = fleet();
    add(&mut fleet, false, |_, _| settings.clone());
    let primary = fleet.members()[0].port();
    add(&mut fleet, false, |_, _| format!("{settings}replicaof 127.0.0.1 {primary}\n"));
    let follows = |member: &Member| told(member, "INFO replication").contains("master_link_status:up");
    until("the replica follows", LIMIT, || follows(&fleet.members()[1]));
    add(&mut fleet, true, |_, _| sentinel(primary));
    let [one, other, sentinel] = fleet.members() else { panic!("three servers") };
    let asks = |question: &str| tell(sentinel, &format!("AUTH {OPERATOR}\n{question}"));
    until("the sentinel knows the replica", LIMIT, || {
        asks("SENTINEL REPLICAS presence").contains("\nmaster-link-status\nok")
    });
    let url = format!(
        "redis-sentinel://rollcall:{SERVICE}@127.0.0.1:{}?sentinelServiceName=presence&sentinelUsername=rollcall&sentinelPassword={SERVICE}",
        sentinel.port()
    );
    let node = Service::node(&url, &support::database_url().await, "rc", &[]).await;
    ready(&node).await;
    until("the replica is the primary", LIMIT, || {
        let is_promoted = told(other, "ROLE").starts_with("master");
        if !is_promoted {
            // Refused while it is at it, and while it has not heard of the replica for a moment.
            let _ = try_tell(sentinel, &format!("AUTH {OPERATOR}\nSENTINEL FAILOVER presence"));
        }
        is_promoted
    });
    until("the primary is a replica", LIMIT, || told(one, "ROLE").starts_with("slave") && follows(one));
    let token = node.token("8", "tab");
    eventually("heartbeats are taken again", LIMIT, async || {
        (node.beat(&token, json!({})).await.0 == StatusCode::OK).then_some(())
    })
    .await;
    for member in [one, other] {
        assert_eq!(told(member, "ACL LOG"), "", "whatever was refused");
    }
    assert_eq!(asks("ACL LOG"), "", "whatever was refused");
    assert!(node.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_a_cluster_takes_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let settings = format!("{}\nmasterauth {REPLICA}\n", settings("cluster.conf")) + &users(dir.path());
    let mut fleet = fleet();
    add(&mut fleet, false, |_, bus| format!("{settings}cluster-port {bus}\n"));
    let server = &fleet.members()[0];
    told(server, "CLUSTER ADDSLOTSRANGE 0 16383");
    until("the cluster is whole", LIMIT, || told(server, "CLUSTER INFO").contains("cluster_state:ok"));
    assert!(told(server, "CONFIG GET cluster-node-timeout").ends_with("3000"));
    let url = format!("redis-cluster://rollcall:{SERVICE}@127.0.0.1:{}", server.port());
    let node = Service::node(&url, &support::database_url().await, "rc", &[]).await;
    ready(&node).await;
    assert!(called(server).contains("cluster|nodes"));
    assert_eq!(told(server, "ACL LOG"), "", "whatever was refused");
    assert!(node.stop().await);
}
