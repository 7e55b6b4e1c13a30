//! What whoever is woken needs: that every alert says what is wrong and where to read on, and that it is there.
//! `./run operations` tries the rules themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::documents::anchors;

#[derive(Debug, Deserialize)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
struct Rule {
    alert: Option<String>,
    record: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

fn rules() -> Vec<Rule> {
    let rules: Rules = serde_saphyr::from_str(&read("deploy/prometheus/rollcall.rules.yml")).unwrap();
    rules.groups.into_iter().flat_map(|group| group.rules).collect()
}

#[test]
fn every_alert_says_what_is_wrong_and_has_its_runbook() {
    let operations = read("docs/operations.md");
    let anchors = anchors(&operations);
    let mut books = BTreeSet::new();
    let rules = rules();
    for rule in rules.iter().filter(|rule| rule.alert.is_some()) {
        let name = rule.alert.as_deref().unwrap();
        assert!(name.starts_with("Rollcall"), "{name}");
        let severity = rule.labels.get("severity").map(String::as_str);
        assert!(matches!(severity, Some("page" | "ticket")), "{name} has the severity {severity:?}");
        let said = |what: &str| rule.annotations.get(what).unwrap_or_else(|| panic!("{name} has no {what}"));
        assert!(!said("summary").contains("{{"), "{name}: the summary is the same each time");
        assert!(said("description").contains("$value"), "{name}: the description has no figure");
        let book =
            said("runbook_url").strip_prefix("docs/operations.md#").unwrap_or_else(|| panic!("{name}"));
        assert!(anchors.contains(book), "{name}: docs/operations.md has no heading for #{book}");
        assert!(books.insert(book.to_owned()), "{name} shares its runbook with another");
        let line = format!("| [{name}](#{book}) | {} |", severity.unwrap());
        assert!(operations.contains(&line), "{name}: the index of runbooks lacks `{line}`");
    }
    assert!(!books.is_empty(), "there are alerts");
}

#[test]
fn recorded_names_say_whose_they_are() {
    let recorded: Vec<_> = rules().into_iter().filter_map(|rule| rule.record).collect();
    assert!(!recorded.is_empty());
    for name in recorded {
        assert!(name.starts_with("rollcall:"), "{name}");
    }
}
