//! The dashboards as Grafana would ask them: every expression, with its variables filled in.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::tools::root;

/// A file.
#[derive(Debug)]
pub struct Dashboard {
    pub file: String,
    pub panels: Vec<Panel>,
    /// What annotations ask: what happened, which is mostly nothing.
    pub annotations: Vec<String>,
}

/// A panel that asks for something.
#[derive(Debug)]
pub struct Panel {
    pub title: String,
    pub expressions: Vec<String>,
}

/// All that are in the repository.
pub fn read() -> Vec<Dashboard> {
    let (mut files, mut open) = (Vec::new(), vec![root().join("grafana")]);
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(!files.is_empty(), "there is no dashboard in grafana/: nothing of them can be tried");
    files.into_iter().map(one).collect()
}

fn one(path: PathBuf) -> Dashboard {
    let file = path.strip_prefix(root()).unwrap().display().to_string();
    let text = fs::read_to_string(&path).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let variables = variables(&dashboard);
    let mut panels = Vec::new();
    gather(&dashboard["panels"], &variables, &mut panels);
    assert!(!panels.is_empty(), "{file} asks for nothing");
    let asked = dashboard["annotations"]["list"].as_array().into_iter().flatten();
    let annotations =
        asked.filter_map(|one| one["expr"].as_str()).map(|expr| filled(expr, &variables)).collect();
    Dashboard { file, panels, annotations }
}

/// Panels with expressions, also those within rows.
fn gather(panels: &Value, variables: &[(String, String)], into: &mut Vec<Panel>) {
    for panel in panels.as_array().into_iter().flatten() {
        gather(&panel["panels"], variables, into);
        let targets = panel["targets"].as_array().into_iter().flatten();
        let expressions: Vec<_> = targets
            .filter_map(|target| target["expr"].as_str())
            .map(|expr| filled(expr, variables))
            .collect();
        if !expressions.is_empty() {
            let title = panel["title"].as_str().unwrap_or_default().to_owned();
            into.push(Panel { title, expressions });
        }
    }
}

/// A dashboard's own variables: what stands for them. Those that are looked up stand for everything.
fn variables(dashboard: &Value) -> Vec<(String, String)> {
    let list = dashboard["templating"]["list"].as_array().into_iter().flatten();
    let value = |variable: &Value| match (variable["type"].as_str(), variable["name"].as_str()) {
        (_, Some("job")) => "rollcall".to_owned(),
        (Some("query"), _) => ".+".to_owned(),
        _ => variable["current"]["value"].as_str().unwrap_or_default().to_owned(),
    };
    list.map(|variable| (variable["name"].as_str().unwrap().to_owned(), value(variable))).collect()
}

/// The expression as Grafana would send it.
fn filled(expression: &str, variables: &[(String, String)]) -> String {
    let own = variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let given = [("__rate_interval", "15s"), ("__interval", "1s"), ("__range", "60s")];
    let mut text = expression.to_owned();
    for (name, value) in given.into_iter().chain(own) {
        for written in [format!("${{{name}}}"), format!("${{{name}:regex}}"), format!("${name}")] {
            text = text.replace(&written, value);
        }
    }
    assert!(!text.contains('$'), "a variable that nobody knows: {text}");
    text
}
