//! How each fault is brought about.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use rand::RngExt;
use rand::rngs::StdRng;
use rollcall::devstack::{Data, Server};
use tokio::time::sleep;

use super::{Event, Fault};
use crate::crowd::Crowd;
use crate::proxy::{Mode, Proxy};
use crate::stage::Stage;
use crate::times::{self, LONG, SHORT};

const fn seconds(many: u64) -> Duration {
    Duration::from_secs(many)
}

/// How long a node may take to end in order: the tasks' deadline and that of requests.
const END: Duration = seconds(30);

/// What a part of a fault has to tell.
#[derive(Default)]
struct Told {
    outage: Option<std::ops::Range<i64>>,
    stall: bool,
    lost: Option<std::ops::Range<i64>>,
    complaints: Vec<String>,
}

/// An outage from then until now.
fn outage(from: i64, stall: bool) -> Told {
    Told { outage: Some(from..times::now()), stall, ..Told::default() }
}

/// Lets a fault happen, and puts everything back.
pub(crate) async fn play(
    fault: Fault,
    stage: &mut Stage,
    crowd: &Crowd,
    rng: &mut StdRng,
) -> anyhow::Result<Event> {
    let from = times::now();
    let victim = rng.random_range(0..stage.nodes.len());
    let told = match fault {
        Fault::Nothing => pause(10).await,
        Fault::NodeKilled
        | Fault::NodeStopped
        | Fault::NodeFrozen
        | Fault::AllNodesRestartedInTurn
        | Fault::AllNodesDown => nodes(fault, stage, victim).await?,
        Fault::RedisFrozenShort
        | Fault::RedisFrozenLong
        | Fault::RedisRestarted
        | Fault::RedisTailLost
        | Fault::RedisRewound
        | Fault::RedisEmpty => redis(fault, stage).await?,
        Fault::PostgresKilled | Fault::PostgresDown | Fault::PostgresFrozen => postgres(fault, stage).await?,
        Fault::EventsOff | Fault::SubscribersKilled | Fault::ScriptsFlushed | Fault::MemoryPressure => {
            commands(fault, stage, crowd).await?
        }
        Fault::EverythingPaused | Fault::NodeKilledWithoutPostgres | Fault::RedisEmptyWithoutPostgres => {
            together(fault, stage, victim).await?
        }
        _ => links(fault, stage, victim).await,
    };
    stage.ready(seconds(40)).await.context("the nodes after the fault")?;
    let Told { outage, stall, lost, complaints } = told;
    Ok(Event { fault, span: from..times::now(), outage, stall, lost, complaints })
}

async fn pause(many: u64) -> Told {
    sleep(seconds(many)).await;
    Told::default()
}

async fn nodes(fault: Fault, stage: &mut Stage, victim: usize) -> anyhow::Result<Told> {
    let from = times::now();
    match fault {
        Fault::NodeKilled => {
            stage.nodes[victim].kill()?;
            sleep(seconds(5)).await;
            stage.nodes[victim].start()?;
        }
        Fault::NodeStopped => return restart(stage, victim).await,
        Fault::NodeFrozen => {
            stage.nodes[victim].signal("STOP")?;
            sleep(seconds(8)).await;
            stage.nodes[victim].signal("CONT")?;
        }
        Fault::AllNodesRestartedInTurn => {
            let mut told = Told::default();
            for number in 0..stage.nodes.len() {
                told.complaints.extend(restart(stage, number).await?.complaints);
                stage.ready(seconds(30)).await?;
            }
            return Ok(told);
        }
        _ => {
            stage.nodes.iter_mut().try_for_each(crate::node::Node::kill)?;
            sleep(LONG).await;
            stage.nodes.iter_mut().try_for_each(crate::node::Node::start)?;
            stage.ready(seconds(30)).await?;
            return Ok(outage(from, true));
        }
    }
    Ok(Told::default())
}

async fn restart(stage: &mut Stage, number: usize) -> anyhow::Result<Told> {
    let mut told = Told::default();
    if !stage.nodes[number].stop(END).await? {
        told.complaints.push(format!("{} ended, but not cleanly", stage.nodes[number].name));
    }
    stage.nodes[number].start()?;
    Ok(told)
}

async fn redis(fault: Fault, stage: &mut Stage) -> anyhow::Result<Told> {
    let from = times::now();
    match fault {
        Fault::RedisFrozenShort => {
            frozen(stage.stack.redis(), SHORT).await?;
            Ok(outage(from, false))
        }
        Fault::RedisFrozenLong => {
            frozen(stage.stack.redis(), LONG).await?;
            Ok(outage(from, true))
        }
        Fault::RedisRestarted => {
            stage.stack.redis().kill();
            start(stage.stack.redis(), Data::Kept)?;
            Ok(outage(from, false))
        }
        Fault::RedisEmpty => {
            stage.stack.redis().kill();
            let killed = times::now();
            start(stage.stack.redis(), Data::Lost)?;
            opened(stage).await;
            Ok(Told { lost: Some(killed - 5_000..times::now()), ..outage(from, true) })
        }
        _ => rewound(fault, stage).await,
    }
}

/// Redis comes back as it was some time ago.
async fn rewound(fault: Fault, stage: &mut Stage) -> anyhow::Result<Told> {
    let (data, kept) = (stage.redis_data(), stage.dir.join("redis-before"));
    let forgotten = if fault == Fault::RedisRewound { seconds(10) } else { seconds(1) };
    // The append-only file is a log: a copy of it, taken while it grows, is Redis as it was at that moment.
    copy_dir(&data, &kept)?;
    let since = times::now();
    sleep(forgotten).await;
    stage.stack.redis().kill();
    std::fs::remove_dir_all(&data)?;
    std::fs::rename(&kept, &data)?;
    start(stage.stack.redis(), Data::Kept)?;
    opened(stage).await;
    // What was due in the time that is forgotten is due again.
    Ok(Told { lost: Some(since..times::now()), ..outage(since, true) })
}

/// Waits until every shard is open, at most as long as a restore may take.
async fn opened(stage: &Stage) {
    for _ in 0..100 {
        let open = (0..times::SHARDS).all(|shard| stage.shard(shard).is_ok_and(|meta| meta.is_some()));
        if open {
            return;
        }
        sleep(Duration::from_millis(200)).await;
    }
}

fn start(server: &Server, data: Data) -> anyhow::Result<()> {
    Ok(server.start(data)?)
}

async fn frozen(server: &Server, time: Duration) -> anyhow::Result<()> {
    server.freeze()?;
    sleep(time).await;
    Ok(server.thaw()?)
}

fn copy_dir(from: &Path, to: &Path) -> anyhow::Result<()> {
    if to.exists() {
        std::fs::remove_dir_all(to)?;
    }
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

async fn postgres(fault: Fault, stage: &mut Stage) -> anyhow::Result<Told> {
    let server = stage.stack.postgres();
    match fault {
        Fault::PostgresKilled => {
            server.kill();
            start(server, Data::Kept)?;
        }
        Fault::PostgresDown => {
            server.stop()?;
            sleep(seconds(20)).await;
            start(server, Data::Kept)?;
        }
        _ => frozen(server, seconds(10)).await?,
    }
    Ok(Told::default())
}

async fn links(fault: Fault, stage: &Stage, victim: usize) -> Told {
    let one = &stage.to_redis[victim..=victim];
    if let Fault::RedisLinkLost | Fault::PostgresLinksLost = fault {
        let lost = if fault == Fault::RedisLinkLost { one } else { &stage.to_postgres[..] };
        lost.iter().for_each(Proxy::lose);
        return pause(20).await;
    }
    let (proxies, mode, time) = match fault {
        Fault::RedisLinkCut => (one, Mode::Cut, seconds(14)),
        Fault::RedisLinkStalled => (one, Mode::Stall, seconds(14)),
        Fault::RedisLinkDelayed => (one, Mode::Delay(Duration::from_millis(150)), seconds(10)),
        Fault::RedisLinkDeaf => (one, Mode::Deaf, seconds(5)),
        Fault::PostgresLinksCut => (&stage.to_postgres[..], Mode::Cut, seconds(10)),
        Fault::PostgresLinksStalled => (&stage.to_postgres[..], Mode::Stall, seconds(10)),
        Fault::PostgresLinksDelayed => {
            (&stage.to_postgres[..], Mode::Delay(Duration::from_millis(200)), seconds(10))
        }
        Fault::PostgresLinksDeaf => (&stage.to_postgres[..], Mode::Deaf, seconds(5)),
        _ => {
            let from = times::now();
            between(&stage.to_redis, Mode::Cut, LONG).await;
            return outage(from, true);
        }
    };
    between(proxies, mode, time).await;
    Told::default()
}

async fn between(proxies: &[Proxy], mode: Mode, time: Duration) {
    proxies.iter().for_each(|proxy| proxy.set(mode));
    sleep(time).await;
    proxies.iter().for_each(|proxy| proxy.set(Mode::Pass));
}

async fn commands(fault: Fault, stage: &Stage, crowd: &Crowd) -> anyhow::Result<Told> {
    match fault {
        Fault::EventsOff => {
            stage.redis("CONFIG SET notify-keyspace-events \"\"")?;
            sleep(seconds(12)).await;
            stage.redis("CONFIG SET notify-keyspace-events Ex")?;
        }
        Fault::MemoryPressure => return pressure(stage, crowd).await,
        _ => {
            let command =
                if fault == Fault::ScriptsFlushed { "SCRIPT FLUSH" } else { "CLIENT KILL TYPE pubsub" };
            for _ in 0..5 {
                stage.redis(command)?;
                sleep(seconds(1)).await;
            }
        }
    }
    Ok(Told::default())
}

async fn pressure(stage: &Stage, crowd: &Crowd) -> anyhow::Result<Told> {
    let info = stage.redis("INFO memory")?;
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    let used: u64 = used.context("redis says how much memory it uses")?.trim().parse()?;
    stage.redis(&format!("CONFIG SET maxmemory {}", used * 10 / 9))?;
    // Nodes look every 5 s, and the owner's next tick tells the shard.
    sleep(seconds(7)).await;
    let before = crowd.counts();
    sleep(seconds(8)).await;
    let after = crowd.counts();
    stage.redis("CONFIG SET maxmemory 0")?;
    sleep(seconds(7)).await;
    let mut told = Told::default();
    if after.turned_away == before.turned_away {
        told.complaints.push("memory was nearly full and no newcomer was turned away".to_owned());
    }
    if after.acknowledged == before.acknowledged {
        told.complaints.push("memory was nearly full and no renewal was taken".to_owned());
    }
    Ok(told)
}

async fn together(fault: Fault, stage: &mut Stage, victim: usize) -> anyhow::Result<Told> {
    let from = times::now();
    match fault {
        Fault::EverythingPaused => {
            stage.nodes.iter().try_for_each(|node| node.signal("STOP"))?;
            frozen(stage.stack.redis(), LONG).await?;
            stage.nodes.iter().try_for_each(|node| node.signal("CONT"))?;
            Ok(outage(from, true))
        }
        Fault::NodeKilledWithoutPostgres => {
            stage.stack.postgres().kill();
            stage.nodes[victim].kill()?;
            sleep(seconds(10)).await;
            start(stage.stack.postgres(), Data::Kept)?;
            stage.nodes[victim].start()?;
            Ok(Told::default())
        }
        _ => {
            stage.stack.postgres().kill();
            stage.stack.redis().kill();
            let killed = times::now();
            start(stage.stack.redis(), Data::Lost)?;
            sleep(LONG).await;
            start(stage.stack.postgres(), Data::Kept)?;
            opened(stage).await;
            Ok(Told { lost: Some(killed - 5_000..times::now()), ..outage(from, true) })
        }
    }
}
