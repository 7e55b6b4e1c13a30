//! Passwords that whoever guesses tries first.
//!
//! A short list is enough against guessing at the door, which is slow; a long one would also refuse what nobody tries.

use std::collections::HashSet;
use std::sync::LazyLock;

/// The most common passwords of eight characters and more, as leaks show them, in lower case.
static COMMON: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());

/// Whether a password is among the most common ones, or one of these names, whatever the case of its letters.
pub(super) fn is_easy(password: &str, names: &[&str]) -> bool {
    let password = password.trim().to_lowercase();
    COMMON.contains(password.as_str()) || names.iter().any(|name| name.to_lowercase() == password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_first_is_easy() {
        for easy in ["password", "Password123", " 12345678 ", "ANN LEE", "ann@example.com"] {
            assert!(is_easy(easy, &["Ann Lee", "ann@example.com"]), "{easy}");
        }
        for hard in ["correct horse", "password of ann", ""] {
            assert!(!is_easy(hard, &["Ann Lee"]), "{hard}");
        }
        assert!(
            COMMON.len() > 400 && COMMON.iter().all(|word| word.len() >= 8 && *word == word.to_lowercase())
        );
    }
}
