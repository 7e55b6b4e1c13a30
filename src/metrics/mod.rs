//! What the service measures of itself, for Prometheus.
//!
//! [`names`] is the one table of metrics, [`record`] the one way to tell them, [`labels`] the words they may use.

pub mod labels;
mod metric;
pub mod names;
pub mod record;

use std::sync::OnceLock;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;

pub use metric::{Kind, Label, Metric, Unit};

/// The way to the collected values.
#[derive(Debug)]
pub struct Handle {
    prometheus: PrometheusHandle,
    process: Collector,
}

/// Starts measuring. May be called again: a process has one registry, and all callers get the same handle.
///
/// # Panics
/// If something else in the process has installed a recorder, which would swallow every measurement.
pub fn install() -> &'static Handle {
    static HANDLE: OnceLock<Handle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let recorder = builder().expect("every list of buckets in the table has a bound").build_recorder();
        let prometheus = recorder.handle();
        ::metrics::set_global_recorder(recorder).expect("this is the only recorder of the process");
        for metric in names::ALL {
            describe(metric);
            create(metric);
        }
        record::build_info();
        let process = Collector::default();
        process.describe();
        Handle { prometheus, process }
    })
}

impl Handle {
    /// Every value, in the text format of Prometheus.
    #[must_use]
    pub fn render(&self) -> String {
        self.process.collect();
        self.prometheus.render()
    }

    /// Folds samples into their buckets. To be called every few seconds: until then each sample is kept.
    pub fn run_upkeep(&self) {
        self.prometheus.run_upkeep();
    }
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    // Without buckets of its own a histogram would be rendered as a summary, which cannot be aggregated.
    let mut builder = PrometheusBuilder::new().set_buckets(names::OTHERWISE)?;
    for metric in names::ALL {
        if let Kind::Histogram(buckets) = metric.kind {
            builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), buckets)?;
        }
    }
    Ok(builder)
}

fn describe(metric: &Metric) {
    let unit = match metric.unit {
        Unit::Count => ::metrics::Unit::Count,
        Unit::Seconds => ::metrics::Unit::Seconds,
        Unit::Bytes => ::metrics::Unit::Bytes,
    };
    let help = metric.help.trim_start();
    match metric.kind {
        Kind::Counter => ::metrics::describe_counter!(metric.name, unit, help),
        Kind::Gauge => ::metrics::describe_gauge!(metric.name, unit, help),
        Kind::Histogram(_) => ::metrics::describe_histogram!(metric.name, unit, help),
    }
}

/// Makes every possible combination of label values exist.
fn create(metric: &Metric) {
    let mut combinations: Vec<Vec<&'static str>> = vec![Vec::new()];
    for label in metric.labels {
        let values = (label.values)();
        combinations = combinations
            .iter()
            .flat_map(|begun| values.iter().map(move |value| [begun.as_slice(), &[*value]].concat()))
            .collect();
    }
    for values in combinations.iter().filter(|values| (metric.possible)(values)) {
        record::create(metric, values);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;

    /// The name at the head of each line of samples, without the suffixes of a histogram.
    fn names_in(text: &str) -> BTreeSet<String> {
        text.lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .filter_map(|line| line.split(['{', ' ']).next())
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn every_metric_is_there_from_the_start_and_none_is_a_summary() {
        let handle = install();
        record::expect_route("/livez/", "GET");
        record::expect_script("session_beat");
        handle.run_upkeep();
        let text = handle.render();
        assert!(!text.contains("quantile="), "{text}");
        let shown = names_in(&text);
        for name in &shown {
            assert!(name.starts_with("rollcall_") || name.starts_with("process_"), "{name}");
        }
        for metric in names::ALL {
            let name = match metric.kind {
                Kind::Histogram(_) => format!("{}_bucket", metric.name),
                _ => metric.name.to_owned(),
            };
            assert!(shown.contains(&name), "{name} is missing");
            assert!(text.contains(&format!("# HELP {} ", metric.name)), "{} has no help", metric.name);
        }
        assert!(text.contains("rollcall_build_info{version="));
    }

    #[test]
    fn names_say_their_kind_and_unit() {
        for metric in names::ALL {
            let (name, is_counter) = match metric.name.strip_suffix("_total") {
                Some(name) => (name, true),
                None => (metric.name, false),
            };
            assert_eq!(is_counter, metric.kind == Kind::Counter, "{}", metric.name);
            assert_eq!(name.ends_with("_seconds"), metric.unit == Unit::Seconds, "{}", metric.name);
            assert_eq!(name.ends_with("_bytes"), metric.unit == Unit::Bytes, "{}", metric.name);
            assert!(metric.help.ends_with('.'), "{}", metric.name);
        }
        let unique: BTreeSet<_> = names::ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(unique.len(), names::ALL.len());
    }

    #[test]
    fn a_slow_heartbeat_lands_in_its_bucket() {
        let handle = install();
        record::heartbeat(labels::Transport::Socket, labels::Heartbeat::Ok, Duration::from_millis(300));
        let text = handle.render();
        assert!(text.contains(r#"rollcall_heartbeats_total{transport="socket",result="ok"} 1"#), "{text}");
        assert!(
            text.contains(r#"rollcall_heartbeat_duration_seconds_bucket{transport="socket",le="0.25"} 0"#)
        );
        assert!(
            text.contains(r#"rollcall_heartbeat_duration_seconds_bucket{transport="socket",le="0.5"} 1"#)
        );
    }
}
