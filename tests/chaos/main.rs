//! `./run chaos`: the proof by faults. Starts a Redis, a Postgres and three nodes of its own, sends a crowd of clients,
//! breaks one thing after the other in an order that follows from a seed, and after each lets an oracle that knows what
//! every client did and heard judge what the service made of it. Ends with 1 if anything is wrong, and keeps the data.
//!
//! Reading order: `faults` (what is broken), `crowd` (who is there), `oracle` (what must be true), `stage`, `node` and
//! `proxy` (what it runs on), `times` (the bounds), `report`.

#![allow(clippy::print_stdout, reason = "progress and findings are what this program is for")]

mod crowd;
mod faults;
mod node;
mod oracle;
mod proxy;
mod report;
mod stage;
mod times;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crowd::Crowd;
use faults::Fault;
use oracle::Oracle;
use report::Round;
use stage::Stage;

/// Breaks things on purpose, and proves that nothing is lost.
#[derive(Debug, Parser)]
#[command(name = "./run chaos")]
struct Args {
    /// How long; the fault that is under way is finished
    #[arg(default_value = "3")]
    minutes: f64,
    /// Decides the order of faults and what clients do [default: a random one]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// How many clients
    #[arg(long, value_name = "COUNT", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    clients: u32,
    /// Only these faults, in this order, again and again
    #[arg(long, value_name = "FAULT,..", value_delimiter = ',')]
    only: Vec<Fault>,
    /// All but these faults
    #[arg(long, value_name = "FAULT,..", value_delimiter = ',')]
    without: Vec<Fault>,
    /// Write a report
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Go on after a violation
    #[arg(long)]
    keep_going: bool,
    /// What Cargo hands to every test program
    #[arg(long, hide = true)]
    nocapture: bool,
}

/// Violations that are printed of a round.
const TOLD: usize = 40;

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build()?;
    let clean = runtime.block_on(run(&args))?;
    std::process::exit(i32::from(!clean));
}

/// Answers whether nothing was violated.
async fn run(args: &Args) -> anyhow::Result<bool> {
    let seed = args.seed.unwrap_or_else(|| rand::rng().random_range(0..1_000_000));
    let dir = tempfile::Builder::new().prefix("rollcall-chaos-").tempdir_in("/tmp")?.keep();
    println!(
        "seed {seed}, {} clients, {} nodes, {} min; data in {}",
        args.clients,
        stage::NODES,
        args.minutes,
        dir.display()
    );
    let mut stage = Stage::build(dir.clone()).await?;
    let bases = stage.nodes.iter().map(|node| node.base.clone()).collect();
    let crowd = Crowd::gather(bases, args.clients, seed).await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let mut oracle = Oracle::default();
    let rounds = rounds(args, seed, &mut stage, &crowd, &mut oracle).await;
    crowd.stop().await;
    let (mut rounds, seals) = (rounds?, oracle.broken_seals(&stage).await?);
    if let Some(last) = rounds.last_mut() {
        seals.iter().for_each(|seal| println!("    ! {seal}"));
        last.verdict.violations.extend(seals);
    }
    let summary = report::Summary {
        seed,
        clients: args.clients,
        rounds,
        counts: crowd.counts(),
        transitions: oracle.transitions(),
    };
    println!("\n{}", summary.table());
    if let Some(path) = &args.report {
        std::fs::write(path, summary.page()).with_context(|| format!("write {}", path.display()))?;
    }
    let clean = summary.is_clean();
    tokio::task::spawn_blocking(move || drop(stage)).await?;
    if clean {
        std::fs::remove_dir_all(&dir).with_context(|| format!("remove {}", dir.display()))?;
    } else {
        println!(
            "VIOLATIONS: repeat with --seed {seed}; logs of the nodes and all data are in {}",
            dir.display()
        );
    }
    Ok(clean)
}

/// Lets faults happen until the time is over, or something is wrong.
async fn rounds(
    args: &Args,
    seed: u64,
    stage: &mut Stage,
    crowd: &Crowd,
    oracle: &mut Oracle,
) -> anyhow::Result<Vec<Round>> {
    let until = Instant::now() + Duration::from_secs_f64(args.minutes * 60.0);
    let mut rng = StdRng::seed_from_u64(seed);
    let mut waiting: Vec<Fault> = Vec::new();
    let mut rounds: Vec<Round> = Vec::new();
    while Instant::now() < until {
        if waiting.is_empty() {
            waiting = order(args, &mut rng);
        }
        let Some(fault) = waiting.pop() else { break };
        let before = crowd.counts();
        let event =
            faults::play(fault, stage, crowd, &mut rng).await.with_context(|| format!("{fault:?}"))?;
        let verdict = oracle.judge(&event, stage, crowd).await?;
        let round = Round::new(event, verdict, before, crowd.counts());
        println!("{}", round.line());
        let is_wrong = !round.verdict.violations.is_empty();
        round.verdict.violations.iter().take(TOLD).for_each(|violation| println!("    ! {violation}"));
        if round.verdict.violations.len() > TOLD {
            println!("    ! and {} more", round.verdict.violations.len() - TOLD);
        }
        rounds.push(round);
        if is_wrong && !args.keep_going {
            break;
        }
        // Time to come and go before the next blow.
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    Ok(rounds)
}

/// All faults in a random order, the last first; or those that were asked for, in theirs.
fn order(args: &Args, rng: &mut StdRng) -> Vec<Fault> {
    if !args.only.is_empty() {
        return args.only.iter().rev().copied().collect();
    }
    let mut faults: Vec<Fault> =
        Fault::all().iter().copied().filter(|fault| !args.without.contains(fault)).collect();
    faults.shuffle(rng);
    faults
}
