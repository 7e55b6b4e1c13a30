//! What a watcher knows of others, as it is told to keep it: what is not newer than what is known is dropped.

use std::collections::HashMap;

use serde_json::Value;

/// The newest view of each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sights(HashMap<String, (Option<i64>, String)>);

impl Sights {
    /// Sees a view, or a change.
    pub(super) fn see(&mut self, view: &Value) {
        let text = |name: &str| view[name].as_str().unwrap_or_default().to_owned();
        let (user, status, version) = (text("user_id"), text("status"), view["version"].as_i64());
        let known = self.0.get(&user).and_then(|(version, _)| *version);
        if version >= known {
            self.0.insert(user, (version, status));
        }
    }

    /// Whom it knows, and in which status.
    pub(crate) fn statuses(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(user, (_, status))| (user.as_str(), status.as_str()))
    }
}
