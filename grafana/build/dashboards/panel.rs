//! A panel: what it says, asks and colours, whatever it is drawn as.

use serde_json::{Map, Value, json};

use super::expression::select_nodes;
use super::frame::{data_source, id};
use super::grid::Place;
use super::kinds;
use super::source::{Kind, Panel, unwrapped};

/// A panel at its place.
pub fn panel(panel: &Panel, place: Place) -> Value {
    let mut built = json!({
        "datasource": data_source(),
        "description": description(panel),
        "fieldConfig": { "defaults": field(panel), "overrides": overrides(panel) },
        "gridPos": place,
        "id": id(&panel.title),
        "options": kinds::options(panel),
        "targets": targets(panel),
        "title": panel.title,
        "type": kinds::plugin(panel.kind),
    });
    if panel.kind == Kind::Table {
        built["transformations"] = kinds::columns(panel);
    }
    built
}

/// What hovering over the panel's heading says, in Markdown.
fn description(panel: &Panel) -> String {
    let runbook = panel.runbook.as_ref();
    let more = runbook.map(|anchor| format!("\n\n[What to do](${{runbook}}#{anchor})")).unwrap_or_default();
    let [shows, good, bad] = [&panel.shows, &panel.good, &panel.bad].map(|text| unwrapped(text));
    format!("{shows}\n\n**Good:** {good}\n\n**Bad:** {bad}{more}")
}

fn targets(panel: &Panel) -> Vec<Value> {
    let is_instant = matches!(panel.kind, Kind::Number | Kind::Gauge | Kind::Bars | Kind::Table);
    let format = match panel.kind {
        Kind::Table => "table",
        Kind::Heatmap => "heatmap",
        _ => "time_series",
    };
    let target = |(reference, (name, query)): (char, &(String, String))| {
        json!({
            "datasource": data_source(),
            "editorMode": "code",
            "expr": select_nodes(query),
            "format": format,
            "instant": is_instant,
            "legendFormat": name,
            "range": !is_instant,
            "refId": reference.to_string(),
        })
    };
    ('A'..='Z').zip(&panel.queries).map(target).collect()
}

/// What holds for all values of the panel.
fn field(panel: &Panel) -> Value {
    let mut field = Map::new();
    let is_line = panel.kind == Kind::Lines;
    let color = if is_line { "palette-classic" } else { "thresholds" };
    field.insert("color".to_owned(), json!({ "mode": color }));
    field.insert("custom".to_owned(), kinds::custom(panel));
    field.insert("mappings".to_owned(), words(panel));
    let base = json!({ "color": panel.calm, "value": null });
    let steps = panel.steps.iter().map(|(value, color)| json!({ "color": color, "value": value }));
    let steps: Vec<Value> = std::iter::once(base).chain(steps).collect();
    field.insert("thresholds".to_owned(), json!({ "mode": "absolute", "steps": steps }));
    let optional = [
        ("unit", panel.unit.as_ref().map(|unit| json!(unit))),
        ("decimals", panel.decimals.map(|digits| json!(digits))),
        ("min", panel.min.as_ref().map(|least| json!(least))),
        ("max", panel.max.as_ref().map(|most| json!(most))),
        ("noValue", panel.none.as_ref().map(|word| json!(word))),
    ];
    field.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    Value::Object(field)
}

fn words(panel: &Panel) -> Value {
    let word = |(index, (value, text, color)): (usize, &(i64, String, String))| {
        (value.to_string(), json!({ "color": color, "index": index, "text": text }))
    };
    let options: Map<String, Value> = panel.words.iter().enumerate().map(word).collect();
    if options.is_empty() { json!([]) } else { json!([{ "options": options, "type": "value" }]) }
}

/// What holds for some series or columns only.
fn overrides(panel: &Panel) -> Vec<Value> {
    let of = |name: &str, properties: Value| json!({ "matcher": { "id": "byName", "options": name }, "properties": properties });
    let fixed = |color: &str| json!({ "id": "color", "value": { "fixedColor": color, "mode": "fixed" } });
    let colors = panel.colors.iter().map(|(name, color)| of(name, json!([fixed(color)])));
    let limits = panel.limits.iter().map(|name| {
        let line = json!({ "dash": [10, 10], "fill": "dash" });
        of(
            name,
            json!([
                fixed("red"),
                { "id": "custom.lineStyle", "value": line },
                { "id": "custom.fillOpacity", "value": 0 },
                { "id": "custom.stacking", "value": { "group": "limit", "mode": "none" } },
            ]),
        )
    });
    let units = panel.units.iter().map(|(name, unit)| of(name, json!([{ "id": "unit", "value": unit }])));
    colors.chain(limits).chain(units).collect()
}
