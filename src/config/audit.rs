//! How long history is kept.

use super::{Span, error};

/// The audit log.
#[derive(Clone, Debug, clap::Args)]
pub struct Audit {
    /// How long history is kept; dropped by whole months
    #[arg(
        id = "audit_retention",
        long = "audit-retention",
        env = "ROLLCALL_AUDIT_RETENTION",
        value_name = "DURATION",
        default_value = "400d"
    )]
    pub retention: Span,
}

impl Audit {
    pub(super) fn problems(&self) -> Vec<String> {
        const MONTH: Span = Span::from_secs(31 * 86_400);
        if self.retention >= MONTH {
            return Vec::new();
        }
        let name = error::names("audit_retention");
        vec![format!(
            "{name} is {}: expected at least 31d, since history is dropped by whole months",
            self.retention
        )]
    }
}
