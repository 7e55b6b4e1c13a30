//! Durations as people write them: `500ms`, `30s`, `5m`, `1h`, `7d`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::presence::Millis;

/// A span of time in a setting, in whole milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(Duration);

impl Span {
    /// A span of so many milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// A span of so many seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// As the standard library's duration.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// In the unit of presence. Saturates after 292 million years.
    #[must_use]
    pub fn millis(self) -> Millis {
        Millis(i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX))
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected a duration such as 500ms, 30s, 5m, 1h or 7d".to_owned();
        let duration = humantime::parse_duration(text).map_err(|_| expected())?;
        if duration.subsec_nanos() % 1_000_000 != 0 {
            return Err("expected a duration of whole milliseconds".into());
        }
        Ok(Self(duration))
    }
}

impl fmt::Display for Span {
    /// In the largest unit that divides it, so that what is printed can be read back exactly.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let units: [(u128, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
        match units.iter().find(|(size, _)| millis > 0 && millis.is_multiple_of(*size)) {
            Some((size, unit)) => write!(f, "{}{unit}", millis / size),
            None => write!(f, "{millis}ms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_reads_back() {
        for (text, printed) in
            [("30s", "30s"), ("120s", "2m"), ("400d", "400d"), ("1500ms", "1500ms"), ("0s", "0ms")]
        {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.to_string(), printed);
            assert_eq!(printed.parse::<Span>().unwrap(), span);
        }
    }

    #[test]
    fn a_number_without_a_unit_is_refused() {
        for text in ["30", "", "-5s", "1500us", "soon"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
