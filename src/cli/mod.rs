//! The command line: one file per subcommand, each with its options and what it does.
//!
//! Results go to standard output, so that scripts can read them; everything said beside them goes to standard
//! error. Exit codes: 0, 1 for a failure, 64 for a wrong setting or command line.

mod audit;
mod bench;
mod config;
mod descriptors;
mod dev;
mod doctor;
mod explain;
mod exposition;
mod healthcheck;
mod issue_token;
mod migrate;
pub mod serve;
mod stop;
mod user;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::config::{Config, ConfigError, Loaded, LogFormat};
use crate::telemetry::{self, Collector, Format, Telemetry};

/// Who is online, since when, and when each person was last seen
#[derive(Debug, Parser)]
#[command(name = "rollcall", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    config: Config,
    #[command(subcommand)]
    command: Command,
}

impl AsRef<Config> for Cli {
    fn as_ref(&self) -> &Config {
        &self.config
    }
}

impl AsMut<Config> for Cli {
    fn as_mut(&mut self) -> &mut Config {
        &mut self.config
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API, on a Redis and a Postgres that exist
    Serve(serve::Args),
    /// Start a private Redis and Postgres and serve on them, to try things
    Dev(dev::Args),
    /// Bring the database's schema up to date
    Migrate(migrate::Args),
    /// Make and change accounts
    #[command(subcommand)]
    User(user::UserCommand),
    /// Look whether everything is well, and say what to do where it is not
    ///
    /// Reads Redis and Postgres by the settings of a node, while nodes run, and changes nothing. Exit code 0 if nothing
    /// failed, 1 if something did, 64 if settings are missing.
    Doctor(doctor::Args),
    /// Explain why a user has the status that they have
    Explain(explain::Args),
    /// Print an access token, to try things
    IssueToken(issue_token::Args),
    /// Work on the history as a whole
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Look at the settings
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Ask the node on this machine whether it is ready
    Healthcheck,
    /// Measure how much this machine bears
    #[command(subcommand)]
    Bench(bench::BenchCommand),
}

/// Does what the command line says; answers the exit code.
#[must_use]
pub fn run(loaded: &Loaded<Cli>) -> ExitCode {
    let outcome = tokio::runtime::Runtime::new()
        .context("cannot start threads")
        .and_then(|runtime| runtime.block_on(dispatch(loaded)));
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => failed(&error),
    }
}

/// Tells why a command failed; answers the exit code.
fn failed(error: &anyhow::Error) -> ExitCode {
    if let Some(error) = error.downcast_ref::<ConfigError>() {
        return refused(error);
    }
    let unread = error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe);
    if unread {
        // `rollcall user list | head`: the reader has seen enough.
        return ExitCode::SUCCESS;
    }
    // Without standard error there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "rollcall: {error:#}");
    ExitCode::FAILURE
}

/// Tells why there are no settings to work with (or the help that was asked for); answers the exit code.
#[must_use]
pub fn refused(error: &ConfigError) -> ExitCode {
    // Nobody listens any more if this fails: the exit code says enough.
    let _ = match error {
        ConfigError::Asked(error) | ConfigError::CommandLine(error) => error.print(),
        ConfigError::File { .. } | ConfigError::Settings(_) => {
            writeln!(std::io::stderr(), "rollcall: {error}")
        }
    };
    ExitCode::from(error.exit_code())
}

/// Whether it went well, if it did not fail with an error.
async fn dispatch(loaded: &Loaded<Cli>) -> anyhow::Result<bool> {
    let Cli { config, command } = &loaded.command;
    match command {
        Command::Serve(args) => serve::run(config.clone(), args, &loaded.settings()).await,
        Command::Dev(args) => dev::run(config.clone(), args).await,
        Command::Migrate(args) => migrate::run(config, args).await,
        Command::User(command) => user::run(config, command).await,
        Command::Doctor(args) => doctor::run(config, args).await,
        Command::Explain(args) => explain::run(config, args).await,
        Command::IssueToken(args) => issue_token::run(config, args),
        Command::Audit(command) => audit::run(config, command).await,
        Command::Config(command) => config::run(loaded, command),
        Command::Healthcheck => healthcheck::run(config).await,
        Command::Bench(command) => bench::run(config, command).await,
    }
}

/// Starts the log, and traces, as the settings say.
fn start_log(config: &Config) -> anyhow::Result<Telemetry> {
    let format = match config.log.format {
        LogFormat::Text => Format::Text,
        LogFormat::Json => Format::Json,
    };
    let node = config.listen.node_name();
    let (traces, heartbeats) = (&config.traces, config.traces.heartbeats);
    let collector =
        traces.endpoint.as_deref().map(|endpoint| Collector { endpoint, heartbeats, node: &node });
    Ok(telemetry::init(&config.log.filter, format, collector)?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
