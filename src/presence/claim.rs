//! Claims and gates: what overrides, or forbids, what sessions say.

use super::{GateKind, Millis, Status};

/// A wish that overrides what sessions say, until it ends or is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Chosen by the caller, so that a repeated call changes nothing.
    pub id: String,
    /// The status it asks for.
    pub status: Status,
    /// Text shown beside the status.
    pub text: String,
    /// Emoji shown beside the status.
    pub emoji: String,
    /// When it ends by itself.
    pub until: Option<Millis>,
}

/// Whose claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The user's own.
    Manual,
    /// An administrator's; goes before the user's own.
    Admin,
}

/// Text, emoji and end of the claim in force, if there is one.
pub(super) type SeenClaim = Option<(String, String, Option<Millis>)>;

/// The claims on one user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// The user's own.
    pub manual: Option<Claim>,
    /// An administrator's.
    pub admin: Option<Claim>,
}

impl Claims {
    /// The claim that decides.
    #[must_use]
    pub fn in_force(&self) -> Option<&Claim> {
        self.admin.as_ref().or(self.manual.as_ref())
    }

    pub(super) fn slot(&mut self, whose: Whose) -> &mut Option<Claim> {
        match whose {
            Whose::Manual => &mut self.manual,
            Whose::Admin => &mut self.admin,
        }
    }

    /// What others could notice of the claim in force beside its status.
    pub(super) fn seen(&self) -> SeenClaim {
        self.in_force().map(|claim| (claim.text.clone(), claim.emoji.clone(), claim.until))
    }
}

/// A word on whether an account may be online.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Why not, or `None` once lifted.
    pub kind: Option<GateKind>,
    /// Orders repeated and overtaken calls.
    pub version: i64,
    /// When it ends by itself.
    pub until: Option<Millis>,
}
