//! What a source may say. `grafana/README.md` explains it to those who write one.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Number;

/// A dashboard.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// What stands in lists of dashboards.
    pub title: String,
    /// Which question it answers.
    pub shows: String,
    /// How much of the past is shown at first: `6h`.
    pub span: String,
    /// How often it is read anew: `30s`.
    pub refresh: String,
    /// Its rows, from the top.
    #[serde(rename = "row")]
    pub rows: Vec<Row>,
}

/// Panels under a heading.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The heading.
    pub title: String,
    /// Its panels, from the left.
    #[serde(rename = "panel")]
    pub panels: Vec<Panel>,
}

/// What a panel is drawn as.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Lines over time.
    #[default]
    Lines,
    /// A number as it is now.
    Number,
    /// A number as it is now, over the line that it comes from.
    Trend,
    /// A number between two ends.
    Gauge,
    /// A bar for each series as it is now.
    Bars,
    /// How the values of a histogram are spread, over time.
    Heatmap,
    /// Bands of states over time.
    States,
    /// A row for each node as it is now.
    Table,
}

/// A panel.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    /// Its heading. The panel's number comes from it, so a link to a panel breaks when it is renamed and not when others come.
    pub title: String,
    /// What it is drawn as.
    #[serde(default)]
    pub kind: Kind,
    /// What it shows.
    pub shows: String,
    /// What it looks like when all is well.
    pub good: String,
    /// What it looks like when something is wrong, and what to do then.
    pub bad: String,
    /// The heading in `docs/operations.md` that says more, as an anchor.
    pub runbook: Option<String>,
    /// What values are in, by Grafana's name for it. None in tables, whose columns have `units`.
    pub unit: Option<String>,
    /// Columns of 24.
    pub width: u32,
    /// Rows of the grid, where it is not what its kind has.
    pub height: Option<u32>,
    /// Digits after the point.
    pub decimals: Option<u32>,
    /// The lowest value of the axis.
    pub min: Option<Number>,
    /// The highest value of the axis.
    pub max: Option<Number>,
    /// Whether lines stand on one another.
    #[serde(default)]
    pub stacked: bool,
    /// Whether the axis is logarithmic.
    #[serde(default)]
    pub logarithmic: bool,
    /// From which value on which colour. Drawn as dashed lines where there are lines.
    #[serde(default)]
    pub steps: Vec<(Number, String)>,
    /// The colour below the first step.
    #[serde(default = "green")]
    pub calm: String,
    /// Values that are words: value, word, colour.
    #[serde(default)]
    pub words: Vec<(i64, String, String)>,
    /// Colours of series, by their names.
    #[serde(default)]
    pub colors: BTreeMap<String, String>,
    /// Series that are limits, by their names: drawn as dashed lines.
    #[serde(default)]
    pub limits: Vec<String>,
    /// What the legend says of each line; `mean`, `max` and `lastNotNull` where nothing else is said.
    pub legend: Option<Vec<String>>,
    /// What stands there if there is no value.
    pub none: Option<String>,
    /// Units of a table's columns, by their headings.
    #[serde(default)]
    pub units: BTreeMap<String, String>,
    /// Labels that are columns of a table, with their headings.
    #[serde(default)]
    pub labels: Vec<(String, String)>,
    /// Names and queries. In tables the names are headings, and a query without one adds nothing but its labels.
    pub queries: Vec<(String, String)>,
}

impl Panel {
    /// Rows of the grid.
    pub fn height(&self) -> u32 {
        self.height.unwrap_or(match self.kind {
            Kind::Number | Kind::Trend => 4,
            Kind::Gauge => 6,
            Kind::Lines | Kind::Bars | Kind::Heatmap | Kind::States | Kind::Table => 8,
        })
    }
}

fn green() -> String {
    "green".to_owned()
}

/// Text that was wrapped to be read in the source, in one line.
pub fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
