//! Issuers whose tokens are trusted beside our own: host applications that log people in themselves.
//!
//! A list of tables has no place among flags and variables, so these stand in the settings file (`[[issuers]]`), or in a
//! file of their own (`auth.issuers_file`) where everything else comes from the environment.

mod written;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

use super::Span;
use crate::presence::{Org, Role};
pub(super) use written::gather;

/// How a token may be signed. `none` is not among them, and never will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Signature {
    /// Ed25519.
    EdDSA,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// RSA (PKCS #1 v1.5) with SHA-256.
    RS256,
    /// HMAC with SHA-256, by a shared secret.
    HS256,
}

impl Signature {
    /// The word of the header `alg`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDSA => "EdDSA",
            Self::ES256 => "ES256",
            Self::RS256 => "RS256",
            Self::HS256 => "HS256",
        }
    }
}

/// Where the keys of an issuer are.
#[derive(Clone, Debug)]
pub enum IssuerKeys {
    /// A JSON Web Key Set behind an address (`https`, or `http` on this machine).
    Url(String),
    /// A JSON Web Key Set in a file, which is looked at again as it changes.
    File(PathBuf),
    /// A shared secret.
    Secret(SecretString),
}

/// In which claims of a token something stands: a name, or a JSON pointer (`/realm_access/roles`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClaimNames {
    /// Who.
    pub user: String,
    /// The organisation; where it is absent, that of the issuer.
    pub org: String,
    /// The role, or a list of roles; where it is absent, `user`.
    pub role: String,
    /// The login; where it is absent, `-`.
    pub login: String,
    /// The rooms that may be joined without a grant: names, and beginnings of names that end in `*`; where it is absent,
    /// none.
    pub rooms: String,
}

impl Default for ClaimNames {
    fn default() -> Self {
        let [user, org, role, login, rooms] = ["sub", "org", "role", "sid", "rooms"].map(str::to_owned);
        Self { user, org, role, login, rooms }
    }
}

/// A trusted issuer.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The first part of its users' ids (`name~subject`).
    pub name: String,
    /// Claim `iss`.
    pub issuer: String,
    /// What claim `aud` must be, or hold.
    pub audience: String,
    /// What its tokens are verified by.
    pub keys: IssuerKeys,
    /// How its tokens may be signed.
    pub algorithms: Vec<Signature>,
    /// Where the facts stand.
    pub claims: ClaimNames,
    /// The issuer's words for our roles. Without any, our own words count.
    pub roles: BTreeMap<String, Role>,
    /// The organisation of those whose token names none.
    pub org: Org,
    /// Whether its tokens may make administrators; otherwise moderators at most.
    pub allow_admin: bool,
    /// How far the issuer's clock may differ from ours.
    pub leeway: Span,
    /// A token that was given a longer life is refused; so long an ended login is remembered.
    pub longest_life: Span,
}

impl Issuer {
    /// As a table of the settings file, without secrets.
    pub(super) fn to_toml(&self) -> String {
        let text = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let mut table = "\n[[issuers]]\n".to_owned();
        let mut line = |key: &str, value: &str| {
            // Writing to a string cannot fail.
            let _ = writeln!(table, "{key} = {value}");
        };
        line("name", &text(&self.name));
        line("issuer", &text(&self.issuer));
        line("audience", &text(&self.audience));
        match &self.keys {
            IssuerKeys::Url(url) => line("jwks_url", &text(&super::url::without_password(url))),
            IssuerKeys::File(file) => line("jwks_file", &text(&file.display().to_string())),
            IssuerKeys::Secret(_) => line("# secret", "is set and not shown"),
        }
        let algorithms: Vec<_> = self.algorithms.iter().map(|algorithm| text(algorithm.as_str())).collect();
        line("algorithms", &format!("[{}]", algorithms.join(", ")));
        let ClaimNames { user, org, role, login, rooms } = &self.claims;
        for (key, name) in [("user", user), ("org", org), ("role", role), ("login", login), ("rooms", rooms)]
        {
            line(&format!("claims.{key}"), &text(name));
        }
        for (word, role) in &self.roles {
            line(&format!("roles.{}", text(word)), &text(role.as_str()));
        }
        line("org", &text(self.org.as_str()));
        line("allow_admin", &self.allow_admin.to_string());
        line("leeway", &text(&self.leeway.to_string()));
        line("longest_life", &text(&self.longest_life.to_string()));
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "a shared secret of thirty-two bytes or more";

    fn gathered(text: &str) -> Result<Vec<Issuer>, String> {
        let table: toml::Table = text.parse().unwrap();
        gather(table.get("issuers").cloned(), None, "rollcall").map_err(|problems| problems.join("\n"))
    }

    fn shop(more: &str) -> String {
        format!(
            "[[issuers]]\nname = 'shop'\nissuer = 'https://shop.example.com'\naudience = 'rollcall'\n{more}\n"
        )
    }

    #[test]
    fn defaults_follow_from_the_keys() {
        let read = gathered(&shop("jwks_url = 'https://shop.example.com/keys'")).unwrap();
        assert_eq!(read[0].algorithms, [Signature::EdDSA, Signature::ES256, Signature::RS256]);
        assert_eq!((read[0].claims.user.as_str(), read[0].org.as_str()), ("sub", "main"));
        assert!(!read[0].allow_admin);
        let read = gathered(&shop(&format!("secret = '{SECRET}'"))).unwrap();
        assert_eq!(read[0].algorithms, [Signature::HS256]);
        assert!(!format!("{read:?}{}", read[0].to_toml()).contains(SECRET));
        for url in ["http://127.0.0.1:8080/keys", "http://localhost/keys", "http://[::1]:1/keys"] {
            assert!(gathered(&shop(&format!("jwks_url = '{url}'"))).is_ok(), "{url}");
        }
    }

    #[test]
    fn contradictions_are_refused_by_the_name_of_the_issuer() {
        let secret = format!("secret = '{SECRET}'");
        for (more, expected) in [
            ("", "expected one of"),
            ("jwks_url = 'http://shop.example.com/keys'", "https"),
            ("jwks_url = 'http://127.0.0.1.example.com/keys'", "https"),
            ("jwks_url = 'http://localhost@evil.example/keys'", "https"),
            ("jwks_url = 'http://localhost:80@evil.example/keys'", "https"),
            ("jwks_url = 'ftp://shop'", "https"),
            ("secret = 'short'", "at least 32"),
            ("secret_file = '/nowhere'", "/nowhere"),
            ("jwks_url = 'https://a/b'\nalgorithms = ['HS256']", "algorithms"),
            ("jwks_file = 'x'\nalgorithms = []", "algorithms"),
            (&format!("{secret}\nalgorithms = ['RS256']"), "algorithms"),
            (&format!("{secret}\nalgorithms = ['none']"), "none"),
            (&format!("{secret}\nroles.boss = 'admin'"), "allow_admin"),
            (&format!("{secret}\nleeway = '1h'"), "leeway"),
            (&format!("{secret}\nlongest_life = '30d'"), "longest_life"),
            (&format!("{secret}\ncolour = 'red'"), "colour"),
            (&format!("{secret}\n{}", shop(&secret)), "twice"),
        ] {
            let problem = gathered(&shop(more)).unwrap_err();
            assert!(problem.contains(expected) && problem.contains("issuers"), "{more}: {problem}");
            assert!(!problem.contains(SECRET), "{problem}");
        }
        let named = |name: &str| shop(&secret).replace("'shop'", &format!("'{name}'"));
        for name in ["", "Shop", "a~b", "a-name-that-is-too-long"] {
            assert!(gathered(&named(name)).unwrap_err().contains("name"), "{name}");
        }
        let ours = shop(&secret).replace("https://shop.example.com", "rollcall");
        assert!(gathered(&ours).unwrap_err().contains("iss"));
    }

    #[test]
    fn a_file_of_their_own_is_toml_or_json_and_what_is_printed_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("issuers");
        std::fs::write(
            &path,
            format!(
                r#"{{"issuers":[{{"name":"shop","issuer":"https://s","audience":"r","secret":"{SECRET}"}}]}}"#
            ),
        )
        .unwrap();
        assert_eq!(gather(None, Some(&path), "rollcall").unwrap()[0].name, "shop");
        let more = "jwks_file = '/k'\nallow_admin = true\nroles.'the boss' = 'admin'\nclaims.role = '/a/b'\norg = 'x'";
        let read = gathered(&shop(more)).unwrap().pop().unwrap();
        std::fs::write(&path, read.to_toml()).unwrap();
        let again = gather(None, Some(&path), "rollcall").unwrap().pop().unwrap();
        assert_eq!(format!("{again:?}"), format!("{read:?}"));
        std::fs::write(&path, "nonsense").unwrap();
        assert!(gather(None, Some(&path), "rollcall").unwrap_err()[0].contains("ISSUERS_FILE"));
    }
}
