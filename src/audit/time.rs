//! The one place where [`Millis`] become `timestamptz` and come back.

use sqlx::types::time::OffsetDateTime;

use super::AuditError;
use crate::presence::Millis;

/// The moment for Postgres.
///
/// # Errors
/// [`AuditError::Refused`] beyond the years -9999 to 9999, which only a broken clock reports.
pub(super) fn to_postgres(what: &'static str, at: Millis) -> Result<OffsetDateTime, AuditError> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000)
        .map_err(|_| AuditError::Refused(format!("{what} is no moment: {at} ms")))
}

/// The moment from Postgres; microseconds, which this program never writes, are cut off.
pub(super) fn from_postgres(at: OffsetDateTime) -> Millis {
    // Years -9999 to 9999 are 18 digits of milliseconds at most, so the cast is exact.
    #[allow(clippy::cast_possible_truncation)]
    Millis(at.unix_timestamp_nanos().div_euclid(1_000_000) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_survive_the_way_there_and_back() {
        for ms in [0, 1, -1, 1_795_000_000_123, -62_135_596_800_001] {
            let there = to_postgres("moment", Millis(ms)).unwrap();
            assert_eq!(from_postgres(there), Millis(ms));
        }
    }

    #[test]
    fn a_moment_out_of_range_is_refused_by_name() {
        let error = to_postgres("detected_at", Millis(i64::MAX)).unwrap_err();
        assert!(error.to_string().contains("detected_at"), "{error}");
    }
}
