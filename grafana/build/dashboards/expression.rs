//! What sources leave out of their queries, because it is the same everywhere: which nodes are looked at.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// A metric of ours, or what rules recorded of some, with the selector that follows, if there is one. Text in quotes comes
/// first, so that nothing in it is taken for a metric.
static METRIC: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#""[^"]*"|\b(?<name>(?:rollcall[_:]|process_)[a-z0-9_:]+|up\b)(?:\{(?<labels>[^}]*)\})?"#)
        .expect("the pattern is right")
});

/// Adds the variables `job` and `instance` to each selector. What rules recorded is of all nodes together and has no
/// `instance`.
pub fn select_nodes(expression: &str) -> String {
    let expression = expression.split_whitespace().collect::<Vec<_>>().join(" ");
    let select = |found: &Captures<'_>| {
        let Some(name) = found.name("name") else { return found[0].to_owned() };
        let nodes = if name.as_str().contains(':') {
            r#"job="$job""#
        } else {
            r#"job="$job", instance=~"$instance""#
        };
        match found.name("labels") {
            Some(labels) => format!("{}{{{nodes}, {}}}", name.as_str(), labels.as_str()),
            None => format!("{}{{{nodes}}}", name.as_str()),
        }
    };
    METRIC.replace_all(&expression, select).into_owned()
}

#[cfg(test)]
mod tests {
    use super::select_nodes;

    #[test]
    fn every_metric_is_chosen_and_nothing_else() {
        let nodes = r#"job="$job", instance=~"$instance""#;
        for (bare, selected) in [
            ("max(rollcall_users)", format!("max(rollcall_users{{{nodes}}})")),
            (r#"rollcall_users{status="up"}"#, format!(r#"rollcall_users{{{nodes}, status="up"}}"#)),
            ("up\n  + process_threads", format!("up{{{nodes}}} + process_threads{{{nodes}}}")),
            ("rollcall:a:ratio_rate5m / 2", r#"rollcall:a:ratio_rate5m{job="$job"} / 2"#.to_owned()),
            (
                r#"label_replace(x, "up", "rollcall_users")"#,
                r#"label_replace(x, "up", "rollcall_users")"#.to_owned(),
            ),
        ] {
            assert_eq!(select_nodes(bare), selected);
        }
    }
}
