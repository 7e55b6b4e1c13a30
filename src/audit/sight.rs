//! Whether history is told as it was or as others saw it. What others saw is made by `shown_log` in `sql.rs`, so that
//! filters, pages and ends of stretches know nothing that is not told.

use super::{Told, Transition};
use crate::presence::{EntryKind, Reason, Status};

/// Whether what the invisible did is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sight {
    /// What was.
    #[default]
    Truth,
    /// What others saw: whoever is invisible is offline, has gone as one who closes the page, and comes as one who opens it.
    /// Nothing tells these from others who did: no session, device or cause of such a coming or going is told of anybody.
    Shown,
}

impl Sight {
    /// The statement for it.
    pub(super) const fn pick(self, truth: &'static str, shown: &'static str) -> &'static str {
        match self {
            Self::Truth => truth,
            Self::Shown => shown,
        }
    }
}

impl Transition {
    /// Whether it is a coming or going of the kind that those of the invisible are told as, and so told briefly
    /// ([`Sight::Shown`]).
    #[must_use]
    pub fn is_brief(&self) -> bool {
        is_brief(self.from, self.to, self.reason)
    }
}

impl Told {
    /// Whether it is a coming or going that is told briefly, see [`Sight::Shown`].
    #[must_use]
    pub fn is_brief(&self) -> bool {
        self.kind == EntryKind::Transition && is_brief(self.from, self.to, self.reason)
    }
}

/// `shown_log` in `sql.rs` has the same rule.
fn is_brief(from: Status, to: Status, reason: Reason) -> bool {
    matches!(reason, Reason::Closed | Reason::Connect) && (from == Status::Offline || to == Status::Offline)
}
