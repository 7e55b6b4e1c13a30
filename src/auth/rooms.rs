//! Which rooms somebody may join: what tokens and grants say of it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Claims;
use crate::presence::{IdError, Org, Room, UserId};

/// What stands at the end of a pattern that means all rooms whose name begins so.
const ANY: char = '*';

/// A room, or all rooms whose name begins so: `doc:7`, `doc:*`, `*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RoomPattern {
    /// This one.
    Exact(Room),
    /// All whose name begins so; all there are, if it is empty.
    Prefix(String),
}

impl RoomPattern {
    /// Whether it means this room.
    #[must_use]
    pub fn admits(&self, room: &Room) -> bool {
        match self {
            Self::Exact(exact) => exact == room,
            Self::Prefix(prefix) => room.as_str().starts_with(prefix.as_str()),
        }
    }
}

impl FromStr for RoomPattern {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        match text.strip_suffix(ANY) {
            Some("") => Ok(Self::Prefix(String::new())),
            // What could not begin a name of a room is a mistake.
            Some(prefix) => Room::parse(prefix).map(|_| Self::Prefix(prefix.to_owned())),
            None => Room::parse(text).map(Self::Exact),
        }
    }
}

impl TryFrom<String> for RoomPattern {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl fmt::Display for RoomPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(room) => room.fmt(f),
            Self::Prefix(prefix) => write!(f, "{prefix}{ANY}"),
        }
    }
}

impl From<RoomPattern> for String {
    fn from(pattern: RoomPattern) -> Self {
        pattern.to_string()
    }
}

/// The rooms of their organisation that somebody may join; none, unless something says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomRights(Arc<[RoomPattern]>);

impl RoomRights {
    /// Every room.
    #[must_use]
    pub fn all() -> Self {
        [RoomPattern::Prefix(String::new())].into_iter().collect()
    }

    /// Whether this room is among them.
    #[must_use]
    pub fn admits(&self, room: &Room) -> bool {
        self.0.iter().any(|pattern| pattern.admits(room))
    }
}

impl FromIterator<RoomPattern> for RoomRights {
    fn from_iter<I: IntoIterator<Item = RoomPattern>>(patterns: I) -> Self {
        Self(patterns.into_iter().collect())
    }
}

/// What a verified room grant says: it lets one user into rooms that their token does not name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomGrant {
    /// Whom.
    pub user: UserId,
    /// Only as a member of this organisation; `None`: of whichever.
    pub org: Option<Org>,
    /// Into which rooms.
    pub rooms: RoomRights,
}

impl RoomGrant {
    /// Whether it lets the bearer of a token into a room.
    #[must_use]
    pub fn admits(&self, bearer: &Claims, room: &Room) -> bool {
        let is_theirs = self.user == bearer.user && self.org.as_ref().is_none_or(|org| *org == bearer.org);
        is_theirs && self.rooms.admits(room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str) -> Room {
        Room::parse(name).unwrap()
    }

    #[test]
    fn a_pattern_is_a_room_or_how_rooms_begin() {
        let admits = |pattern: &str, name: &str| pattern.parse::<RoomPattern>().unwrap().admits(&room(name));
        assert!(admits("doc:7", "doc:7") && !admits("doc:7", "doc:70"));
        assert!(admits("doc:*", "doc:7") && admits("doc:*", "doc:") && !admits("doc:*", "docs"));
        assert!(admits("*", "anything"));
        for bad in ["", "a b", "a*b", "**", "*a", "ü*", &"x".repeat(129), &format!("{}*", "x".repeat(129))] {
            assert!(bad.parse::<RoomPattern>().is_err(), "{bad}");
        }
        for good in ["doc:7", "doc:*", "*"] {
            assert_eq!(good.parse::<RoomPattern>().unwrap().to_string(), good);
        }
    }

    #[test]
    fn nobody_may_what_nothing_says() {
        assert!(!RoomRights::default().admits(&room("lobby")));
        assert!(RoomRights::all().admits(&room("lobby")));
        let some: RoomRights = ["a", "b:*"].iter().map(|pattern| pattern.parse().unwrap()).collect();
        assert!(some.admits(&room("a")) && some.admits(&room("b:1")) && !some.admits(&room("c")));
    }
}
