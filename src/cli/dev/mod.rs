//! `rollcall dev`: a whole service on one machine, without anything set up before. Servers, secret, accounts and, with
//! `--demo`, a crowd; everything below one directory, so that removing it is a fresh start.

mod banner;
mod crowd;
pub(super) mod kept;
mod panel;
mod people;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::serve::{Listeners, run_node_with};
use super::{descriptors, start_log, stop};
use crate::app::App;
use crate::audit;
use crate::config::{Config, ConfigError, Listen, StoreUrl, Surroundings};
use crate::devstack::{DevStack, Options, Search};
use crate::http::{self, Demo};
use banner::Banner;
use panel::Panel;

/// How long a fresh service may take until somebody can log in.
const PATIENCE: Duration = Duration::from_secs(20);

/// Options of `dev`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Fill the service with 200 people who come and go, by sockets and by heartbeats over HTTP
    ///
    /// Times of presence are shorter then, unless they are set: people leave within seconds.
    #[arg(long)]
    demo: bool,
    /// Where data, logs and generated secrets live
    #[arg(long, value_name = "DIR", default_value = ".rollcall")]
    data_dir: PathBuf,
    /// Listen on addresses that others can reach, although limits are off and passwords are on the screen
    #[arg(long)]
    allow_network: bool,
}

/// Starts everything, serves until a signal, stops everything; answers whether the end was clean.
pub(super) async fn run(mut config: Config, args: &Args) -> anyhow::Result<bool> {
    refuse_network(&config.listen, args)?;
    let _telemetry = start_log(&config)?;
    descriptors::raise_for(config.http.max_connections);
    let shutdown = stop::on_signal()?;
    let listeners = Listeners::bind(&config.listen).await?;
    let stack = start_stack(args.data_dir.clone()).await?;
    config.redis.url = Some(StoreUrl::redis(&stack.redis_url()).map_err(anyhow::Error::msg)?);
    config.database.url = Some(StoreUrl::postgres(&stack.database_url()).map_err(anyhow::Error::msg)?);
    let secret = kept::text(stack.data_dir(), "auth-secret", kept::secret)?;
    config.auth.set_secret(secret.text.into());
    config.validate()?;
    let database_url = stack.database_url();
    audit::migrate(&database_url.clone().into()).await?;
    let app = App::build(config).await?;
    let password = kept::text(stack.data_dir(), "password", kept::password)?;
    let (crowd, guests) =
        if args.demo { (people::crowd(), people::guests()) } else { (Vec::new(), Vec::new()) };
    people::ensure(&app, &[crowd.clone(), guests.clone()].concat(), &password).await?;
    let demo = match args.demo {
        true => {
            Some(Demo { people: people::found(&app, &guests).await?, password: password.text.clone().into() })
        }
        false => None,
    };

    let base = format!("http://{}", listeners.public.local_addr()?);
    let internal = format!("http://{}", listeners.internal.local_addr()?);
    let banner = Banner {
        base: base.clone(),
        internal: internal.clone(),
        password: password.text.clone(),
        crowd: crowd.len(),
        policy: app.policy,
        data_dir: stack.data_dir().to_owned(),
        database_url,
    };
    let scene = tokio::spawn(shutdown.clone().run_until_cancelled_owned({
        let (policy, stop) = (app.policy, shutdown.clone());
        async move { play(Panel::new(base.clone(), internal), banner, crowd, policy, stop).await }
    }));
    let options = http::Options { demo, ..http::Options::default() };
    let clean = run_node_with(listeners.public, listeners.internal, app, options, shutdown).await;
    scene.await.context("the demo")?.transpose()?;
    tokio::task::spawn_blocking(move || stack.stop()).await??;
    writeln!(std::io::stdout(), "\nstopped; {} keeps everything", args.data_dir.display())?;
    Ok(clean)
}

/// Waits until the service works, says how to use it, and keeps the crowd and the panel going.
async fn play(
    mut panel: Panel,
    banner: Banner,
    crowd: Vec<people::DemoPerson>,
    policy: crate::presence::Policy,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let worked = tokio::time::timeout(PATIENCE, panel.log_in_as_soon_as_possible(&banner.password)).await;
    if worked.is_err() {
        tracing::warn!("nobody can log in yet; if the password of admin was changed, that is why");
    }
    banner.print()?;
    if crowd.is_empty() {
        return Ok(());
    }
    let world = Arc::new(crowd::World::new(banner.base, banner.password.clone(), policy)?);
    tokio::join!(crowd::run(world, crowd, stop), panel.run(&banner.password));
    Ok(())
}

/// A service without limits, whose passwords are on the screen, is for this machine alone.
fn refuse_network(listen: &Listen, args: &Args) -> Result<(), ConfigError> {
    let open = |address: SocketAddr| !address.ip().is_loopback();
    if args.allow_network || !(open(listen.public) || open(listen.internal)) {
        return Ok(());
    }
    Err(ConfigError::Settings(vec![format!(
        "ROLLCALL_LISTEN is {} and ROLLCALL_INTERNAL_LISTEN is {}: `rollcall dev` has no limits and is for this machine \
         only (127.0.0.1), unless --allow-network is given",
        listen.public, listen.internal
    )]))
}

/// Servers are started by blocking calls.
async fn start_stack(data_dir: PathBuf) -> anyhow::Result<DevStack> {
    let around = Surroundings::read();
    let search = Search { postgres_bin: around.postgres_bin, path: around.path };
    let options = Options::lasting(data_dir, search);
    Ok(tokio::task::spawn_blocking(|| DevStack::start(options)).await??)
}
