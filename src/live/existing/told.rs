//! What clients of older protocols are told: that somebody is in some status now. They know no times, no counts and no
//! errors. `invisible` is `offline` to them, even their own: they have no word for it.

use serde::Serialize;

use crate::accounts::AccountId;
use crate::presence::{Status, UserId};

/// An older protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tongue {
    /// `user_status_change`, `ping`, `pong`.
    OffChat,
    /// `presence`, `heartbeat`, `status_change`, `pong`; statuses in upper case.
    ConnectFlow,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Told<'a> {
    UserStatusChange { user_id: &'a UserId, username: &'a str, online_status: Status },
    Presence { user_id: Id<'a>, status: String },
}

/// A number where it is one.
#[derive(Serialize)]
#[serde(untagged)]
enum Id<'a> {
    Number(AccountId),
    Text(&'a UserId),
}

impl Tongue {
    /// The frame that says how somebody is. `username`: what OffChat shows.
    #[must_use]
    pub fn told(self, user: &UserId, username: &str, status: Status) -> String {
        let status = status.shown();
        let told = match self {
            Self::OffChat => Told::UserStatusChange { user_id: user, username, online_status: status },
            Self::ConnectFlow => Told::Presence {
                user_id: AccountId::of(user).map_or(Id::Text(user), Id::Number),
                status: status.as_str().to_ascii_uppercase(),
            },
        };
        // Only maps with keys that are no text cannot be written.
        serde_json::to_string(&told).unwrap_or_default()
    }

    /// Whether people are told by their names, too.
    #[must_use]
    pub const fn has_names(self) -> bool {
        matches!(self, Self::OffChat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_in_its_own_words() {
        let (number, name) = (UserId::parse("62").unwrap(), UserId::parse("shop~ann").unwrap());
        let told = |tongue: Tongue, user, status| tongue.told(user, "user00060", status);
        assert_eq!(
            told(Tongue::OffChat, &number, Status::Online),
            r#"{"type":"user_status_change","user_id":"62","username":"user00060","online_status":"online"}"#
        );
        assert_eq!(
            told(Tongue::ConnectFlow, &number, Status::Busy),
            r#"{"type":"presence","user_id":62,"status":"BUSY"}"#
        );
        assert_eq!(
            told(Tongue::ConnectFlow, &name, Status::Invisible),
            r#"{"type":"presence","user_id":"shop~ann","status":"OFFLINE"}"#
        );
    }
}
