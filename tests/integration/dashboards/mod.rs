//! The dashboards of Grafana, as far as it can be proved without one: they are what their sources say, nothing overlaps,
//! every panel explains itself, links lead somewhere, and queries ([`queries`]) ask for what there is.

#[path = "../../../grafana/build/dashboards/mod.rs"]
mod build;
mod queries;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use serde_json::Value;

/// Units of Grafana that are used. It shows one that it does not know behind each value, as it is.
const UNITS: &[&str] =
    &["none", "short", "percentunit", "s", "dtdurations", "bytes", "cps", "mps", "ops", "reqps"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The dashboards that are committed, by the names of their files.
fn committed() -> BTreeMap<String, String> {
    let directory = root().join("grafana/dashboards");
    let read = |path: PathBuf| {
        (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap())
    };
    fs::read_dir(directory).unwrap().map(|entry| read(entry.unwrap().path())).collect()
}

fn dashboards() -> BTreeMap<String, Value> {
    committed().into_iter().map(|(file, text)| (file, serde_json::from_str(&text).unwrap())).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Every panel that asks something, with its dashboard and title.
fn panels() -> Vec<(String, Value)> {
    let name = |file: &str, panel: &Value| format!("{file}: {}", text(&panel["title"]));
    let all = dashboards();
    let panels =
        all.iter().flat_map(|(file, board)| list(&board["panels"]).iter().map(move |panel| (file, panel)));
    panels
        .filter(|(_, panel)| panel["type"] != "row")
        .map(|(file, panel)| (name(file, panel), panel.clone()))
        .collect()
}

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n  {}", wrong.join("\n  "));
}

#[test]
fn they_are_what_their_sources_say() {
    let built = build::build(&root().join("grafana/source")).unwrap_or_else(|error| panic!("{error:#}"));
    let built: BTreeMap<_, _> = built.into_iter().map(|built| (built.file, built.text)).collect();
    let committed = committed();
    assert_eq!(built.keys().collect::<Vec<_>>(), committed.keys().collect::<Vec<_>>(), "./run dashboards");
    for (file, text) in &built {
        assert!(committed[file] == *text, "{file} is behind its source: ./run dashboards");
    }
}

#[test]
fn nothing_is_there_twice_and_nothing_overlaps() {
    let boards = dashboards();
    let of_each =
        |field: &str| boards.values().map(|board| board[field].to_string()).collect::<BTreeSet<_>>();
    assert_eq!((of_each("uid").len(), of_each("title").len()), (boards.len(), boards.len()));
    for (file, board) in &boards {
        let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
        for panel in list(&board["panels"]) {
            let title = text(&panel["title"]);
            let id = panel["id"].as_u64().unwrap();
            assert!(id > 0 && ids.insert(id), "{file}: the id of {title} is taken: call it something else");
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
            assert!(w > 0 && h > 0 && x + w <= 24, "{file}: {title}");
            let cells = (x..x + w).flat_map(|column| (y..y + h).map(move |row| (column, row)));
            assert!(cells.into_iter().all(|cell| taken.insert(cell)), "{file}: {title} overlaps");
        }
    }
}

#[test]
fn every_panel_explains_itself() {
    let mut wrong = Vec::new();
    for (place, panel) in panels() {
        let description = text(&panel["description"]);
        let mut demand = |is_met: bool, what: &str| {
            if !is_met {
                wrong.push(format!("{place} {what}"));
            }
        };
        demand(!text(&panel["title"]).is_empty(), "has no title");
        demand(
            description.contains("**Good:**") && description.contains("**Bad:**"),
            "does not say how it should look",
        );
        demand(!list(&panel["targets"]).is_empty(), "asks nothing");
        let unit = match text(&panel["type"]) {
            "heatmap" => &panel["options"]["yAxis"]["unit"],
            "table" => &Value::from("none"),
            _ => &panel["fieldConfig"]["defaults"]["unit"],
        };
        demand(UNITS.contains(&text(unit)), "has no unit");
        for field in list(&panel["fieldConfig"]["overrides"]) {
            let units = list(&field["properties"]).iter().filter(|property| property["id"] == "unit");
            units.for_each(|unit| {
                demand(UNITS.contains(&text(&unit["value"])), "has a column without a unit")
            });
        }
    }
    assert_none(&wrong);
}

#[test]
fn the_data_source_is_chosen_above_the_dashboard() {
    let chosen = serde_json::json!({ "type": "prometheus", "uid": "${datasource}" });
    for (file, board) in dashboards() {
        let variables = list(&board["templating"]["list"]);
        let names: Vec<_> = variables.iter().map(|variable| text(&variable["name"])).collect();
        assert_eq!(names, ["datasource", "job", "instance", "runbook"], "{file}");
        let asked = variables.iter().filter(|variable| variable["type"] == "query");
        let annotations = list(&board["annotations"]["list"]).iter().filter(|one| one["builtIn"] != 1);
        let panels = list(&board["panels"]).iter().filter(|panel| panel["type"] != "row");
        let targets = panels.clone().flat_map(|panel| list(&panel["targets"]));
        for one in asked.chain(annotations).chain(panels).chain(targets) {
            assert_eq!(one["datasource"], chosen, "{file}: {one}");
        }
    }
}

#[test]
fn links_lead_to_headings_of_the_runbook() {
    let runbook = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let headings: BTreeSet<String> =
        runbook.lines().filter(|line| line.starts_with('#')).map(anchor).collect();
    let link = Regex::new(r"\$\{runbook\}#(?<anchor>[^)\s]*)").unwrap();
    let mut wrong = Vec::new();
    for (place, panel) in panels() {
        for found in link.captures_iter(text(&panel["description"])) {
            if !headings.contains(&found["anchor"]) {
                wrong.push(format!("{place}: no heading {}", &found["anchor"]));
            }
        }
    }
    assert_none(&wrong);
}

/// The anchor of a heading, as readers of Markdown make it.
fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn where_dashboards_are_mounted_provisioning_looks() {
    let read = |name: &str| fs::read_to_string(root().join("grafana/provisioning").join(name)).unwrap();
    let sources: Value = serde_saphyr::from_str(&read("datasources/prometheus.yml")).unwrap();
    assert_eq!(sources["datasources"][0]["type"], "prometheus");
    let providers: Value = serde_saphyr::from_str(&read("dashboards/rollcall.yml")).unwrap();
    assert_eq!(providers["providers"][0]["type"], "file");
    let path = text(&providers["providers"][0]["options"]["path"]);
    let expected = [
        "./grafana/provisioning:/etc/grafana/provisioning:ro".to_owned(),
        format!("./grafana/dashboards:{path}:ro"),
    ];
    let compose = fs::read_to_string(root().join("docker-compose.yml")).unwrap();
    let mounts = compose.lines().filter_map(|line| line.trim().strip_prefix("- ./grafana"));
    for mount in mounts.map(|mount| format!("./grafana{mount}")) {
        assert!(expected.contains(&mount), "{mount}");
    }
}
