//! Where a page of transitions ended. Opaque to clients: they hand it back as it came.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::presence::Millis;

/// The years 1 to 9999, in ms: what both the calendar here and that of Postgres know.
const TIMES: std::ops::RangeInclusive<i64> = -62_135_596_800_000..=253_402_300_799_999;

/// The last row of a page. Complete, so that the order is stable where many transitions share a millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// When it happened.
    pub occurred_at: Millis,
    /// Its shard.
    pub shard: u16,
    /// Its epoch.
    pub epoch: i64,
    /// Its number.
    pub n: i64,
}

/// A text that is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this list")]
pub struct InvalidCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { occurred_at, shard, epoch, n } = self;
        f.write_str(&URL_SAFE_NO_PAD.encode(format!("{occurred_at} {shard} {epoch} {n}")))
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| InvalidCursor)?;
        let mut parts = text.split(' ');
        let mut next = || parts.next().ok_or(InvalidCursor);
        let cursor = Self {
            occurred_at: Millis(number(next()?)?),
            shard: number(next()?)?,
            epoch: number(next()?)?,
            n: number(next()?)?,
        };
        let whole = parts.next().is_none() && TIMES.contains(&cursor.occurred_at.0);
        if whole { Ok(cursor) } else { Err(InvalidCursor) }
    }
}

fn number<N: FromStr>(text: &str) -> Result<N, InvalidCursor> {
    text.parse().map_err(|_| InvalidCursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let cursor = Cursor { occurred_at: Millis(-5), shard: 63, epoch: 7, n: i64::MAX };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }

    #[test]
    fn anything_else_is_refused() {
        let long = URL_SAFE_NO_PAD.encode("1 2 3 4 5");
        let short = URL_SAFE_NO_PAD.encode("1 2 3");
        let late = URL_SAFE_NO_PAD.encode("253402300800000 1 1 1");
        for text in ["", "x", "%%%", "_____w", &long, &short, &late] {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text}");
        }
    }
}
