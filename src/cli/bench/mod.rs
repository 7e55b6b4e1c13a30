//! `rollcall bench`: measures on real servers, and says on which machine. Bounded in time; leaves nothing behind.
//!
//! Without a URL everything is started here: Redis as `rollcall dev` has it, and Postgres with durable settings,
//! because a copy that a power cut undoes is not what production runs.

mod apart;
mod copy;
mod figures;
mod http;
mod keys;
mod load;
mod login;
mod machine;
mod node;
mod presence;
mod process;
mod report;
mod users;
mod ws;

use crate::config::Config;

/// What to measure.
#[derive(Debug, clap::Subcommand)]
pub(super) enum BenchCommand {
    /// Heartbeats over HTTP, against requests that only verify their token, in turns
    ///
    /// Both are sent over the same keep-alive connections with the same bytes, so that the ratio is the price of
    /// presence itself. First each connection sends as fast as answers come (the highest rate), then at a fixed
    /// rate on a schedule that does not wait for answers (latency, counted from when a request was due).
    Http(http::Args),
    /// Logins beside the hash that each costs, and heartbeats under a flood of bad logins
    ///
    /// The flood comes from several addresses as fast as answers come; heartbeats are sent on a schedule that does not
    /// wait for answers. Answers with a failure if a target is missed.
    Login(login::Args),
    /// The copy of the outbox into Postgres: how many changes of status a second, sustained
    Copy(copy::Args),
    /// Figures over a year of ten million intervals: charts, different people, lengths, totals
    ///
    /// On a private Postgres, which is filled first; that takes minutes. Answers with a failure if a target is missed.
    Figures(figures::Args),
    /// Presence at a million: memory, heartbeats, silent deaths, counts and lists, and the loss of Redis
    ///
    /// A real node on servers of its own; every session is begun and kept alive by the scripts that production uses,
    /// at the default pace. Answers with a failure if a target is missed.
    Presence(presence::Args),
    /// The directory of people: lists and searches among a hundred thousand accounts, half of them online
    ///
    /// Answers with a failure if a target is missed.
    Users(users::Args),
    /// Sockets: memory of idle ones, heartbeats, one change to thousands of watchers, from node to node, and the loss of a node
    ///
    /// Two real nodes on private servers; all clients live in this process, on the same machine. Answers with a failure
    /// if a target is missed.
    Ws(ws::Args),
}

/// Measures and prints.
pub(super) async fn run(config: &Config, command: &BenchCommand) -> anyhow::Result<bool> {
    match command {
        BenchCommand::Http(args) => http::run(config, args).await?,
        BenchCommand::Copy(args) => copy::run(config, args).await?,
        BenchCommand::Figures(args) => return figures::run(config, args).await,
        BenchCommand::Login(args) => return login::run(config, args).await,
        BenchCommand::Presence(args) => return presence::run(config, args).await,
        BenchCommand::Users(args) => return users::run(config, args).await,
        BenchCommand::Ws(args) => return ws::run(config, args).await,
    }
    Ok(true)
}
