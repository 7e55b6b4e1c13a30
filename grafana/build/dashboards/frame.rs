//! What all dashboards have in common: variables, annotations, and the links between them.

use crc16::{State, XMODEM};
use serde_json::{Value, json};

use super::expression::select_nodes;
use super::source::{Board, unwrapped};

/// Grafana 10.3 to 11: later ones read it and bring it up to their own.
const SCHEMA: u32 = 39;

/// By what the dashboards find one another.
const TAG: &str = "rollcall";

/// Where the runbook is. A variable of each dashboard has it, so whoever keeps it elsewhere changes it there, or here for all.
const RUNBOOK: &str = "https://git.example.com/rollcall/blob/main/docs/operations.md";

/// A dashboard of this name with these panels.
pub fn dashboard(name: &str, board: &Board, panels: Vec<Value>) -> Value {
    json!({
        "annotations": { "list": annotations() },
        "description": unwrapped(&board.shows),
        "editable": true,
        "fiscalYearStartMonth": 0,
        // One cross-hair over all panels: what happened at the same time is the question.
        "graphTooltip": 1,
        "id": null,
        "links": links(),
        "liveNow": false,
        "panels": panels,
        "refresh": board.refresh,
        "schemaVersion": SCHEMA,
        "tags": [TAG],
        "templating": { "list": variables() },
        "time": { "from": format!("now-{}", board.span), "to": "now" },
        "timepicker": {},
        "timezone": "browser",
        "title": board.title,
        "uid": format!("{TAG}-{name}"),
        "version": 1,
        "weekStart": "",
    })
}

/// The data source that is chosen above the dashboard.
pub fn data_source() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

/// A number that a panel keeps, whatever stands before it.
pub fn id(title: &str) -> u16 {
    State::<XMODEM>::calculate(title.as_bytes()).max(1)
}

/// One job is one installation: gauges that are the same on every node of one mean nothing together with those of another.
fn variables() -> Value {
    json!([
        {
            "current": {},
            "hide": 0,
            "includeAll": false,
            "label": "Data source",
            "multi": false,
            "name": "datasource",
            "options": [],
            "query": "prometheus",
            "refresh": 1,
            "regex": "",
            "skipUrlSync": false,
            "type": "datasource",
        },
        of_prometheus("job", "Job", "label_values(rollcall_build_info, job)", false),
        of_prometheus("instance", "Node", r#"label_values(rollcall_build_info{job="$job"}, instance)"#, true),
        {
            "current": { "selected": true, "text": RUNBOOK, "value": RUNBOOK },
            "description": "Where docs/operations.md is to be read",
            "hide": 2,
            "label": "Runbook",
            "name": "runbook",
            "options": [],
            "query": RUNBOOK,
            "skipUrlSync": true,
            "type": "constant",
        },
    ])
}

/// A variable whose values Prometheus knows: of one value, or of many and all.
fn of_prometheus(name: &str, label: &str, query: &str, many: bool) -> Value {
    let mut variable = json!({
        "current": {},
        "datasource": data_source(),
        "definition": query,
        "hide": 0,
        "includeAll": many,
        "label": label,
        "multi": many,
        "name": name,
        "options": [],
        "query": { "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery" },
        // When the time changes: nodes come and go.
        "refresh": 2,
        "regex": "",
        "skipUrlSync": false,
        "sort": 1,
        "type": "query",
    });
    if many {
        variable["allValue"] = json!(".+");
        variable["current"] = json!({ "selected": true, "text": ["All"], "value": ["$__all"] });
    }
    variable
}

fn links() -> Value {
    let link = |kind: &str, title: &str, tags: &[&str], url: &str, icon: &str| {
        json!({
            "asDropdown": false,
            "icon": icon,
            "includeVars": kind == "dashboards",
            "keepTime": kind == "dashboards",
            "tags": tags,
            "targetBlank": kind == "link",
            "title": title,
            "tooltip": "",
            "type": kind,
            "url": url,
        })
    };
    json!([
        link("dashboards", "Rollcall", &[TAG], "", "external link"),
        link("link", "Runbook", &[], "${runbook}", "doc"),
    ])
}

fn annotations() -> Value {
    // A node says when it started for an hour, at the time that it started at: so it is seen in however long a span, once.
    let started = "1000 * (process_start_time_seconds > time() - 3600) \
                   * on (job, instance) group_left (version) rollcall_build_info";
    let began = "sum by (job) (increase(rollcall_epoch_changes_total[5m])) > 0";
    json!([
        {
            "builtIn": 1,
            "datasource": { "type": "grafana", "uid": "-- Grafana --" },
            "enable": true,
            "hide": true,
            "iconColor": "rgba(0, 211, 255, 1)",
            "name": "Annotations & Alerts",
            "type": "dashboard",
        },
        {
            "datasource": data_source(),
            "enable": true,
            "expr": select_nodes(started),
            "iconColor": "blue",
            "name": "Deploys",
            "step": "60s",
            "tagKeys": "instance,version",
            "textFormat": "{{instance}} started as version {{version}}",
            "titleFormat": "Node started",
            "useValueForTime": "on",
        },
        {
            "datasource": data_source(),
            "enable": true,
            "expr": select_nodes(began),
            "iconColor": "red",
            "name": "Epochs",
            "step": "60s",
            "tagKeys": "job",
            "textFormat": "Shards of {{job}} came back empty or rewound",
            "titleFormat": "Epoch",
        },
    ])
}
