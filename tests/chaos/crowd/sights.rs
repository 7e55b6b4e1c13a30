//! What a watcher knows of others, as it is told to keep it: a snapshot is how things stand, whatever was known, for a
//! Redis that lost its data may have forgotten something newer; of changes that are not newer none counts. A view without a version is of somebody of whom no more is told, and taken
//! as it is.

use std::collections::HashMap;

use serde_json::Value;

/// The newest view of each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sights(HashMap<String, (Option<i64>, String)>);

impl Sights {
    /// Takes the view of a snapshot.
    pub(super) fn show(&mut self, view: &Value) {
        let text = |name: &str| view[name].as_str().unwrap_or_default().to_owned();
        self.0.insert(text("user_id"), (view["version"].as_i64(), text("status")));
    }

    /// Hears of a change.
    pub(super) fn hear(&mut self, change: &Value) {
        let known =
            self.0.get(change["user_id"].as_str().unwrap_or_default()).and_then(|(version, _)| *version);
        let version = change["version"].as_i64();
        if version.is_none() || version >= known {
            self.show(change);
        }
    }

    /// Whom it knows, and in which status.
    pub(crate) fn statuses(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(user, (_, status))| (user.as_str(), status.as_str()))
    }
}
