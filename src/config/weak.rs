//! Secrets that are none: those that stand in the files which come with the program, where everybody can read them, and
//! those that nobody made by chance.

use std::collections::BTreeSet;

/// What stands for a secret in `rollcall.sample.toml`, `.env.example`, `docker-compose.yml` and the documents. A test
/// looks for others.
const SAMPLES: [&str; 3] = [
    "change me: at least thirty-two random bytes",
    "the one before it, of thirty-two bytes or more",
    "password",
];

/// The shortest secret that signs with 256 bits, in bytes.
const SHORTEST: usize = 32;
/// Fewer different bytes are no chance: 32 random ones, even written in hexadecimal, have fewer once in a billion times.
const DIFFERENT: usize = 8;

/// Why a secret that signs is no good, if it is none. Says nothing of what it is.
pub(super) fn of_key(secret: &str) -> Option<String> {
    if secret.len() < SHORTEST {
        return Some(format!("has {} bytes: expected at least {SHORTEST}", secret.len()));
    }
    if let Some(why) = of_password(secret) {
        return Some(why);
    }
    let different = secret.bytes().collect::<BTreeSet<_>>().len();
    (different < DIFFERENT).then(|| {
        format!(
            "has only {different} different characters: make one by chance, as `openssl rand -hex 32` does"
        )
    })
}

/// Why a secret that is long enough may still have been made up by somebody, if it looks so.
pub(super) fn looks_made_up(secret: &str) -> Option<&'static str> {
    let bytes = secret.trim().as_bytes();
    let repeats = |length: &usize| bytes.chunks(*length).all(|chunk| bytes.starts_with(chunk));
    if (1..=bytes.len() / 2).any(|length| repeats(&length)) {
        return Some("the same characters again and again");
    }
    let are_letters =
        |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b' ' | b',' | b'.' | b'-' | b'_');
    bytes.iter().all(are_letters).then_some("words")
}

/// The same of a secret that somebody else has accepted already.
pub(super) fn of_password(secret: &str) -> Option<String> {
    SAMPLES.contains(&secret.trim()).then(|| "is the one of the examples, which everybody knows".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_made_by_chance_is_refused() {
        let why = |secret: &str| of_key(secret).unwrap();
        assert_eq!(why("short"), "has 5 bytes: expected at least 32");
        assert!(why(&"a".repeat(64)).contains("1 different"));
        assert!(why(&"secret".repeat(8)).contains("5 different"));
        assert!(why(&"0123456".repeat(8)).contains("7 different"));
        for sample in SAMPLES.iter().filter(|sample| sample.len() >= SHORTEST) {
            assert!(why(sample).contains("examples"), "{sample}");
            assert!(why(&format!(" {sample}\n")).contains("examples"), "{sample}");
        }
        assert_eq!(of_key("f3a81c5d9e2b7046f3a81c5d9e2b7046"), None);
        assert_eq!(of_key("an uncommon sentence of forty characters"), None);
    }

    #[test]
    fn what_somebody_may_have_made_up_is_told() {
        assert_eq!(looks_made_up("an uncommon sentence of forty characters"), Some("words"));
        assert_eq!(
            looks_made_up("f3a81c5d9e2b7046f3a81c5d9e2b7046"),
            Some("the same characters again and again")
        );
        assert_eq!(looks_made_up("f3a81c5d9e2b7046a90be1d27c5348f6"), None);
    }

    /// Every example of a secret in the files that come with the program is in the list.
    #[test]
    fn the_list_knows_every_example() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
        let files = [
            "rollcall.sample.toml",
            ".env.example",
            "docker-compose.yml",
            "README.md",
            "docs/operations.md",
            "docs/deployment.md",
            "docs/api.md",
        ];
        let mut found = BTreeSet::new();
        for file in files {
            let text = std::fs::read_to_string(format!("{root}{file}")).unwrap();
            found.extend(text.lines().filter_map(example));
        }
        assert!(found.len() >= SAMPLES.len(), "{found:?}");
        for example in found {
            assert!(of_password(&example).is_some(), "{example:?} is an example, and would be accepted");
        }
    }

    /// The secret that a line of a document or of a file of settings gives as an example, in place of one's own.
    fn example(line: &str) -> Option<String> {
        let plain = |text: &str| {
            let text = text.trim().trim_matches(['"', '\'', '`']);
            (!text.is_empty() && !text.contains(['$', '<', '/'])).then(|| text.to_owned())
        };
        if let Some((name, value)) = line.split_once(['=', ':'])
            && name.trim().trim_start_matches('#').to_lowercase().ends_with("secret")
        {
            return plain(value);
        }
        let (_, place) = line.split_once("://")?;
        let (who, _) = place.split_once('@')?;
        plain(who.split_once(':')?.1)
    }
}
