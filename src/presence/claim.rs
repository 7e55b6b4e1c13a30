//! Claims and gates: what overrides, or forbids, what sessions say.

use super::{GateKind, Millis, Status, UnknownWord};

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

/// A change of some parts of a claim; what is `None` stays as it is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amendment {
    /// Name of the claim from now on, chosen by the caller, so that a repeated call changes nothing.
    pub id: String,
    /// The status it asks for.
    pub status: Option<Status>,
    /// Text shown beside the status; may be empty.
    pub text: Option<String>,
    /// Emoji shown beside the status; may be empty.
    pub emoji: Option<String>,
    /// When it ends by itself; `Some(None)` takes the end away.
    pub until: Option<Option<Millis>>,
}

impl Amendment {
    /// The claim that this makes of the one that is held; none if there is none and it says no status.
    #[must_use]
    pub(super) fn of(self, held: Option<&Claim>) -> Option<Claim> {
        Some(Claim {
            id: self.id,
            status: self.status.or_else(|| held.map(|held| held.status))?,
            text: self.text.or_else(|| held.map(|held| held.text.clone())).unwrap_or_default(),
            emoji: self.emoji.or_else(|| held.map(|held| held.emoji.clone())).unwrap_or_default(),
            until: self.until.unwrap_or_else(|| held.and_then(|held| held.until)),
        })
    }
}

/// Whose claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The user's own.
    Manual,
    /// An administrator's; goes before the user's own.
    Admin,
}

impl Whose {
    /// The word as it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Admin => "admin",
        }
    }
}

impl std::str::FromStr for Whose {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        [Self::Manual, Self::Admin]
            .into_iter()
            .find(|whose| whose.as_str() == word)
            .ok_or(UnknownWord { vocabulary: "claim", word: word.to_owned() })
    }
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
