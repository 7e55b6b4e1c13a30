//! What an account is called: user names and addresses, parsed once at the door.

/// A value breaks a rule; the rule in words, as people may read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NameRule(pub &'static str);

/// A user name: 3-150 letters, digits, spaces and `_ . -`, without spaces around it. Unique without regard
/// to case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// Parses a user name; spaces around it are taken off.
    ///
    /// # Errors
    /// [`NameRule`] in the words that existing clients show.
    pub fn parse(text: &str) -> Result<Self, NameRule> {
        let text = text.trim();
        if !(3..=150).contains(&text.chars().count()) {
            return Err(NameRule("Username must be 3-150 characters"));
        }
        if !text.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '_' | '.' | '-')) {
            return Err(NameRule("Username may contain letters, digits, spaces and _ . - only"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An e-mail address. Unique without regard to case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Parses an address; spaces around it are taken off. Only its form is checked: whether it works is
    /// known when a message has arrived.
    ///
    /// # Errors
    /// [`NameRule`] in the words that existing clients show.
    pub fn parse(text: &str) -> Result<Self, NameRule> {
        let text = text.trim();
        let good = |part: &str| {
            !part.is_empty() && !part.chars().any(|c| c.is_whitespace() || c.is_control() || c == '@')
        };
        let parts = text.split_once('@').is_some_and(|(local, domain)| good(local) && good(domain));
        if parts && text.chars().count() <= 254 {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameRule("Invalid email format"))
        }
    }

    /// What an account gets that was made without one. Names may hold spaces, addresses may not; `+` is in no name, so
    /// no two names share an address.
    ///
    /// # Errors
    /// [`NameRule`] if the name is too long for it.
    pub fn of(username: &Username) -> Result<Self, NameRule> {
        Self::parse(&format!("{}@offchat.local", username.as_str().replace(' ', "+")))
    }

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
