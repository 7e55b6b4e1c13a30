//! Rates as people write them: `120/min`, `200/s burst 400`, `none`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// So many times per period, with a burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many per period, on average.
    pub count: u32,
    /// The period.
    pub period: Period,
    /// How many at once, after a rest; the same as `count` unless said.
    pub burst: u32,
}

/// The period of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// `s`
    Second,
    /// `min`
    Minute,
    /// `h`
    Hour,
}

impl Period {
    const ALL: [Self; 3] = [Self::Second, Self::Minute, Self::Hour];

    const fn word(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "min",
            Self::Hour => "h",
        }
    }

    /// How long it is.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
        })
    }
}

/// A rate, or `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(pub Option<Rate>);

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim() == "none" {
            return Ok(Self(None));
        }
        parse(text)
            .map(|rate| Self(Some(rate)))
            .ok_or_else(|| "expected a rate such as 120/min, 200/s burst 400, 1000/h, or none".to_owned())
    }
}

fn parse(text: &str) -> Option<Rate> {
    let mut words = text.split_whitespace();
    let (count, period) = words.next()?.split_once('/')?;
    let count = count.parse().ok().filter(|count| *count > 0)?;
    let period = Period::ALL.into_iter().find(|known| known.word() == period)?;
    let burst = match (words.next(), words.next(), words.next()) {
        (None, ..) => count,
        (Some("burst"), Some(burst), None) => burst.parse().ok().filter(|burst| *burst > 0)?,
        _ => return None,
    };
    Some(Rate { count, period, burst })
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(rate) = self.0 else {
            return f.write_str("none");
        };
        write!(f, "{}/{}", rate.count, rate.period.word())?;
        if rate.burst == rate.count { Ok(()) } else { write!(f, " burst {}", rate.burst) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_reads_back() {
        for text in ["120/min", "200/s burst 400", "1000/h", "none"] {
            assert_eq!(text.parse::<Limit>().unwrap().to_string(), text);
        }
        let limit: Limit = "200/s burst 400".parse().unwrap();
        assert_eq!(limit.0.unwrap().burst, 400);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "120", "0/s", "5/day", "5/s burst", "5/s burst 0", "5/s burst 6 7", "5/s often 6"] {
            assert!(text.parse::<Limit>().is_err(), "{text}");
        }
    }
}
