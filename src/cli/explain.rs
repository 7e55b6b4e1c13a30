//! `rollcall explain`: why a user has this status, for whoever is asked at night.

use std::io::Write;

use crate::accounts::Accounts;
use crate::app::look_at_store;
use crate::audit::{Audit, Sight};
use crate::config::Config;
use crate::database;
use crate::http::explain::explain;
use crate::presence::UserId;

/// One command needs no more.
const CONNECTIONS: u32 = 1;

/// Options of `explain`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The user's id
    user: UserId,
    /// Print JSON instead of lines
    #[arg(long)]
    json: bool,
}

/// Explains; answers whether anybody knows the user.
pub(super) async fn run(config: &Config, args: &Args) -> anyhow::Result<bool> {
    let database = config.database.url()?.expose().into();
    let pool = database::connect(&database, true, CONNECTIONS)?;
    let store = look_at_store(config).await?;
    // By another number of shards one would look for the user where nobody put them.
    if let Some(fits) = store.layout().await? {
        fits?;
    }
    let explained =
        explain(&store, &Audit::new(pool.clone()), &Accounts::new(pool), &args.user, Sight::Truth).await?;
    let mut out = std::io::stdout().lock();
    match &explained {
        None => writeln!(std::io::stderr(), "rollcall: nobody knows a user {}", args.user)?,
        Some(explained) if args.json => {
            serde_json::to_writer_pretty(&mut out, explained)?;
            writeln!(out)?;
        }
        Some(explained) => write!(out, "{explained}")?,
    }
    Ok(explained.is_some())
}
