//! What can go wrong with the history, by what the caller should do about it.

use super::Position;
use crate::database::NoPostgresUrl;

/// Why Postgres did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// Not reachable, restarting, overloaded, or too slow: try again later.
    #[error("postgres is unavailable: {0}")]
    Unavailable(String),
    /// The statement took longer than it may: try again later, or ask for less.
    #[error("postgres took too long: {0}")]
    TimedOut(String),
    /// Postgres refuses these values; trying again changes nothing.
    #[error("refused: {0}")]
    Refused(String),
    /// The database is not what this program expects: not migrated, a right is missing, or a defect.
    #[error("unexpected schema or settings of the database: {0}")]
    Schema(String),
}

impl From<sqlx::Error> for AuditError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match &error {
            E::Database(refusal) => by_code(refusal.code().as_deref().unwrap_or_default(), refusal.message()),
            E::Encode(_) => Self::Refused(error.to_string()),
            E::Io(_) | E::Tls(_) | E::Protocol(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed => {
                Self::Unavailable(error.to_string())
            }
            _ => Self::Schema(error.to_string()),
        }
    }
}

impl From<NoPostgresUrl> for AuditError {
    fn from(error: NoPostgresUrl) -> Self {
        Self::Schema(error.to_string())
    }
}

/// Sorts by SQLSTATE: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn by_code(code: &str, message: &str) -> AuditError {
    let text = format!("{message} ({code})");
    match code {
        // lock_not_available, idle_in_transaction_session_timeout, and read_only_sql_transaction: a standby that
        // is about to be promoted, or a primary that was just demoted.
        "55P03" | "25P03" | "25006" => return AuditError::Unavailable(text),
        // query_canceled: statement_timeout.
        "57014" => return AuditError::TimedOut(text),
        // program_limit_exceeded: a value too long for an index.
        "54000" => return AuditError::Refused(text),
        _ => {}
    }
    match code.get(..2) {
        // Connection, rollback by deadlock, resources, operator (restart), system.
        Some("08" | "40" | "53" | "57" | "58") => AuditError::Unavailable(text),
        // Data exceptions and broken constraints.
        Some("22" | "23") => AuditError::Refused(text),
        _ => AuditError::Schema(text),
    }
}

/// Why a batch was not copied. Nothing of it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// Another node copied this shard meanwhile; read on from here.
    #[error("the position moved to epoch {}, n {}", .0.epoch, .0.n)]
    Moved(Position),
    /// An entry is missing before the first one that does not follow.
    #[error("expected entry {expected}, found {found}")]
    Gap {
        /// The number that should have come.
        expected: i64,
        /// The number that came.
        found: i64,
    },
    /// The entries are of another life of the shard than the position.
    #[error("expected entries of epoch {expected}, found {found}")]
    Epoch {
        /// The position's epoch.
        expected: i64,
        /// The entries' epoch.
        found: i64,
    },
    /// Postgres failed; the batch may be repeated.
    #[error(transparent)]
    Audit(#[from] AuditError),
}

impl From<sqlx::Error> for CopyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Audit(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_sorted_by_what_to_do_about_them() {
        let unavailable = ["08006", "40P01", "53300", "57P01", "55P03", "25006"];
        let refused = ["22021", "23505", "23514", "54000"];
        let schema = ["42P01", "42501", "3D000", "28P01", "XX000", ""];
        for code in unavailable {
            assert!(matches!(by_code(code, ""), AuditError::Unavailable(_)), "{code}");
        }
        assert!(matches!(by_code("57014", ""), AuditError::TimedOut(_)));
        for code in refused {
            assert!(matches!(by_code(code, ""), AuditError::Refused(_)), "{code}");
        }
        for code in schema {
            assert!(matches!(by_code(code, ""), AuditError::Schema(_)), "{code}");
        }
    }
}
