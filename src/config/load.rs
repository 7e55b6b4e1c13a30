//! From command line, environment and file to settings: file < environment < flags.
//!
//! Clap knows flags and environment. The file joins as defaults: a first parse finds the file and the subcommand,
//! the file's values are judged by the same parsers as flags, and a second parse has them as defaults.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command};

use super::url::without_password;
use super::{Config, ConfigError, error, file, in_force, issuers};

/// The id of `--config`, which is no setting of the file.
pub(super) const FILE: &str = "config_file";

/// What `rollcall dev` changes: nobody types fast enough to need limits on his own machine; web pages under
/// development come from Vite's port; the terminal is for what it says itself; and rooms need no grants to be tried.
const DEV_DEFAULTS: &[(&str, &str)] = &[
    ("cors_origins", "http://localhost:5173,http://127.0.0.1:5173"),
    // Drivers say at length what the service says in a line.
    ("log", "warn,fred=error,sqlx_core=error"),
    ("limits_register", "none"),
    ("limits_login", "none"),
    ("limits_login_account", "none"),
    ("limits_requests", "none"),
    ("live_rooms", "open"),
];

/// What `rollcall dev --demo` changes besides: clients that keep their first refresh token can be tried, and those
/// who leave are gone within seconds, so that there is something to see.
const DEMO_DEFAULTS: &[(&str, &str)] = &[
    ("auth_refresh_rotation", "fixed"),
    ("presence_heartbeat", "5s"),
    ("presence_ttl", "15s"),
    ("presence_hidden_heartbeat", "10s"),
    ("presence_hidden_ttl", "25s"),
    ("presence_socket_ttl", "15s"),
    ("presence_linger", "3s"),
    ("presence_idle_away", "20s"),
];

/// Where the value of a setting came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Default,
    /// The default of this subcommand.
    Subcommand,
    File,
    Environment,
    CommandLine,
}

impl Source {
    pub(super) const fn words(&self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Subcommand => "default of this command",
            Self::File => "file",
            Self::Environment => "environment",
            Self::CommandLine => "command line",
        }
    }
}

/// A setting as it came out.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: String,
    /// `None`: not set, and without a default of its own.
    pub(super) value: Option<String>,
    pub(super) source: Source,
}

/// A parsed command line and the settings in force.
#[derive(Clone, Debug)]
pub struct Loaded<P> {
    /// The command line; the [`Config`] in it is complete and validated.
    pub command: P,
    pub(super) rows: Vec<Row>,
}

impl<P> Loaded<P> {
    /// Every setting that has a value, by its name, as it may be shown: of a secret only that there is one.
    #[must_use]
    pub fn settings(&self) -> BTreeMap<String, String> {
        let shown = self.rows.iter().filter_map(|row| {
            let value = row.value.clone()?;
            let value = if error::is_secret(&row.id) { "(set)".to_owned() } else { value };
            Some((row.id.clone(), value))
        });
        shown.collect()
    }
}

/// The ids of all settings.
pub(super) fn known() -> Vec<String> {
    settings().get_arguments().map(|arg| arg.get_id().to_string()).filter(|id| id != FILE).collect()
}

/// A command of the settings alone: judges the values of a file.
pub(super) fn settings() -> Command {
    Config::augment_args(Command::new("rollcall").no_binary_name(true).disable_help_flag(true))
}

/// [`load`] of the command line that this process was started with.
///
/// # Errors
/// As [`load`].
pub fn load_process<P>() -> Result<Loaded<P>, ConfigError>
where
    P: clap::Parser + AsMut<Config>,
{
    load(std::env::args_os())
}

/// Parses a command line whose top level flattens [`Config`]; every subcommand takes its flags, too.
///
/// # Errors
/// [`ConfigError`]: help was asked for, the command line or the file cannot be understood, a setting is wrong,
/// or settings contradict each other.
pub fn load<P>(args: impl IntoIterator<Item = OsString>) -> Result<Loaded<P>, ConfigError>
where
    P: clap::Parser + AsMut<Config>,
{
    let (args, known) = (args.into_iter().collect::<Vec<_>>(), known());
    let mut command = P::command().mut_args(|arg| {
        let ours = arg.get_id() == FILE || known.iter().any(|id| arg.get_id() == id.as_str());
        // `--help` lists them all, under every subcommand; `-h` is short.
        if ours { arg.global(true).help_heading("Settings").hide_short_help(true) } else { arg }
    });
    let mut matches = parse(&command, &args, &known, None)?;
    let path = matches.get_one::<PathBuf>(FILE).cloned();
    let in_file = path.as_ref().map(|path| file::read(path, &known)).transpose()?.unwrap_or_default();
    let file::InFile { values: in_file, issuers } = in_file;
    judge(&in_file, &known, path.as_deref())?;
    let of_command = subcommand_defaults(&matches);
    let mut defaults = of_command.clone();
    defaults.extend(in_file.clone());
    if !defaults.is_empty() {
        for (id, value) in defaults {
            command = command.mut_arg(id, |arg| arg.default_value(value));
        }
        matches = parse(&command, &args, &known, path.as_deref())?;
    }
    let rows = rows(&matches, &known, &in_file, &of_command)?;
    let mut parsed = P::from_arg_matches(&matches).map_err(ConfigError::CommandLine)?;
    let config = parsed.as_mut();
    let mut problems = config.auth.read_files();
    match issuers::gather(issuers, config.auth.issuers_file.as_deref(), &config.auth.issuer) {
        Ok(issuers) => config.auth.issuers = issuers,
        Err(wrong) => problems.extend(wrong),
    }
    problems.extend(config.problems());
    if problems.is_empty() {
        config.in_force = in_force::of(&rows, &config.derived());
        Ok(Loaded { command: parsed, rows })
    } else {
        Err(ConfigError::Settings(problems))
    }
}

fn parse(
    command: &Command,
    args: &[OsString],
    known: &[String],
    file: Option<&Path>,
) -> Result<ArgMatches, ConfigError> {
    let source = |id: &str| {
        let flag = format!("--{}", id.replace('_', "-"));
        let given =
            |arg: &OsString| arg.to_str().is_some_and(|arg| arg.split('=').next() == Some(flag.as_str()));
        if args.iter().any(given) {
            return "on the command line".to_owned();
        }
        match (std::env::var_os(error::variable(id)), file) {
            (None, Some(file)) => format!("in {}", file.display()),
            _ => "in the environment".to_owned(),
        }
    };
    command.clone().try_get_matches_from(args).map_err(|error| error::of_clap(error, known, source))
}

/// Whether the values of a file are right, by the parsers of the flags.
fn judge(
    values: &BTreeMap<String, String>,
    known: &[String],
    file: Option<&Path>,
) -> Result<(), ConfigError> {
    let args = values.iter().map(|(id, value)| format!("--{}={value}", id.replace('_', "-")));
    let source = |_: &str| file.map_or_else(String::new, |file| format!("in {}", file.display()));
    match settings().try_get_matches_from(args) {
        Ok(_) => Ok(()),
        Err(error) => Err(error::of_clap(error, known, source)),
    }
}

fn subcommand_defaults(matches: &ArgMatches) -> BTreeMap<String, String> {
    let Some(("dev", dev)) = matches.subcommand() else {
        return BTreeMap::new();
    };
    let demo = matches!(dev.try_get_one::<bool>("demo"), Ok(Some(true)));
    let more = if demo { DEMO_DEFAULTS } else { &[] };
    DEV_DEFAULTS.iter().chain(more).map(|(id, value)| ((*id).to_owned(), (*value).to_owned())).collect()
}

fn rows(
    matches: &ArgMatches,
    known: &[String],
    in_file: &BTreeMap<String, String>,
    of_command: &BTreeMap<String, String>,
) -> Result<Vec<Row>, ConfigError> {
    known
        .iter()
        .map(|id| {
            let source = match matches.value_source(id) {
                Some(ValueSource::CommandLine) if error::is_secret(id) => {
                    let name = error::variable(id);
                    return Err(ConfigError::setting(format!(
                        "{name} cannot be given on the command line, where everyone on the machine can read it: \
                         use {name} or {name}_FILE"
                    )));
                }
                Some(ValueSource::CommandLine) => Source::CommandLine,
                Some(ValueSource::EnvVariable) => Source::Environment,
                _ if in_file.contains_key(id) => Source::File,
                _ if of_command.contains_key(id) => Source::Subcommand,
                _ => Source::Default,
            };
            let raw = matches.get_raw(id).and_then(|mut values| values.next());
            Ok(Row {
                id: id.clone(),
                value: raw.map(|value| shown(id, &value.to_string_lossy())),
                source,
            })
        })
        .collect()
}

/// The text of a value, unless it is a secret, which is not even kept.
fn shown(id: &str, value: &str) -> String {
    if error::is_secret(id) { String::new() } else { without_password(value) }
}
