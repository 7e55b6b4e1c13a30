//! `rollcall config`: the settings that are in force, and whether they are enough.

use std::io::Write;

use super::Cli;
use crate::app::own_tokens;
use crate::config::{Loaded, Unwise};

/// What to do with the settings.
#[derive(Debug, clap::Subcommand)]
pub(super) enum ConfigCommand {
    /// Say whether the settings are enough to serve (exit code 64 if they are not), and what is unwise in production
    ///
    /// It looks at the settings alone; `rollcall doctor` looks at the stores, too.
    Check,
    /// Print the settings in force as a settings file, each with where it comes from; secrets are left out
    Print,
}

/// Looks at the settings. They are valid already: loading them has refused what is not.
pub(super) fn run(loaded: &Loaded<Cli>, command: &ConfigCommand) -> anyhow::Result<bool> {
    let mut out = std::io::stdout().lock();
    match command {
        ConfigCommand::Check => {
            loaded.command.config.check_serving()?;
            own_tokens(&loaded.command.config)?;
            writeln!(out, "the settings are good to serve")?;
            for Unwise { setting, value, means, advice } in loaded.command.config.unwise() {
                writeln!(out, "unwise in production: {setting} is {value}: {means}. Better: {advice}")?;
            }
        }
        ConfigCommand::Print => write!(out, "{}", loaded.to_toml())?,
    }
    Ok(true)
}
