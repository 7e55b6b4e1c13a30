//! What existing clients keep about a person beside the account. Nothing here is searched, and nothing is decided by it.

use serde::{Deserialize, Serialize};

/// Longest value, in characters; of the description more.
const LONGEST: usize = 300;
const LONGEST_DESCRIPTION: usize = 2_000;

/// Declares the fields, all of them texts that may be absent.
macro_rules! profile {
    ($($(#[$doc:meta])* $name:ident: $most:expr,)+) => {
        /// Some facts about a person, under the names that existing clients give them. What is `None` is not known, or
        /// in a change not meant; an empty text takes it away.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Profile { $($(#[$doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $name: Option<String>,)+ }

        impl Profile {
            /// The names of the fields, in order.
            pub const FIELDS: &'static [&'static str] = &[$(stringify!($name),)+];

            /// The first field that is too long, and how long it may be, in characters.
            #[must_use]
            pub fn too_long(&self) -> Option<(&'static str, usize)> {
                let fields = [$((stringify!($name), &self.$name, $most),)+];
                let broken = fields.into_iter().find(|(_, value, most)| {
                    value.as_ref().is_some_and(|text| text.chars().count() > *most)
                });
                broken.map(|(name, _, most)| (name, most))
            }

            /// The field of this name.
            #[must_use]
            pub fn get(&self, field: &str) -> Option<&str> {
                match field { $(stringify!($name) => self.$name.as_deref(),)+ _ => None }
            }

            /// Sets the field of this name; false if there is none.
            pub fn set(&mut self, field: &str, value: String) -> bool {
                match field { $(stringify!($name) => self.$name = Some(value),)+ _ => return false }
                true
            }

            /// The fields that `change` means and that are different here, by name.
            pub(super) fn differing(&self, change: &Self) -> Vec<&'static str> {
                let is_new = |now: &Option<String>, then: &Option<String>| {
                    then.as_deref().is_some_and(|then| now.as_deref().unwrap_or_default() != then)
                };
                let mut names = Vec::new();
                $(if is_new(&self.$name, &change.$name) { names.push(stringify!($name)); })+
                names
            }

            /// This with what `change` means.
            pub(super) fn changed(&self, change: &Self) -> Self {
                let merged = |now: &Option<String>, then: &Option<String>| {
                    then.clone().or_else(|| now.clone()).filter(|text| !text.is_empty())
                };
                Self { $($name: merged(&self.$name, &change.$name),)+ }
            }
        }
    };
}

profile! {
    /// The father's name.
    father_name: LONGEST,
    /// What the person does.
    position: LONGEST,
    /// How to call them.
    phone_number: LONGEST,
    /// Of a card of the house.
    id_card_number: LONGEST,
    /// Of a card of the state.
    national_id_card_number: LONGEST,
    /// Free words.
    description: LONGEST_DESCRIPTION,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(position: Option<&str>, description: Option<&str>) -> Profile {
        let text = |text: Option<&str>| text.map(str::to_owned);
        Profile { position: text(position), description: text(description), ..Profile::default() }
    }

    #[test]
    fn a_change_means_what_it_names() {
        let before = of(Some("clerk"), Some("tall"));
        assert_eq!(before.changed(&of(None, Some(""))), of(Some("clerk"), None));
        assert_eq!(before.differing(&of(Some("clerk"), Some(""))), ["description"]);
        assert_eq!(of(None, None).differing(&of(Some(""), None)), Vec::<&str>::new());
    }

    #[test]
    fn lengths_are_bounded() {
        assert_eq!(of(Some(&"x".repeat(300)), Some(&"x".repeat(2_000))).too_long(), None);
        assert_eq!(of(Some(&"x".repeat(301)), None).too_long(), Some(("position", 300)));
    }
}
