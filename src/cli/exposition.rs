//! Reads what `/metrics` shows: for commands that tell how a node is doing by its own figures.

/// The sum of a metric's series that have this label (`name="value"`); of all, if the label is empty.
pub(super) fn sum(exposition: &str, metric: &str, label: &str) -> f64 {
    exposition
        .lines()
        .filter_map(|line| line.strip_prefix(metric)?.strip_prefix('{')?.split_once("} "))
        .filter(|(labels, _)| labels.split(',').any(|known| label.is_empty() || known == label))
        .filter_map(|(_, value)| value.trim().parse::<f64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_summed_by_label() {
        let text = "# TYPE a_total counter\na_total{from=\"x\",to=\"y\"} 2\na_total{from=\"y\",to=\"x\"} 3\nb_total{to=\"x\"} 5\n";
        let sums = [("to=\"x\"", 3.0), ("from=\"x\"", 2.0), ("", 5.0)];
        for (label, expected) in sums {
            assert!((sum(text, "a_total", label) - expected).abs() < f64::EPSILON, "{label}");
        }
    }
}
