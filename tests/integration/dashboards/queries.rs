//! What dashboards ask: metrics, labels and values that the program has, chosen by the variables above, grown where they
//! only rise; and nothing that the program measures is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use rollcall::metrics::{Kind, Metric, names};
use serde_json::Value;

use super::{assert_none, dashboards, list, panels, root, text};

/// What the library for the process's own metrics exports, and which of it only rises.
const PROCESS: &[(&str, bool)] = &[
    ("process_cpu_seconds_total", true),
    ("process_max_fds", false),
    ("process_open_fds", false),
    ("process_resident_memory_bytes", false),
    ("process_start_time_seconds", false),
    ("process_threads", false),
    ("process_virtual_memory_bytes", false),
    ("process_virtual_memory_max_bytes", false),
];

/// A metric with its selector and, if there is one, its range: every metric of a built query has a selector.
static SELECTED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?<call>\w+\()?\b(?<name>[a-z_][a-z0-9_:]*)\{(?<labels>[^}]*)\}(?<range>\[[^\]]*\])?")
        .unwrap()
});
static MATCHER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"(?<label>\w+)\s*(?<operator>=~|!~|!=|=)\s*"(?<value>[^"]*)""#).unwrap());
static GROUPED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\bby \((?<labels>[^)]*)\)").unwrap());
static NAMED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\{\{(?<label>\w+)\}\}").unwrap());

/// Every query of panels and annotations: where it is, what it asks, and what its series are called.
fn queries() -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for (place, panel) in panels() {
        let of = |target: &Value| {
            (place.clone(), text(&target["expr"]).to_owned(), text(&target["legendFormat"]).to_owned())
        };
        found.extend(list(&panel["targets"]).iter().map(of));
    }
    for (file, board) in dashboards() {
        for annotation in list(&board["annotations"]["list"]).iter().filter(|one| one["builtIn"] != 1) {
            let place = format!("{file}: {}", text(&annotation["name"]));
            found.push((
                place,
                text(&annotation["expr"]).to_owned(),
                text(&annotation["textFormat"]).to_owned(),
            ));
        }
    }
    found
}

/// The metric that a name in a query belongs to, and what is left of the name: the suffix of a histogram.
fn metric(name: &str) -> Option<(&'static Metric, &str)> {
    names::ALL.iter().find_map(|metric| {
        let rest = name.strip_prefix(metric.name)?;
        let fits = match metric.kind {
            Kind::Histogram(_) => matches!(rest, "_bucket" | "_sum" | "_count"),
            _ => rest.is_empty(),
        };
        fits.then_some((*metric, rest))
    })
}

/// The labels that a series of this name has, with their values where they are known, or what is wrong with the name.
fn labels(name: &str) -> Result<BTreeMap<String, Vec<String>>, String> {
    let mut labels: BTreeMap<String, Vec<String>> = BTreeMap::from([("job".to_owned(), Vec::new())]);
    if name.contains(':') {
        return if recorded().contains(name) { Ok(labels) } else { Err(format!("{name} is not recorded")) };
    }
    labels.insert("instance".to_owned(), Vec::new());
    if name == "up" || PROCESS.iter().any(|(process, _)| *process == name) {
        return Ok(labels);
    }
    let (metric, suffix) = metric(name).ok_or_else(|| format!("{name} is not a metric"))?;
    for label in metric.labels {
        labels.insert(label.name.to_owned(), (label.values)().into_iter().map(str::to_owned).collect());
    }
    if let (Kind::Histogram(bounds), "_bucket") = (metric.kind, suffix) {
        labels.insert("le".to_owned(), bounds.iter().map(f64::to_string).collect());
    }
    Ok(labels)
}

/// What the rules record.
fn recorded() -> BTreeSet<String> {
    let rules = fs::read_to_string(root().join("deploy/prometheus/rollcall.rules.yml")).unwrap();
    let names = rules.lines().filter_map(|line| line.trim().strip_prefix("- record: "));
    names.map(str::to_owned).collect()
}

/// What is wrong with how a series that has these labels is selected.
fn wrong_selector(selector: &Captures<'_>, labels: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let name = &selector["name"];
    let mut wrong = Vec::new();
    for matcher in MATCHER.captures_iter(&selector["labels"]) {
        let (label, value) = (&matcher["label"], &matcher["value"]);
        let Some(known) = labels.get(label) else {
            wrong.push(format!("{name} has no label {label}"));
            continue;
        };
        let values = if matcher["operator"].contains('~') { value.split('|').collect() } else { vec![value] };
        let unknown =
            values.iter().filter(|value| !known.is_empty() && !known.iter().any(|one| one == *value));
        wrong.extend(unknown.map(|value| format!("{name} has no {label} {value}")));
    }
    for variable in ["job", "instance"].into_iter().filter(|label| labels.contains_key(*label)) {
        if !selector["labels"].contains(&format!("\"${variable}\"")) {
            wrong.push(format!("{name} is not chosen by ${variable}"));
        }
    }
    wrong
}

/// Whether a series only rises, so that only its growth says something.
fn rises(name: &str) -> bool {
    PROCESS.contains(&(name, true)) || metric(name).is_some_and(|(metric, _)| metric.kind != Kind::Gauge)
}

/// What is wrong with how the growth of a series is taken.
fn wrong_range(selector: &Captures<'_>) -> Option<String> {
    let part = |name| selector.name(name).map_or("", |part| part.as_str());
    let (name, call, range) = (part("name"), part("call"), part("range"));
    let is_grown = matches!(call, "rate(" | "increase(");
    if rises(name) != is_grown {
        return Some(format!("{call}{name}: growth is of what only rises"));
    }
    // What is said of 30 days, and what annotations ask, is the same whatever span is shown.
    let spans: &[&str] =
        if is_grown { &["[$__rate_interval]", "[$__range]", "[30d]", "[5m]"] } else { &[""] };
    let is_average = call == "avg_over_time(" && range == "[30d:3h]";
    (!is_average && !spans.contains(&range)).then(|| format!("{name} over {range}"))
}

#[test]
fn queries_ask_for_what_there_is() {
    let mut wrong = Vec::new();
    for (place, query, called) in queries() {
        let selectors: Vec<_> = SELECTED.captures_iter(&query).collect();
        let (mut known, mut problems) = (BTreeSet::new(), Vec::new());
        for selector in &selectors {
            match labels(&selector["name"]) {
                Ok(labels) => {
                    problems
                        .extend(wrong_selector(selector, &labels).into_iter().chain(wrong_range(selector)));
                    known.extend(labels.into_keys());
                }
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            problems = wrong_grouping(&query, &called, &known);
        }
        if selectors.is_empty() {
            problems.push(format!("asks for nothing of ours: {query}"));
        }
        wrong.extend(problems.into_iter().map(|problem| format!("{place}: {problem}")));
    }
    assert_none(&wrong);
}

/// What is wrong with the labels that a query leaves, and that its series are called by, if there are these ones.
fn wrong_grouping(query: &str, called: &str, known: &BTreeSet<String>) -> Vec<String> {
    let left: BTreeSet<String> =
        GROUPED.captures_iter(query).flat_map(|group| words(&group["labels"])).collect();
    let foreign = left.difference(known).map(|label| format!("nothing has a label {label}"));
    let names = NAMED.captures_iter(called).map(|name| name["label"].to_owned());
    let gone = names.filter(|label| !left.is_empty() && !left.contains(label));
    foreign.chain(gone.map(|label| format!("no {label} is left to name a series by"))).collect()
}

fn words(labels: &str) -> Vec<String> {
    labels.split(',').map(|label| label.trim().to_owned()).collect()
}

#[test]
fn every_metric_is_on_some_panel() {
    let asked: BTreeSet<String> = queries()
        .iter()
        .flat_map(|(_, query, _)| {
            SELECTED.captures_iter(query).map(|one| one["name"].to_owned()).collect::<Vec<_>>()
        })
        .collect();
    let is_asked = |name: &str| {
        asked.iter().any(|one| one == name || metric(one).is_some_and(|(of, _)| of.name == name))
    };
    let all = names::ALL.iter().map(|metric| metric.name).chain(PROCESS.iter().map(|(name, _)| *name));
    let missing: Vec<String> = all.filter(|name| !is_asked(name)).map(str::to_owned).collect();
    assert_none(&missing);
}
