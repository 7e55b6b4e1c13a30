//! What is wrong with the settings, in words that name the variable, the flag, the value and what was expected.

use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::file;
use super::url::without_password;

/// Exit code of a wrong setting or command line (`EX_USAGE`).
pub const EXIT_USAGE: u8 = 64;

/// Why no configuration came of a command line.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Help or version was asked for: no error, print it to standard output and exit with 0.
    #[error("{0}")]
    Asked(clap::Error),
    /// The command line cannot be understood; the text comes with its usage.
    #[error("{0}")]
    CommandLine(clap::Error),
    /// The settings file cannot be read or is no TOML.
    #[error("settings file {}: {what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Settings are wrong, missing or contradict each other: one line each.
    #[error("{}", .0.join("\n"))]
    Settings(Vec<String>),
}

impl ConfigError {
    /// The exit code of the program: 0 or [`EXIT_USAGE`].
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Asked(_) => 0,
            _ => EXIT_USAGE,
        }
    }

    /// One line that says what is wrong.
    pub(super) fn setting(line: String) -> Self {
        Self::Settings(vec![line])
    }
}

/// The environment variable of a setting.
pub(super) fn variable(id: &str) -> String {
    format!("ROLLCALL_{}", id.to_ascii_uppercase())
}

/// Every name of a setting: `ROLLCALL_REDIS_URL (--redis-url, [redis] url)`. Secrets have no flag.
pub(super) fn names(id: &str) -> String {
    let place = match file::place(id) {
        (None, key) => key.to_owned(),
        (Some(section), key) => format!("[{section}] {key}"),
    };
    if is_secret(id) {
        return format!("{} ({}_FILE, {place})", variable(id), variable(id));
    }
    format!("{} (--{}, {place})", variable(id), id.replace('_', "-"))
}

/// Whether a setting may neither be printed nor be given on the command line.
pub(super) fn is_secret(id: &str) -> bool {
    id.ends_with("_secret") || id.ends_with("_signing_key")
}

/// A setting that has no default and is needed.
pub(super) fn missing(id: &str, what: &str) -> ConfigError {
    ConfigError::setting(format!("{} is not set: {what}", names(id)))
}

/// Turns clap's error into ours. `source` tells of a setting where its value came from.
pub(super) fn of_clap(error: clap::Error, known: &[String], source: impl Fn(&str) -> String) -> ConfigError {
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => ConfigError::Asked(error),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let line = setting_of(&error, known).map(|id| line(&error, &id, &source(&id)));
            line.map_or(ConfigError::CommandLine(error), ConfigError::setting)
        }
        _ => ConfigError::CommandLine(error),
    }
}

/// The setting that an error is about; clap names it as `--redis-shards <COUNT>`.
fn setting_of(error: &clap::Error, known: &[String]) -> Option<String> {
    let shown = text(error, ContextKind::InvalidArg)?;
    let flag = shown.split([' ', '=', '[']).next()?.strip_prefix("--")?;
    let id = flag.replace('-', "_");
    known.contains(&id).then_some(id)
}

fn line(error: &clap::Error, id: &str, source: &str) -> String {
    let value = without_password(&text(error, ContextKind::InvalidValue).unwrap_or_default());
    let expected = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(words)) if !words.is_empty() => format!("expected {}", words.join(" or ")),
        _ => std::error::Error::source(error)
            .map_or_else(|| "expected a value".to_owned(), ToString::to_string),
    };
    format!("{} = {value:?} {source}: {expected}", names(id))
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        _ => None,
    }
}
