//! The settings file: TOML, flattened to the names that everything else uses (`[redis] url` is `redis_url`).

use std::collections::BTreeMap;
use std::path::Path;

use super::ConfigError;

/// The concerns that are sections of the file; settings of no section stand at its top.
const SECTIONS: &[&str] = &[
    "redis", "database", "auth", "presence", "http", "cors", "limits", "live", "audit", "traces", "webhooks",
];

/// The tables of trusted issuers.
pub(super) const ISSUERS: &str = "issuers";

/// Where a setting stands in the file: its section, if it has one, and its key.
pub(super) fn place(id: &str) -> (Option<&str>, &str) {
    match id.split_once('_') {
        Some((section, key)) if SECTIONS.contains(&section) => (Some(section), key),
        _ => (None, id),
    }
}

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct InFile {
    /// The values by setting, as text.
    pub(super) values: BTreeMap<String, String>,
    /// The tables `[[issuers]]`, which are no single values.
    pub(super) issuers: Option<toml::Value>,
}

/// Reads a file.
pub(super) fn read(path: &Path, known: &[String]) -> Result<InFile, ConfigError> {
    let wrong = |what: String| ConfigError::File { path: path.to_owned(), what };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let mut table = parse(&text).map_err(wrong)?;
    let issuers = table.remove(ISSUERS);
    let values = flatten(&table).map_err(wrong)?;
    let unknown: Vec<_> =
        values.iter().filter(|(id, _)| !known.contains(id)).map(|(_, (name, _))| name).collect();
    if let Some(first) = unknown.first() {
        let others = unknown.len() - 1;
        let more = if others == 0 { String::new() } else { format!(" (and {others} more)") };
        return Err(wrong(format!("unknown setting {first}{more}")));
    }
    Ok(InFile { values: values.into_iter().map(|(id, (_, value))| (id, value)).collect(), issuers })
}

/// A file as a table.
pub(super) fn parse(text: &str) -> Result<toml::Table, String> {
    text.parse().map_err(|error: toml::de::Error| error.to_string())
}

/// Setting -> (name as the file has it, value).
pub(super) fn flatten(table: &toml::Table) -> Result<BTreeMap<String, (String, String)>, String> {
    let mut values = BTreeMap::new();
    walk("", "", table, &mut values)?;
    Ok(values)
}

fn walk(
    id: &str,
    name: &str,
    table: &toml::Table,
    values: &mut BTreeMap<String, (String, String)>,
) -> Result<(), String> {
    for (key, value) in table {
        let (id, name) = if id.is_empty() {
            (key.clone(), key.clone())
        } else {
            (format!("{id}_{key}"), format!("{name}.{key}"))
        };
        if let toml::Value::Table(below) = value {
            walk(&id, &name, below, values)?;
            continue;
        }
        let value =
            scalar(value).ok_or_else(|| format!("{name} is neither text, number, true, false nor a list"))?;
        if values.insert(id, (name.clone(), value)).is_some() {
            return Err(format!("{name} is set twice"));
        }
    }
    Ok(())
}

fn scalar(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(is) => Some(is.to_string()),
        toml::Value::Array(items) => {
            items.iter().map(scalar).collect::<Option<Vec<_>>>().map(|all| all.join(","))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_and_lists_are_flattened() {
        let text = "listen = '[::]:1'\n[redis]\nshards = 8\n[cors]\norigins = ['http://a', 'http://b']";
        let values = flatten(&parse(text).unwrap()).unwrap();
        assert_eq!(values["listen"].1, "[::]:1");
        assert_eq!(values["redis_shards"], ("redis.shards".to_owned(), "8".to_owned()));
        assert_eq!(values["cors_origins"].1, "http://a,http://b");
    }

    #[test]
    fn unknown_doubled_and_strange_values_are_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rollcall.toml");
        std::fs::write(&path, "[redis]\nulr = 'x'").unwrap();
        let error = read(&path, &["redis_url".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("rollcall.toml") && error.contains("redis.ulr"), "{error}");
        assert!(
            flatten(&parse("redis_url = 'a'\n[redis]\nurl = 'b'").unwrap()).unwrap_err().contains("twice")
        );
        assert!(
            flatten(&parse("[redis]\nshards = 2026-11-20").unwrap()).unwrap_err().contains("redis.shards")
        );
    }
}
