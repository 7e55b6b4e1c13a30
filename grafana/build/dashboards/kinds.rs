//! How each kind of panel is drawn, in the words of its plugin.

use serde_json::{Map, Value, json};

use super::source::{Kind, Panel};

/// The plugin that draws a kind.
pub const fn plugin(kind: Kind) -> &'static str {
    match kind {
        Kind::Lines => "timeseries",
        Kind::Number | Kind::Trend => "stat",
        Kind::Gauge => "gauge",
        Kind::Bars => "bargauge",
        Kind::Heatmap => "heatmap",
        Kind::States => "state-timeline",
        Kind::Table => "table",
    }
}

/// The plugin's own part of what holds for all values.
pub fn custom(panel: &Panel) -> Value {
    let hide = json!({ "legend": false, "tooltip": false, "viz": false });
    match panel.kind {
        Kind::Lines => lines(panel, &hide),
        Kind::Heatmap => json!({ "hideFrom": hide, "scaleDistribution": { "type": "linear" } }),
        Kind::States => json!({ "fillOpacity": 70, "hideFrom": hide, "lineWidth": 0 }),
        Kind::Table => json!({ "align": "auto", "cellOptions": { "type": "auto" }, "inspect": false }),
        Kind::Number | Kind::Trend | Kind::Gauge | Kind::Bars => json!({}),
    }
}

fn lines(panel: &Panel, hide: &Value) -> Value {
    let scale =
        if panel.logarithmic { json!({ "log": 10, "type": "log" }) } else { json!({ "type": "linear" }) };
    json!({
        "axisBorderShow": false,
        "axisCenteredZero": false,
        "axisColorMode": "text",
        "axisLabel": "",
        "axisPlacement": "auto",
        "barAlignment": 0,
        "drawStyle": "line",
        "fillOpacity": if panel.stacked { 30 } else { 8 },
        "gradientMode": "none",
        "hideFrom": hide,
        "insertNulls": false,
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "pointSize": 5,
        "scaleDistribution": scale,
        "showPoints": "never",
        // A gap is news: nothing was measured.
        "spanNulls": false,
        "stacking": { "group": "A", "mode": if panel.stacked { "normal" } else { "none" } },
        "thresholdsStyle": { "mode": if panel.steps.is_empty() { "off" } else { "dashed" } },
    })
}

/// The plugin's options.
pub fn options(panel: &Panel) -> Value {
    let reduce = json!({ "calcs": ["lastNotNull"], "fields": "", "values": false });
    let tooltip = json!({ "mode": "multi", "sort": "desc" });
    match panel.kind {
        Kind::Lines => json!({ "legend": legend(panel), "tooltip": tooltip }),
        Kind::Number | Kind::Trend => json!({
            "colorMode": "value",
            "graphMode": if panel.kind == Kind::Trend { "area" } else { "none" },
            "justifyMode": "auto",
            "orientation": "auto",
            "reduceOptions": reduce,
            "showPercentChange": false,
            "textMode": "auto",
            "wideLayout": true,
        }),
        Kind::Gauge => json!({
            "minVizHeight": 75,
            "minVizWidth": 75,
            "orientation": "auto",
            "reduceOptions": reduce,
            "showThresholdLabels": false,
            "showThresholdMarkers": true,
            "sizing": "auto",
        }),
        Kind::Bars => json!({
            "displayMode": "basic",
            "maxVizHeight": 300,
            "minVizHeight": 16,
            "minVizWidth": 8,
            "namePlacement": "auto",
            "orientation": "horizontal",
            "reduceOptions": reduce,
            "showUnfilled": true,
            "sizing": "auto",
            "valueMode": "color",
        }),
        Kind::Heatmap => heatmap(panel),
        Kind::States => json!({
            "alignValue": "left",
            "legend": { "calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": true },
            "mergeValues": true,
            "rowHeight": 0.9,
            "showValue": "never",
            "tooltip": { "mode": "single", "sort": "none" },
        }),
        Kind::Table => json!({
            "cellHeight": "sm",
            "footer": { "countRows": false, "reducer": ["sum"], "show": false },
            "showHeader": true,
        }),
    }
}

fn legend(panel: &Panel) -> Value {
    let calcs =
        panel.legend.clone().unwrap_or_else(|| ["mean", "max", "lastNotNull"].map(str::to_owned).to_vec());
    json!({ "calcs": calcs, "displayMode": "table", "placement": "bottom", "showLegend": true })
}

fn heatmap(panel: &Panel) -> Value {
    json!({
        "calculate": false,
        "cellGap": 1,
        "cellValues": { "decimals": 0, "unit": "short" },
        "color": {
            "exponent": 0.5,
            "fill": "dark-orange",
            "mode": "scheme",
            "reverse": false,
            "scale": "exponential",
            "scheme": "Oranges",
            "steps": 64,
        },
        "exemplars": { "color": "rgba(255,0,255,0.7)" },
        "filterValues": { "le": 1e-9 },
        "legend": { "show": true },
        "rowsFrame": { "layout": "auto" },
        "showValue": "never",
        "tooltip": { "mode": "single", "showColorScale": false, "yHistogram": true },
        "yAxis": { "axisPlacement": "left", "reverse": false, "unit": panel.unit },
    })
}

/// Makes one table of what the queries answered: a row for each node, its labels first, then a column for each query.
pub fn columns(panel: &Panel) -> Value {
    let value = |index: usize| format!("Value #{}", ('A'..='Z').nth(index).unwrap_or('Z'));
    let queries = || panel.queries.iter().enumerate();
    let headings: Vec<(String, &str)> = panel
        .labels
        .iter()
        .map(|(label, heading)| (label.clone(), heading.as_str()))
        .chain(queries().map(|(index, (heading, _))| (value(index), heading.as_str())))
        .collect();
    let hidden = headings.iter().filter(|(_, heading)| heading.is_empty()).map(|(field, _)| field.as_str());
    let excluded: Map<String, Value> =
        std::iter::once("Time").chain(hidden).map(|field| (field.to_owned(), json!(true))).collect();
    let shown = || headings.iter().filter(|(_, heading)| !heading.is_empty());
    let order: Map<String, Value> =
        shown().enumerate().map(|(index, (field, _))| (field.clone(), json!(index))).collect();
    let names: Map<String, Value> = shown().map(|(field, heading)| (field.clone(), json!(heading))).collect();
    json!([
        { "id": "merge", "options": {} },
        { "id": "organize", "options": {
            "excludeByName": excluded,
            "indexByName": order,
            "renameByName": names,
        } },
    ])
}
