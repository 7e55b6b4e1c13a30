//! A Redis Cluster, and a primary with replicas under sentinels: real servers on this machine.

use std::collections::BTreeSet;
use std::time::Duration;

use rollcall::devstack::{Fleet, Member};
use rollcall::store::{Keys, Shard};

use super::SHARDS;
use super::wire::{tell, until};
use crate::support;

/// After so long a silent server of a cluster is replaced.
pub const NODE_TIMEOUT: Duration = Duration::from_secs(2);

/// After so long sentinels take a silent server for down.
pub const DOWN_AFTER: Duration = Duration::from_secs(1);

/// The password of the servers under sentinels, and that of the sentinels.
const PASSWORDS: (&str, &str) = ("of-the-servers", "of-the-sentinels");

/// The name of what the sentinels watch.
const SERVICE: &str = "presence";

const LIMIT: Duration = Duration::from_secs(20);

/// What presence asks of every server.
const FIT: &str = "save \"\"\nappendonly no\nmaxmemory-policy noeviction\nnotify-keyspace-events Ex\n\
                   hash-max-listpack-value 512\nrepl-diskless-sync-delay 0\nrepl-ping-replica-period 1\n";

fn fleet() -> Fleet {
    let options = support::options();
    Fleet::new(options.data_dir, &options.search).unwrap()
}

fn add(fleet: &mut Fleet, sentinel: bool, settings: impl Fn(u16, u16) -> String) {
    fleet.add(sentinel, settings).unwrap_or_else(|error| panic!("{error}"));
}

/// Whether a server is a primary, as it says itself.
fn is_primary(member: &Member, password: Option<&str>) -> bool {
    let auth = password.map_or_else(String::new, |password| format!("AUTH {password}\n"));
    tell(member, &format!("{auth}ROLE")).starts_with("master")
}

/// What faults need to know of the servers.
pub trait Rig {
    /// The URL by which a node finds them.
    fn url(&self) -> String;
    /// The server that writes to a shard go to now.
    fn primary_of(&self, shard: Shard) -> &Member;
    /// The shards whose writes go to a server now.
    fn shards_of(&self, member: &Member) -> BTreeSet<Shard>;
    /// Waits until the primary of a shard has passed on what it has.
    fn settle(&self, shard: Shard);
    /// Waits until a server that was gone takes part again, as a replica.
    fn is_replica(&self, member: &Member) -> bool;
    /// After so long of silence the servers begin to replace a primary.
    fn patience(&self) -> Duration;
}

/// Three primaries, each with a replica.
pub struct Cluster {
    fleet: Fleet,
}

impl Cluster {
    /// Starts the servers and makes a cluster of them.
    pub fn start() -> Self {
        let mut fleet = fleet();
        let millis = NODE_TIMEOUT.as_millis();
        for _ in 0..6 {
            add(&mut fleet, false, |_, bus| {
                format!(
                    "{FIT}cluster-enabled yes\ncluster-config-file nodes.conf\ncluster-node-timeout {millis}\n\
                     cluster-port {bus}\ncluster-require-full-coverage no\ncluster-allow-replica-migration no\n"
                )
            });
        }
        let cluster = Self { fleet };
        cluster.join();
        cluster
    }

    fn join(&self) {
        let members = self.fleet.members();
        for (number, (member, slots)) in
            members.iter().zip(["0 5460", "5461 10922", "10923 16383"]).enumerate()
        {
            tell(member, &format!("CLUSTER ADDSLOTSRANGE {slots}\nCLUSTER SET-CONFIG-EPOCH {}", number + 1));
        }
        for member in &members[1..] {
            let bus = tell(member, "CONFIG GET cluster-port").lines().last().unwrap().to_owned();
            tell(&members[0], &format!("CLUSTER MEET 127.0.0.1 {} {bus}", member.port()));
        }
        let knows = |member: &Member, line: &str| tell(member, "CLUSTER INFO").contains(line);
        until("everybody knows everybody", LIMIT, || {
            members.iter().all(|member| knows(member, "cluster_known_nodes:6"))
        });
        for (replica, primary) in members[3..].iter().zip(members) {
            let id = Self::id(primary);
            until("a replica finds its primary", LIMIT, || {
                tell(replica, "CLUSTER NODES")
                    .lines()
                    .any(|line| line.starts_with(&id) && !line.contains("handshake"))
            });
            tell(replica, &format!("CLUSTER REPLICATE {id}"));
        }
        until("the cluster is whole", LIMIT, || {
            members.iter().all(|member| knows(member, "cluster_state:ok"))
                && members[3..]
                    .iter()
                    .all(|replica| tell(replica, "INFO replication").contains("link_status:up"))
        });
    }

    /// The servers.
    pub fn members(&self) -> &[Member] {
        self.fleet.members()
    }

    /// The id of a server in the cluster.
    pub fn id(member: &Member) -> String {
        tell(member, "CLUSTER MYID")
    }

    /// Moves the slot of a shard to another primary, as `redis-cli --cluster reshard` does: key by key, while both work.
    pub fn move_shard(&self, shard: Shard, to: &Member) {
        let (slot, from) = (self.slot(shard), self.primary_of(shard));
        let (from_id, to_id) = (Self::id(from), Self::id(to));
        tell(to, &format!("CLUSTER SETSLOT {slot} IMPORTING {from_id}"));
        tell(from, &format!("CLUSTER SETSLOT {slot} MIGRATING {to_id}"));
        loop {
            let keys = tell(from, &format!("CLUSTER GETKEYSINSLOT {slot} 20")).replace('\n', " ");
            if keys.is_empty() {
                break;
            }
            tell(from, &format!("MIGRATE 127.0.0.1 {} \"\" 0 5000 KEYS {keys}", to.port()));
        }
        for member in [to, from] {
            tell(member, &format!("CLUSTER SETSLOT {slot} NODE {to_id}"));
        }
    }

    /// From now on nothing that a primary takes reaches its replica, and it does not notice: whoever is connected stays
    /// so, but the replica may not come back.
    pub fn cut_off_replica(primary: &Member) {
        tell(primary, "CONFIG SET requirepass nobody-knows\nCLIENT KILL TYPE replica");
    }

    /// Hands the place of a primary over to its replica, in order.
    pub fn hand_over(&self, primary: &Member) {
        let id = Self::id(primary);
        let follows = |member: &&Member| {
            tell(member, "CLUSTER NODES")
                .lines()
                .any(|line| line.contains("myself,slave") && line.contains(&id))
        };
        tell(self.members().iter().find(follows).unwrap(), "CLUSTER FAILOVER");
        until("the replica has taken over", LIMIT, || self.is_replica(primary));
    }

    /// The slot of a shard.
    pub fn slot(&self, shard: Shard) -> u16 {
        let key = Keys::new("rc", SHARDS).due(shard);
        tell(&self.members()[0], &format!("CLUSTER KEYSLOT {key}")).parse().unwrap()
    }
}

impl Rig for Cluster {
    /// Two of the six: the others tell of themselves.
    fn url(&self) -> String {
        let [first, .., last] = self.members() else { panic!("six servers") };
        format!("redis-cluster://127.0.0.1:{}?node=127.0.0.1:{}", first.port(), last.port())
    }

    fn shards_of(&self, member: &Member) -> BTreeSet<Shard> {
        (0..SHARDS).filter(|shard| self.primary_of(*shard).port() == member.port()).collect()
    }

    fn primary_of(&self, shard: Shard) -> &Member {
        let slot = self.slot(shard);
        let has_slot = |member: &&Member| {
            let own = tell(member, "CLUSTER NODES");
            let own = own.lines().find(|line| line.contains("myself,master")).unwrap_or_default();
            own.split(' ').skip(8).map(|word| word.split_once('-').unwrap_or((word, word))).any(
                |(first, last)| {
                    (first.parse().unwrap_or(u16::MAX)..=last.parse().unwrap_or(0)).contains(&slot)
                },
            )
        };
        self.members().iter().filter(|member| member.server().pid().is_some()).find(has_slot).unwrap()
    }

    fn settle(&self, shard: Shard) {
        tell(self.primary_of(shard), "WAIT 1 5000");
    }

    fn is_replica(&self, member: &Member) -> bool {
        !is_primary(member, None) && tell(member, "INFO replication").contains("link_status:up")
    }

    fn patience(&self) -> Duration {
        NODE_TIMEOUT
    }
}

/// A primary, two replicas and three sentinels, all with passwords. The URL begins with a fourth that accepts and never
/// answers.
pub struct Sentinels {
    fleet: Fleet,
}

impl Sentinels {
    /// Starts the servers, and waits until the sentinels know one another and the replicas.
    pub fn start() -> Self {
        let mut fleet = fleet();
        let (password, of_sentinels) = PASSWORDS;
        let auth = format!("{FIT}requirepass {password}\nmasterauth {password}\n");
        add(&mut fleet, false, |_, _| auth.clone());
        let primary = fleet.members()[0].port();
        for _ in 0..2 {
            add(&mut fleet, false, |_, _| format!("{auth}replicaof 127.0.0.1 {primary}\n"));
        }
        until("the replicas have joined", LIMIT, || {
            tell(&fleet.members()[0], &format!("AUTH {password}\nROLE")).lines().count() > 6
        });
        let down_after = DOWN_AFTER.as_millis();
        for _ in 0..3 {
            add(&mut fleet, true, |_, _| {
                format!(
                    "requirepass {of_sentinels}\nsentinel sentinel-pass {of_sentinels}\n\
                     sentinel monitor {SERVICE} 127.0.0.1 {primary} 2\n\
                     sentinel auth-pass {SERVICE} {password}\n\
                     sentinel down-after-milliseconds {SERVICE} {down_after}\n\
                     sentinel failover-timeout {SERVICE} 5000\n"
                )
            });
        }
        add(&mut fleet, true, |_, _| String::new());
        fleet.members()[6].server().freeze().unwrap();
        let rig = Self { fleet };
        until("the sentinels know everybody", LIMIT, || {
            rig.sentinels().iter().all(|sentinel| {
                let known = tell(sentinel, &format!("AUTH {of_sentinels}\nSENTINEL MASTER {SERVICE}"));
                known.contains("num-other-sentinels\n2") && known.contains("num-slaves\n2")
            })
        });
        rig
    }

    fn sentinels(&self) -> &[Member] {
        &self.fleet.members()[3..6]
    }
}

impl Rig for Sentinels {
    fn url(&self) -> String {
        let (password, of_sentinels) = PASSWORDS;
        let frozen = self.fleet.members()[6].port();
        let nodes: String =
            self.sentinels().iter().map(|sentinel| format!("&node=127.0.0.1:{}", sentinel.port())).collect();
        format!(
            "redis-sentinel://:{password}@127.0.0.1:{frozen}?sentinelServiceName={SERVICE}&sentinelPassword={of_sentinels}{nodes}"
        )
    }

    fn shards_of(&self, _: &Member) -> BTreeSet<Shard> {
        (0..SHARDS).collect()
    }

    fn primary_of(&self, _: Shard) -> &Member {
        let question = format!("AUTH {}\nSENTINEL GET-MASTER-ADDR-BY-NAME {SERVICE}", PASSWORDS.1);
        let told = tell(&self.sentinels()[0], &question);
        let port: u16 = told.lines().last().unwrap().parse().unwrap();
        self.fleet.members().iter().find(|member| member.port() == port).unwrap()
    }

    fn settle(&self, shard: Shard) {
        tell(self.primary_of(shard), &format!("AUTH {}\nWAIT 1 5000", PASSWORDS.0));
    }

    fn is_replica(&self, member: &Member) -> bool {
        !is_primary(member, Some(PASSWORDS.0))
    }

    fn patience(&self) -> Duration {
        DOWN_AFTER
    }
}
