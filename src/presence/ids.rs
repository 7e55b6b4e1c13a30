//! Names and times. Each is parsed once, at the door, and trusted inside.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A name that breaks the rules of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdError {
    /// Which kind of name was expected.
    pub what: &'static str,
    /// The rule it broke, in words.
    pub rule: &'static str,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {} is {}", self.what, self.rule)
    }
}

impl std::error::Error for IdError {}

/// Declares a name: a string that can only be made by passing its rule.
macro_rules! name {
    ($(#[$meta:meta])* $name:ident, $what:literal, $rule:literal, $check:expr) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// Parses a name.
            ///
            /// # Errors
            /// [`IdError`] if it breaks the rule of its kind.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(text.into())) } else { Err(IdError { what: $what, rule: $rule }) }
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.into()
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn within(text: &str, most: usize, allowed: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.len() <= most && text.bytes().all(allowed)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

name! {
    /// Who: a decimal number for an account of Rollcall's own, `<issuer>~<subject>` for a host application's.
    UserId, "user id", "1-128 characters of A-Z a-z 0-9 _ . - ~ %",
    |text| within(text, 128, |b| is_word(b) || matches!(b, b'.' | b'~' | b'%'))
}

impl UserId {
    /// The name of the issuer whose subject this is; `None` for an account of Rollcall's own.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.0.split_once('~').map(|(name, _)| name)
    }
}

name! {
    /// The organisation a user belongs to.
    Org, "organisation", "1-64 characters of A-Z a-z 0-9 _ . -",
    |text| within(text, 64, |b| is_word(b) || b == b'.')
}

impl Default for Org {
    fn default() -> Self {
        Self("main".into())
    }
}

name! {
    /// A login: what one token family stands for (claim `sid`). `-` where a host's token names none.
    LoginId, "login", "1-64 characters of A-Z a-z 0-9 _ -",
    |text| within(text, 64, is_word)
}

name! {
    /// One tab, window or app of a login; `0` where the client names none.
    Tab, "session", "1-32 characters of A-Z a-z 0-9 _ -",
    |text| within(text, 32, is_word)
}

impl Default for Tab {
    fn default() -> Self {
        Self("0".into())
    }
}

name! {
    /// A random name of one page load or socket, so that a late goodbye cannot end its successor.
    ConnectionId, "connection", "1-64 characters of A-Z a-z 0-9 _ -",
    |text| within(text, 64, is_word)
}

name! {
    /// A channel, group or document of an organisation, in which people see who else is there.
    Room, "room", "1-128 characters of A-Z a-z 0-9 _ . : -",
    |text| within(text, 128, |b| is_word(b) || matches!(b, b'.' | b':'))
}

/// A session: one tab of one login, written `<login>.<tab>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionId {
    /// The login it belongs to.
    pub login: LoginId,
    /// The tab within the login.
    pub tab: Tab,
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.login, self.tab)
    }
}

impl std::str::FromStr for SessionId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (login, tab) =
            text.split_once('.').ok_or(IdError { what: "session id", rule: "<login>.<tab>" })?;
        Ok(Self { login: LoginId::parse(login)?, tab: Tab::parse(tab)? })
    }
}

impl TryFrom<String> for SessionId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> Self {
        id.to_string()
    }
}

/// A moment in milliseconds since 1970 (UTC), or a span in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl std::ops::Add for Millis {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl std::ops::Sub for Millis {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
