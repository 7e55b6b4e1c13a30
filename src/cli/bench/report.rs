//! The table of a measurement: what was found beside what was promised.

use std::io::Write;

/// Rows that are printed as they come, and whether all targets were met.
#[derive(Debug)]
pub(in crate::cli::bench) struct Report {
    met: bool,
}

/// What a figure must not exceed.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli::bench) enum Target {
    /// It is shown for what it is.
    None,
    /// At most so much.
    Most(f64),
    /// Exactly so much.
    Equal(f64),
}

impl Report {
    pub(in crate::cli::bench) const fn new() -> Self {
        Self { met: true }
    }

    /// Whether every target so far was met.
    pub(in crate::cli::bench) const fn is_met(&self) -> bool {
        self.met
    }

    /// Begins a table.
    pub(in crate::cli::bench) fn title(&self, text: &str) -> std::io::Result<()> {
        tell(&format!("\n{text}\n"))
    }

    /// Adds a row; `unit` follows the figure.
    pub(in crate::cli::bench) fn row(
        &mut self,
        what: &str,
        figure: f64,
        unit: &str,
        target: Target,
    ) -> std::io::Result<()> {
        let digits = if figure.abs() < 100.0 && !unit.is_empty() { 2 } else { 0 };
        let (target, met) = match target {
            Target::None => (String::new(), true),
            Target::Most(most) => (format!("<= {most:.0}"), figure <= most),
            Target::Equal(value) => (format!("= {value:.0}"), (figure - value).abs() < 0.5),
        };
        self.met &= met;
        let verdict = if met { "" } else { "  MISSED" };
        tell(&format!("  {what:<52} {figure:>12.digits$} {unit:<3} {target:>12}{verdict}\n"))
    }
}

/// The values at these shares of the sorted figures; the last one for 1.0, 0 of nothing.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "counts are far below 2^52"
)]
pub(in crate::cli::bench) fn quantile(figures: &mut [f64], share: f64) -> f64 {
    figures.sort_by(f64::total_cmp);
    let at = (figures.len() as f64 * share).ceil() as usize;
    figures.get(at.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// Prints at once: a measurement takes minutes.
pub(in crate::cli::bench) fn tell(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    write!(out, "{text}")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_figures_that_occurred() {
        let mut figures: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let found = [0.5, 0.99, 1.0].map(|share| quantile(&mut figures, share));
        assert_eq!(found.map(f64::to_bits), [50.0, 99.0, 100.0].map(f64::to_bits));
        assert_eq!(quantile(&mut [], 0.5).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn one_missed_target_is_remembered() {
        let mut report = Report::new();
        report.row("within", 5.0, "ms", Target::Most(5.0)).unwrap();
        assert!(report.is_met());
        report.row("missed", 4.0, "", Target::Equal(5.0)).unwrap();
        report.row("shown", 9.0, "", Target::None).unwrap();
        assert!(!report.is_met());
    }
}
