//! From `grafana/source/*.toml` to what Grafana reads: one dashboard in classic JSON for each file, the same to the byte
//! each time.
//!
//! [`source`] is what a source may say, [`expression`] what is left out of its queries, [`grid`] where panels go,
//! [`panel`] and [`kinds`] how they look, [`frame`] what all dashboards have in common.

mod expression;
mod frame;
mod grid;
mod kinds;
mod panel;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Value, json};

use source::Board;

/// A dashboard, ready to be written.
pub struct Built {
    /// The name of its file, `overview.json`.
    pub file: String,
    /// What is in it.
    pub text: String,
}

/// Builds every dashboard of a directory of sources, in the order of their names.
///
/// # Errors
/// Names the source, and the panel, that says something else than it may.
pub fn build(sources: &Path) -> anyhow::Result<Vec<Built>> {
    let entries = fs::read_dir(sources).with_context(|| sources.display().to_string())?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<PathBuf>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    paths.iter().map(|path| build_one(path).with_context(|| path.display().to_string())).collect()
}

fn build_one(path: &Path) -> anyhow::Result<Built> {
    let name = path.file_stem().and_then(|stem| stem.to_str()).context("the name is not text")?;
    let board: Board = toml::from_str(&fs::read_to_string(path)?)?;
    let mut dashboard = frame::dashboard(name, &board, panels(&board)?);
    // The order in which keys stand must not hang on which features of the library somebody else has asked for.
    dashboard.sort_all_objects();
    let text = serde_json::to_string_pretty(&dashboard)?;
    Ok(Built { file: format!("{name}.json"), text: text + "\n" })
}

/// Rows and panels, each where it stands.
fn panels(board: &Board) -> anyhow::Result<Vec<Value>> {
    let (mut built, mut top) = (Vec::new(), 0);
    for row in &board.rows {
        built.push(json!({
            "collapsed": false,
            "gridPos": grid::Place { x: 0, y: top, w: grid::WIDTH, h: 1 },
            "id": frame::id(&format!("row {}", row.title)),
            "panels": [],
            "title": row.title,
            "type": "row",
        }));
        let sizes: Vec<_> = row.panels.iter().map(|panel| (panel.width, panel.height())).collect();
        let (places, bottom) = grid::place(&sizes, top + 1).with_context(|| row.title.clone())?;
        built.extend(row.panels.iter().zip(places).map(|(panel, place)| panel::panel(panel, place)));
        top = bottom;
    }
    Ok(built)
}
