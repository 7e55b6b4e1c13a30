//! What `rollcall dev` makes up once and keeps: each in a file of the data directory that only its owner can read.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// A text from its file.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) text: String,
    /// Whether it was made by this start.
    pub(super) new: bool,
}

/// The text that the file holds; made, if there is no file.
pub(super) fn text(dir: &Path, name: &str, make: impl FnOnce() -> String) -> anyhow::Result<Kept> {
    let path = dir.join(name);
    let open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let kept = match open {
        Ok(mut file) => {
            let text = make();
            file.write_all(text.as_bytes()).map(|()| Kept { text, new: true })
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let mut text = String::new();
            File::open(&path)
                .and_then(|mut file| file.read_to_string(&mut text))
                .map(|_| Kept { text: text.trim().to_owned(), new: false })
        }
        Err(error) => Err(error),
    };
    kept.with_context(|| format!("cannot keep {}", path.display()))
}

/// 256 bits that sign tokens.
pub(in crate::cli) fn secret() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// A password that can be read and typed: no letter stands for two.
pub(super) fn password() -> String {
    const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
    let letter = |byte: u8| char::from(LETTERS[usize::from(byte) % LETTERS.len()]);
    let letters: String = rand::random::<[u8; 12]>().into_iter().map(letter).collect();
    format!("{}-{}-{}", &letters[..4], &letters[4..8], &letters[8..])
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_was_made_once_stays() {
        let dir = tempfile::tempdir().unwrap();
        let first = text(dir.path(), "password", password).unwrap();
        let second = text(dir.path(), "password", password).unwrap();
        assert!(first.new && !second.new);
        assert_eq!(first.text, second.text);
        let mode = dir.path().join("password").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn the_secret_is_long_enough_to_sign() {
        assert!(secret().len() >= 32);
        assert_ne!(secret(), secret());
    }
}
