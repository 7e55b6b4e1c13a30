//! Short texts that people write: the words beside a status, an emoji, a reason. Parsed at the door.

use serde::{Deserialize, Deserializer};

/// Text of at most `MOST` characters without control characters; spaces around it are taken off.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Words<const MOST: usize>(String);

/// Why somebody does something to another.
pub type Why = Words<500>;

impl<const MOST: usize> TryFrom<String> for Words<MOST> {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let text = text.trim();
        if text.chars().count() > MOST {
            return Err(format!("expected at most {MOST} characters"));
        }
        if text.chars().any(char::is_control) {
            return Err("expected text without control characters".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

impl<const MOST: usize> Words<MOST> {
    /// The text; may be empty.
    pub fn into_text(self) -> String {
        self.0
    }

    /// The text, if there is any.
    pub fn some(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|text| !text.is_empty())
    }
}

/// An emoji, or nothing: one sign as people see it may be a dozen characters joined.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Emoji(String);

/// Most characters of an emoji: families with skin tones and flags of regions have up to 14.
const LONGEST_EMOJI: usize = 16;

impl TryFrom<String> for Emoji {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        // A keycap begins with a digit, so not every character has to be a symbol.
        let is_sign = !text.is_ascii() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
        if text.is_empty() || is_sign && text.chars().count() <= LONGEST_EMOJI {
            Ok(Self(text))
        } else {
            Err("expected one emoji")
        }
    }
}

impl Emoji {
    /// The emoji as text; may be empty.
    pub fn into_text(self) -> String {
        self.0
    }
}

/// A field that may be absent (`None`), `null` (`Some(None)`) or a value. With `#[serde(default)]`.
pub fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    input: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(input).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_short_and_clean() {
        let words = |text: &str| Words::<5>::try_from(text.to_owned());
        assert_eq!(words(" l\u{fc}nch ").unwrap().into_text(), "l\u{fc}nch");
        assert_eq!(words("   ").unwrap().some(), None);
        assert!(words("sixsix").unwrap_err().contains('5'));
        assert!(words("a\nb").is_err());
    }

    #[test]
    fn an_emoji_is_one_sign() {
        let is_emoji = |text: &str| Emoji::try_from(text.to_owned()).is_ok();
        for good in ["", "\u{1f33f}", "1\u{fe0f}\u{20e3}", "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}"] {
            assert!(is_emoji(good), "{good}");
        }
        for bad in ["x", "\u{1f33f} \u{1f33f}", "\u{1f33f}\n", &"\u{1f33f}".repeat(17)] {
            assert!(!is_emoji(bad), "{bad}");
        }
    }
}
