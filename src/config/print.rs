//! The settings in force, as TOML that could be a settings file, with where each came from.

use std::fmt::Write;

use super::load::{Loaded, Row};
use super::{Config, Issuer, error, file};

impl<P: AsRef<Config>> Loaded<P> {
    /// The settings in force. Secrets and passwords are left out; what follows from other settings is a comment.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let derived = self.command.as_ref().derived();
        let mut rows: Vec<_> = self.rows.iter().map(|row| (file::place(&row.id), row)).collect();
        // What has no section must stand before the first one.
        rows.sort_by_key(|((section, _), _)| section.is_some());
        let (mut text, mut current) = (String::new(), None);
        for ((section, key), row) in rows {
            if section != current {
                let _ = write!(text, "\n[{}]\n", section.unwrap_or_default());
                current = section;
            }
            let derived = derived.iter().find(|(id, _)| *id == row.id).map(|(_, value)| value.as_str());
            text.push_str(&line(key, row, derived));
        }
        let issuers = self.command.as_ref().auth.issuers.iter();
        text.extend(issuers.map(Issuer::to_toml));
        text
    }
}

fn line(key: &str, row: &Row, derived: Option<&str>) -> String {
    let source = row.source.words();
    match (&row.value, derived) {
        (Some(_), _) if error::is_secret(&row.id) => format!("# {key} is set and not shown  # {source}\n"),
        (Some(value), _) => format!("{key} = {}  # {source}\n", literal(value)),
        (None, Some(value)) => format!("# {key} = {}  # derived\n", literal(value)),
        (None, None) => format!("# {key} is not set\n"),
    }
}

fn literal(text: &str) -> String {
    if text.parse::<u64>().is_ok() || text.parse::<bool>().is_ok() {
        return text.to_owned();
    }
    toml::Value::String(text.to_owned()).to_string()
}
