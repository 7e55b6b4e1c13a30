//! The settings in force as they may be shown: without secrets and passwords, with where each came from.

use std::collections::BTreeMap;

use super::load::{Row, settings};
use super::{error, file};

/// A setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// As a settings file has it: `presence.heartbeat`.
    pub name: String,
    /// The environment variable.
    pub variable: String,
    /// None where it is not set; of a secret it is told only that there is one.
    pub value: Option<String>,
    /// None where there is none.
    pub default: Option<String>,
    /// Where the value came from, in words.
    pub source: &'static str,
    /// What it is for.
    pub about: String,
}

/// All settings, in the order of the help. `derived`: what follows from others, where it is not set.
pub(super) fn of(rows: &[Row], derived: &[(&'static str, String)]) -> Vec<InForce> {
    let command = settings();
    let described: BTreeMap<&str, &clap::Arg> =
        command.get_arguments().map(|arg| (arg.get_id().as_str(), arg)).collect();
    let one = |row: &Row| {
        let arg = described.get(row.id.as_str());
        let default = arg.and_then(|arg| arg.get_default_values().first()).and_then(|value| value.to_str());
        // A secret has no flag, and its help stands with the file that it may be in.
        let in_file = format!("{}_file", row.id);
        let helped = arg.filter(|arg| arg.get_help().is_some()).or(described.get(in_file.as_str()));
        let about = helped.and_then(|arg| arg.get_help()).map_or_else(String::new, ToString::to_string);
        let derived = derived.iter().find(|(id, _)| *id == row.id).map(|(_, value)| value.clone());
        let by_file = rows.iter().find(|other| other.id == in_file && other.value.is_some());
        let (value, source) = match (&row.value, derived) {
            (Some(_), _) if error::is_secret(&row.id) => (Some("(set)".to_owned()), row.source.words()),
            (Some(value), _) => (Some(value.clone()), row.source.words()),
            (None, Some(value)) => (Some(value), "derived"),
            (None, None) => match by_file {
                Some(file) => (Some("(set)".to_owned()), file.source.words()),
                None => (None, row.source.words()),
            },
        };
        InForce {
            name: match file::place(&row.id) {
                (Some(section), key) => format!("{section}.{key}"),
                (None, key) => key.to_owned(),
            },
            variable: error::variable(&row.id),
            value: value.filter(|value| !value.is_empty()),
            default: default.filter(|default| !default.is_empty()).map(str::to_owned),
            source,
            about,
        }
    };
    rows.iter().map(one).collect()
}
