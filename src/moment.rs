//! How times look in answers and in what receivers are sent: RFC 3339, UTC, exactly three decimals and `Z`. The one home
//! of that format, because the general formatter of the time library drops trailing zeros and clients compare strings.

use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::presence::Millis;

const FORMAT: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Enough for any year that the library knows.
const LONGEST: usize = 32;

/// The clock of this machine. It decides nothing about presence: it is for tokens, and to be compared.
#[must_use]
pub fn now() -> Millis {
    let now = OffsetDateTime::now_utc();
    Millis(now.unix_timestamp() * 1_000 + i64::from(now.millisecond()))
}

/// A moment as answers show it: `2026-11-20T11:08:32.209Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(Millis);

impl Timestamp {
    /// The moment, unless `at` is 0: the store and the audit say 0 for "never".
    #[must_use]
    pub fn unless_never(at: Millis) -> Option<Self> {
        (at.0 > 0).then_some(Self(at))
    }
}

impl Timestamp {
    /// For names of files: `20261120T110832Z`.
    #[must_use]
    pub fn compact(self) -> String {
        let whole = self.to_string();
        let digits: String = whole.split('.').next().unwrap_or(&whole).replace(['-', ':'], "");
        digits + "Z"
    }
}

impl From<Millis> for Timestamp {
    fn from(at: Millis) -> Self {
        Self(at)
    }
}

impl From<OffsetDateTime> for Timestamp {
    fn from(at: OffsetDateTime) -> Self {
        Self(Millis(at.unix_timestamp() * 1_000 + i64::from(at.millisecond())))
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let nanos = i128::from(self.0.0) * 1_000_000;
        let at = OffsetDateTime::from_unix_timestamp_nanos(nanos).map_err(|_| std::fmt::Error)?;
        // In place: a list of a thousand people has four thousand of them.
        let mut text = [0; LONGEST];
        let mut rest = &mut text[..];
        at.format_into(&mut rest, FORMAT).map_err(|_| std::fmt::Error)?;
        let unused = rest.len();
        f.write_str(std::str::from_utf8(&text[..LONGEST - unused]).map_err(|_| std::fmt::Error)?)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl utoipa::PartialSchema for Timestamp {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .examples(["2026-11-20T11:08:32.209Z"])
            .into()
    }
}

impl utoipa::ToSchema for Timestamp {}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn three_decimals_always() {
        assert_eq!(Timestamp::from(Millis(0)).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from(Millis(1_795_172_912_200)).to_string(), "2026-11-20T11:08:32.200Z");
        let other_zone = datetime!(2026-11-20 13:08:32.209_999 +2);
        assert_eq!(Timestamp::from(other_zone).to_string(), "2026-11-20T11:08:32.209Z");
    }

    #[test]
    fn never_is_no_time() {
        assert_eq!(Timestamp::unless_never(Millis(0)), None);
    }
}
