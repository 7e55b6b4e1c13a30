//! What a metric is, and how the table makes one.

/// What a metric does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Distribution over these upper bounds.
    Histogram(&'static [f64]),
}

/// What a metric counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Pieces.
    Count,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

/// A label and the values it can have.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Its values; none where another part of the program knows them and registers them at start.
    pub values: fn() -> Vec<&'static str>,
}

/// A metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its full name.
    pub name: &'static str,
    /// What it does.
    pub kind: Kind,
    /// What it counts in.
    pub unit: Unit,
    /// Its labels, in the order that values are given in.
    pub labels: &'static [Label],
    /// What it says, for people; begins with a space, as a comment does.
    pub help: &'static str,
    /// Which combinations of values can occur; those are there from the start, at 0.
    pub possible: fn(&[&'static str]) -> bool,
}

type Labels = &'static [Label];

const fn metric(name: &'static str, labels: Labels, help: &'static str, kind: Kind, unit: Unit) -> Metric {
    Metric { name, kind, unit, labels, help, possible: |_| true }
}

pub(super) const fn label(name: &'static str, values: fn() -> Vec<&'static str>) -> Label {
    Label { name, values }
}

pub(super) const fn counter(name: &'static str, labels: Labels, help: &'static str) -> Metric {
    metric(name, labels, help, Kind::Counter, Unit::Count)
}

/// A counter of which not every combination of labels can occur.
pub(super) const fn counter_where(
    name: &'static str,
    labels: Labels,
    help: &'static str,
    possible: fn(&[&'static str]) -> bool,
) -> Metric {
    let mut counter = counter(name, labels, help);
    counter.possible = possible;
    counter
}

/// A counter of time.
pub(super) const fn seconds_counter(name: &'static str, labels: Labels, help: &'static str) -> Metric {
    metric(name, labels, help, Kind::Counter, Unit::Seconds)
}

pub(super) const fn gauge(name: &'static str, labels: Labels, help: &'static str) -> Metric {
    metric(name, labels, help, Kind::Gauge, Unit::Count)
}

pub(super) const fn seconds_gauge(name: &'static str, labels: Labels, help: &'static str) -> Metric {
    metric(name, labels, help, Kind::Gauge, Unit::Seconds)
}

pub(super) const fn bytes_gauge(name: &'static str, labels: Labels, help: &'static str) -> Metric {
    metric(name, labels, help, Kind::Gauge, Unit::Bytes)
}

/// A histogram of durations.
pub(super) const fn seconds(
    name: &'static str,
    labels: Labels,
    help: &'static str,
    buckets: &'static [f64],
) -> Metric {
    metric(name, labels, help, Kind::Histogram(buckets), Unit::Seconds)
}

/// A histogram of sizes.
pub(super) const fn count_histogram(
    name: &'static str,
    labels: Labels,
    help: &'static str,
    buckets: &'static [f64],
) -> Metric {
    metric(name, labels, help, Kind::Histogram(buckets), Unit::Count)
}
