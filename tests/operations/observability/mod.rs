//! What Prometheus, the rules and the dashboards make of a real node: every question is asked, and what should have an
//! answer has one. Nothing here depends on how fast that goes; whatever is waited for has a limit.

mod crowd;
mod dashboards;
mod expression;
mod prometheus;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rollcall::devstack::DevStack;
use tokio::time::sleep;

use crate::rules::{Rule, Rules};
use crate::support::program::Program;
use crate::support::{eventually, migrated, private_stack, redis_command_to};
use crate::tools::content;
use crowd::{BRIEF, Crowd};
use dashboards::Dashboard;
use expression::selectors;
use prometheus::Prometheus;

/// For what takes some scrapes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// What has no value while all is well, by a part of the expression, and why.
const QUIET: &[(&str, &str)] = &[
    (r#"status=~"5"#, "no request fails"),
    (r#"status="429""#, "nobody is too fast"),
    ("admin/.*", "no administrator does anything"),
    ("process_virtual_memory_max_bytes", "a process need not have a limit"),
    ("[30d:3h]", "a day that is long past is asked for"),
];

/// Alerts on how fast the node is: on a machine that is busy with something else they are right.
const ON_SPEED: &[&str] = &[
    "RollcallHeartbeatsSlow",
    "RollcallHeartbeatsSlowAtTimes",
    "RollcallOfflineLate",
    "RollcallOfflineLateAtTimes",
];

/// What the crowd must have moved, or the rest would prove little.
const MOVED: &[&str] = &[
    r#"rollcall_heartbeats_total{transport="http",result="ok"}"#,
    r#"rollcall_heartbeats_total{transport="socket",result="ok"}"#,
    r#"rollcall_transitions_total{to="offline",reason="expired"}"#,
    r#"rollcall_transitions_total{to="busy",reason="manual_set"}"#,
    r#"rollcall_auth_attempts_total{method="password",result="bad_credentials"}"#,
    r#"rollcall_auth_attempts_total{method="password",result="ok"}"#,
    r#"rollcall_auth_attempts_total{method="refresh",result="ok"}"#,
    r#"rollcall_live_messages_total{direction="out",type="presence"}"#,
    "rollcall_live_connections",
    "rollcall_expirations_total",
    "rollcall_audit_rows_total{result=\"stored\"}",
];

/// Series that Prometheus makes of the exposition of a node: for a histogram those that it has.
fn exported(exposition: &str) -> BTreeSet<String> {
    let types = exposition.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let names = types.flat_map(|(name, kind)| {
        let suffixes: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        suffixes.iter().map(move |suffix| format!("{name}{suffix}"))
    });
    names.collect()
}

/// Waits until none of these expressions is without a value; one that cannot be asked fails at once.
async fn have_values(what: &str, expressions: Vec<(String, String)>, server: &Prometheus) {
    let mut waiting = expressions;
    waiting.retain(|(_, expression)| !QUIET.iter().any(|(part, _)| expression.contains(part)));
    let started = Instant::now();
    while !waiting.is_empty() {
        let mut without = Vec::new();
        for (place, expression) in waiting {
            match server.ask(&expression).await {
                Ok(values) if values.is_empty() => without.push((place, expression)),
                Ok(_) => {}
                Err(error) => panic!("{place}: {error}: {expression}"),
            }
        }
        waiting = without;
        assert!(waiting.is_empty() || started.elapsed() < PATIENCE, "{what} without a value: {waiting:#?}");
        sleep(PAUSE).await;
    }
}

/// Each expression with its place.
fn of_panels(dashboards: &[Dashboard]) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for dashboard in dashboards {
        for panel in &dashboard.panels {
            let place = format!("{}, {}", dashboard.file, panel.title);
            all.extend(panel.expressions.iter().map(|expression| (place.clone(), expression.clone())));
        }
    }
    all
}

/// A node exports what it is asked for, and whatever it exports is looked at.
fn assert_names(exposition: &str, rules: &[Rule], panels: &[(String, String)], annotations: &[String]) {
    let mut known = exported(exposition);
    known.extend(rules.iter().filter_map(|rule| rule.record.clone()));
    known.insert("up".into());
    let asked = |expressions: &mut dyn Iterator<Item = &str>| -> BTreeSet<String> {
        expressions.flat_map(selectors).map(|selector| selector.name).collect()
    };
    let by_rules = asked(&mut rules.iter().map(|rule| rule.expr.as_str()));
    let by_panels = asked(&mut panels.iter().map(|(_, expression)| expression.as_str()));
    let by_annotations = asked(&mut annotations.iter().map(String::as_str));
    for (who, names) in [("rules", by_rules), ("panels", by_panels.clone()), ("annotations", by_annotations)]
    {
        let unknown: Vec<_> = names.difference(&known).collect();
        assert!(unknown.is_empty(), "{who} ask for what no node exports: {unknown:?}");
    }
    let is_shown = |name: &str| {
        ["", "_bucket", "_sum", "_count"].iter().any(|suffix| by_panels.contains(&format!("{name}{suffix}")))
    };
    let types = exposition.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let unseen: Vec<_> = types.filter(|name| !is_shown(name)).collect();
    assert!(unseen.is_empty(), "exported, and on no panel: {unseen:?}");
}

/// What is excused is asked for: an excuse that is left over would hide the next mistake.
fn assert_excuses(rules: &[Rule], panels: &[(String, String)]) {
    let asked = || rules.iter().map(|rule| &rule.expr).chain(panels.iter().map(|(_, expression)| expression));
    let idle: Vec<_> = QUIET.iter().filter(|(part, _)| !asked().any(|text| text.contains(part))).collect();
    assert!(idle.is_empty(), "nothing asks for what these excuse: {idle:?}");
}

/// Alerts that fire, but for those on speed.
async fn firing(server: &Prometheus) -> Vec<String> {
    let alerts = server.firing().await.into_iter().filter(|alert| !ON_SPEED.contains(&alert.name.as_str()));
    alerts.map(|alert| format!("{}: {}", alert.name, alert.description)).collect()
}

/// Waits until no alert fires.
async fn is_calm(server: &Prometheus) {
    let started = Instant::now();
    loop {
        let alerts = firing(server).await;
        if alerts.is_empty() {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "a healthy node has alerts: {alerts:#?}");
        sleep(PAUSE).await;
    }
}

/// Every rule works, records something or is an alert that could fire, and no alert does.
async fn judge_rules(rules: &[Rule], server: &Prometheus) {
    eventually("healthy rules", PATIENCE, async || {
        let healths = server.healths().await;
        let wrong: Vec<_> =
            healths.iter().filter(|(_, health)| !matches!(health.as_str(), "ok" | "unknown")).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        let all_ok = healths.len() == rules.len() && healths.iter().all(|(_, health)| health == "ok");
        all_ok.then_some(())
    })
    .await;
    let recorded = rules.iter().filter_map(|rule| rule.record.clone()).map(|name| (name.clone(), name));
    have_values("recorded series", recorded.collect(), server).await;
    // An alert is silent for its limits, not because what it looks at does not exist.
    let looked_at = rules.iter().filter_map(|rule| Some((rule.alert.clone()?, &rule.expr)));
    let looked_at = looked_at.flat_map(|(alert, expression)| {
        selectors(expression).into_iter().map(move |selector| (alert.clone(), selector.text))
    });
    have_values("what alerts look at", looked_at.collect(), server).await;
    is_calm(server).await;
}

/// What must fire does, and is over when the fault is.
async fn one_fault(stack: &DevStack, server: &Prometheus) {
    let told = "RollcallRedisUnreachable: No node of rollcall reaches all of Redis";
    let fires = async || firing(server).await.iter().any(|alert| alert.starts_with(told));
    stack.redis().freeze().unwrap();
    eventually("the alert", PATIENCE, async || fires().await.then_some(())).await;
    stack.redis().thaw().unwrap();
    eventually("the end of the alert", PATIENCE, async || (!fires().await).then_some(())).await;
}

#[allow(clippy::print_stdout, reason = "what was tried is a report")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_dashboard_and_rule_works_on_a_real_prometheus() {
    let rules: Vec<Rule> = Rules::read().all().cloned().collect();
    let dashboards = dashboards::read();
    let stack =
        tokio::task::spawn_blocking(|| private_stack(|options| options.redis_persists = true)).await.unwrap();
    // Without a limit there is no share of it.
    redis_command_to(&stack, "CONFIG SET maxmemory 256mb").await;
    let database = migrated(&stack).await;
    let node = Program::serve("node-a", &stack.redis_url(), &database, BRIEF);
    let server = Prometheus::start(node.internal.trim_start_matches("http://")).await;
    let crowd = Crowd::gather(&node.base).await;

    let moved = MOVED.iter().map(|series| ((*series).to_owned(), format!("sum({series}) > 0")));
    have_values("what the crowd does", moved.collect(), &server).await;
    let exposition = reqwest::get(format!("{}/metrics", node.internal)).await.unwrap().text().await.unwrap();
    let said = content("promtool", &["check", "metrics"], ".", &exposition);
    assert!(said.trim().is_empty(), "{said}");
    let panels = of_panels(&dashboards);
    let annotations: Vec<_> = dashboards.iter().flat_map(|dashboard| dashboard.annotations.clone()).collect();
    assert_names(&exposition, &rules, &panels, &annotations);
    assert_excuses(&rules, &panels);
    for expression in &annotations {
        server.ask(expression).await.unwrap_or_else(|error| panic!("{error}: {expression}"));
    }
    have_values("panels", panels.clone(), &server).await;
    judge_rules(&rules, &server).await;

    one_fault(&stack, &server).await;
    drop(crowd);
    println!(
        "{} dashboards with {} panels, {} queries and {} annotations; {} rules; nothing wrong",
        dashboards.len(),
        dashboards.iter().map(|dashboard| dashboard.panels.len()).sum::<usize>(),
        panels.len(),
        annotations.len(),
        rules.len()
    );
}
