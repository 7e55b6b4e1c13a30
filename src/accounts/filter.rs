//! Which accounts are meant.

use std::collections::HashSet;

use time::OffsetDateTime;

use super::people::unmatchable;
use super::{AccountId, AccountStatus};
use crate::presence::{Org, Role};

/// Which accounts a list is about. What is `None` does not matter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Part of the user name, the address or the full name, without regard to case.
    pub search: Option<String>,
    /// The role.
    pub role: Option<Role>,
    /// The status.
    pub status: Option<AccountStatus>,
    /// Whether it is switched on.
    pub is_active: Option<bool>,
    /// The organisation.
    pub org: Option<Org>,
    /// Made at this moment or later.
    pub created_since: Option<OffsetDateTime>,
    /// Made before this moment.
    pub created_until: Option<OffsetDateTime>,
    /// Among whom. Who is present is not known in Postgres.
    pub among: Among,
}

/// A choice of accounts that was made elsewhere.
#[derive(Clone, Debug, Default)]
pub enum Among {
    /// Anybody.
    #[default]
    All,
    /// These.
    Only(Vec<AccountId>),
    /// Everybody but these.
    Without(Vec<AccountId>),
}

impl Among {
    /// Those of `ids` who are in the choice.
    #[must_use]
    pub fn choose(&self, ids: &[AccountId]) -> Vec<AccountId> {
        let (Self::Only(chosen) | Self::Without(chosen)) = self else { return ids.to_vec() };
        let chosen: HashSet<AccountId> = chosen.iter().copied().collect();
        let is_meant = matches!(self, Self::Only(_));
        ids.iter().copied().filter(|id| chosen.contains(id) == is_meant).collect()
    }
}

impl Filter {
    /// What is searched for, if anything.
    pub(super) fn search(&self) -> Option<&str> {
        self.search.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }

    /// The search as a pattern of LIKE.
    pub(super) fn pattern(&self) -> Option<String> {
        let escaped = self.search()?.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        Some(format!("%{escaped}%"))
    }

    /// Postgres holds no text with a zero and must not be sent one; a line end would match between two fields.
    pub(super) fn is_unmatchable(&self) -> bool {
        self.search().is_some_and(|text| unmatchable(text) || text.contains('\n'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_patterns_mean_themselves() {
        let filter = Filter { search: Some(" 50%_\\ ".to_owned()), ..Filter::default() };
        assert_eq!(filter.pattern().unwrap(), "%50\\%\\_\\\\%");
        assert_eq!(Filter { search: Some("  ".to_owned()), ..Filter::default() }.pattern(), None);
    }
}
