//! Alerts and recording rules without a server: what promtool says of them, and that each alert is tested both ways.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde::Deserialize;

use crate::tools::{content, root};

/// Where they are.
const DIR: &str = "deploy/prometheus";

/// A file of rules.
#[derive(Debug, Deserialize)]
pub struct Rules {
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Group {
    name: String,
    rules: Vec<Rule>,
}

/// An alert, or a recorded series.
#[derive(Clone, Debug, Deserialize)]
pub struct Rule {
    pub alert: Option<String>,
    pub record: Option<String>,
    pub expr: String,
}

impl Rules {
    /// Those that are delivered.
    pub fn read() -> Self {
        serde_saphyr::from_str(&text("rollcall.rules.yml")).unwrap_or_else(|error| panic!("{error}"))
    }

    /// All of them, in their order.
    pub fn all(&self) -> impl Iterator<Item = &Rule> {
        self.groups.iter().flat_map(|group| &group.rules)
    }

    fn alerts(&self) -> BTreeSet<&str> {
        self.all().filter_map(|rule| rule.alert.as_deref()).collect()
    }
}

/// The text of a file beside the rules.
pub fn text(name: &str) -> String {
    fs::read_to_string(root().join(DIR).join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The tests of the rules, as far as they are asked here.
#[derive(Debug, Deserialize)]
struct Tests {
    group_eval_order: Vec<String>,
    tests: Vec<Test>,
}

#[derive(Debug, Deserialize)]
struct Test {
    #[serde(default)]
    alert_rule_test: Vec<AlertTest>,
    #[serde(default)]
    promql_expr_test: Vec<ExprTest>,
}

#[derive(Debug, Deserialize)]
struct AlertTest {
    alertname: String,
    #[serde(default)]
    exp_alerts: Vec<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct ExprTest {
    expr: String,
    #[serde(default)]
    exp_samples: Vec<serde::de::IgnoredAny>,
}

impl Tests {
    /// How often each alert is expected to fire, and how often to be silent.
    fn expectations(&self) -> BTreeMap<&str, (usize, usize)> {
        let mut expected = BTreeMap::<&str, (usize, usize)>::new();
        let mut expect = |alert, fires: bool| {
            let (firing, silent) = expected.entry(alert).or_default();
            *(if fires { firing } else { silent }) += 1;
        };
        for test in &self.tests {
            for asked in &test.alert_rule_test {
                expect(asked.alertname.as_str(), !asked.exp_alerts.is_empty());
            }
            for asked in &test.promql_expr_test {
                let name =
                    asked.expr.strip_prefix("ALERTS{alertname=\"").and_then(|rest| rest.split('"').next());
                expect(name.expect("a question for an alert"), !asked.exp_samples.is_empty());
            }
        }
        expected
    }
}

#[test]
fn promtool_finds_nothing_wrong() {
    content("promtool", &["check", "rules", "--lint-fatal", "rollcall.rules.yml"], DIR, "");
    content("promtool", &["check", "config", "--lint-fatal", "prometheus.yml"], DIR, "");
}

#[test]
fn every_alert_fires_and_is_silent_when_it_should() {
    content("promtool", &["test", "rules", "rollcall.rules.test.yml"], DIR, "");
}

#[test]
fn every_alert_is_tested_both_ways() {
    let rules = Rules::read();
    let tests: Tests = serde_saphyr::from_str(&text("rollcall.rules.test.yml")).unwrap();
    let expected = tests.expectations();
    let untested: Vec<_> = rules
        .alerts()
        .into_iter()
        .filter(|alert| !matches!(expected.get(alert), Some((firing, silent)) if *firing > 0 && *silent > 0))
        .collect();
    assert!(
        untested.is_empty(),
        "no test in which these fire, or none in which they are silent: {untested:?}"
    );
    let invented: Vec<_> = expected.keys().filter(|name| !rules.alerts().contains(*name)).collect();
    assert!(invented.is_empty(), "no such alerts: {invented:?}");
    // A group that is missing there is evaluated at any time, and what it records may be a minute late.
    let groups: Vec<_> = rules.groups.iter().map(|group| group.name.clone()).collect();
    assert_eq!(tests.group_eval_order, groups);
}
