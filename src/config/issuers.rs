//! Issuers whose tokens are trusted beside our own: host applications that log people in themselves.
//!
//! A list of tables has no place among flags and variables, so these stand in the settings file (`[[issuers]]`), or in a
//! file of their own (`auth.issuers_file`) where everything else comes from the environment.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

use super::Span;
use super::auth::{SHORTEST_SECRET, read};
use crate::presence::{Org, Role};

/// Longest name of an issuer, in characters: it stands in the id of each of its users.
const LONGEST_NAME: usize = 16;
/// Longest leeway: clocks that differ by more are to be mended.
const MOST_LEEWAY: Span = Span::from_secs(300);
/// Bounds of `longest_life`: so long an ended login is remembered.
const LIVES: std::ops::RangeInclusive<Span> = Span::from_secs(10)..=Span::from_secs(7 * 86_400);

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
}

impl Default for ClaimNames {
    fn default() -> Self {
        let [user, org, role, login] = ["sub", "org", "role", "sid"].map(str::to_owned);
        Self { user, org, role, login }
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

/// The same as it stands in a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    issuer: String,
    audience: String,
    jwks_url: Option<String>,
    jwks_file: Option<PathBuf>,
    secret: Option<SecretString>,
    secret_file: Option<PathBuf>,
    algorithms: Option<Vec<Signature>>,
    #[serde(default)]
    claims: ClaimNames,
    #[serde(default)]
    roles: BTreeMap<String, Role>,
    #[serde(default)]
    org: Org,
    #[serde(default)]
    allow_admin: bool,
    #[serde(default = "leeway", deserialize_with = "span")]
    leeway: Span,
    #[serde(default = "longest_life", deserialize_with = "span")]
    longest_life: Span,
}

/// A file of issuers alone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuersFile {
    issuers: Vec<Written>,
}

const fn leeway() -> Span {
    Span::from_secs(30)
}

const fn longest_life() -> Span {
    Span::from_secs(24 * 3_600)
}

fn span<'de, D: Deserializer<'de>>(input: D) -> Result<Span, D::Error> {
    String::deserialize(input)?.parse().map_err(serde::de::Error::custom)
}

/// The issuers of the settings file and of the file of their own, or what is wrong with them.
pub(super) fn gather(
    in_settings: Option<toml::Value>,
    file: Option<&Path>,
    ours: &str,
) -> Result<Vec<Issuer>, Vec<String>> {
    let mut written = Vec::new();
    if let Some(tables) = in_settings {
        written.extend(
            tables.try_into::<Vec<Written>>().map_err(|error| vec![format!("[[issuers]]: {error}")])?,
        );
    }
    if let Some(file) = file {
        let problem = |what: String| vec![format!("ROLLCALL_AUTH_ISSUERS_FILE: {}: {what}", file.display())];
        let text = std::fs::read_to_string(file).map_err(|error| problem(error.to_string()))?;
        let is_json = text.trim_start().starts_with(['{']);
        let parsed = if is_json {
            serde_json::from_str::<IssuersFile>(&text).map_err(|error| error.to_string())
        } else {
            toml::from_str::<IssuersFile>(&text).map_err(|error| error.message().to_owned())
        };
        written.extend(parsed.map_err(problem)?.issuers);
    }
    let mut problems = Vec::new();
    let issuers: Vec<Issuer> = written
        .into_iter()
        .filter_map(|issuer| {
            let name = issuer.name.clone();
            issuer.read().map_err(|what| problems.push(format!("[[issuers]] {name}: {what}"))).ok()
        })
        .collect();
    problems.extend(doubled(&issuers, ours));
    if problems.is_empty() { Ok(issuers) } else { Err(problems) }
}

/// Two issuers of one name would share their users; of two with one `iss` nobody could say whose a token is.
fn doubled(issuers: &[Issuer], ours: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for (at, issuer) in issuers.iter().enumerate() {
        if issuers[..at].iter().any(|other| other.name == issuer.name) {
            problems.push(format!("[[issuers]] {}: this name is there twice", issuer.name));
        }
        if issuers[..at].iter().any(|other| other.issuer == issuer.issuer) || issuer.issuer == ours {
            problems
                .push(format!("[[issuers]] {}: another issuer has the iss {:?}", issuer.name, issuer.issuer));
        }
    }
    problems
}

impl Written {
    fn read(self) -> Result<Issuer, String> {
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=LONGEST_NAME).contains(&self.name.len()) || !self.name.bytes().all(is_name) {
            return Err(format!("the name must be 1-{LONGEST_NAME} characters of a-z 0-9 -"));
        }
        if self.issuer.is_empty() || self.audience.is_empty() {
            return Err("issuer and audience must not be empty".to_owned());
        }
        if self.leeway > MOST_LEEWAY {
            return Err(format!("leeway is {}: expected at most {MOST_LEEWAY}", self.leeway));
        }
        if !LIVES.contains(&self.longest_life) {
            let (least, most) = (LIVES.start(), LIVES.end());
            return Err(format!("longest_life is {}: expected {least} to {most}", self.longest_life));
        }
        if self.roles.values().any(|role| *role == Role::Admin) && !self.allow_admin {
            return Err("a role is mapped to admin, but allow_admin is not set".to_owned());
        }
        let keys = keys(self.jwks_url, self.jwks_file, self.secret, self.secret_file)?;
        let algorithms = algorithms(&keys, self.algorithms)?;
        Ok(Issuer {
            name: self.name,
            issuer: self.issuer,
            audience: self.audience,
            keys,
            algorithms,
            claims: self.claims,
            roles: self.roles,
            org: self.org,
            allow_admin: self.allow_admin,
            leeway: self.leeway,
            longest_life: self.longest_life,
        })
    }
}

fn keys(
    url: Option<String>,
    file: Option<PathBuf>,
    secret: Option<SecretString>,
    secret_file: Option<PathBuf>,
) -> Result<IssuerKeys, String> {
    let secret = match (secret, secret_file) {
        (Some(_), Some(_)) => return Err("secret and secret_file are both set: keep one".to_owned()),
        (None, Some(file)) => {
            Some(read(&file).map_err(|error| format!("cannot read {}: {error}", file.display()))?)
        }
        (secret, None) => secret,
    };
    match (url, file, secret) {
        (Some(url), None, None) => checked(url).map(IssuerKeys::Url),
        (None, Some(file), None) => Ok(IssuerKeys::File(file)),
        (None, None, Some(secret)) => match secret.expose_secret().len() {
            length if length < SHORTEST_SECRET => {
                Err(format!("the secret has {length} bytes: expected at least {SHORTEST_SECRET}"))
            }
            _ => Ok(IssuerKeys::Secret(secret)),
        },
        _ => Err("expected one of jwks_url, jwks_file, secret and secret_file".to_owned()),
    }
}

/// Whoever answers for the keys decides who everybody is: over a network only with TLS.
fn checked(url: String) -> Result<String, String> {
    if url.strip_prefix("https://").is_some_and(|rest| !rest.is_empty()) {
        return Ok(url);
    }
    let plain = url.strip_prefix("http://").ok_or("jwks_url must begin with https://")?;
    let authority = plain.split(['/', '?', '#']).next().unwrap_or_default();
    // What stands before an @ is no host, however it looks.
    let authority = if authority.contains('@') { "" } else { authority };
    let host = match authority.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if here { Ok(url) } else { Err("jwks_url must be https, or http on this machine".to_owned()) }
}

/// A secret that signs can also be the text of somebody's public key: so the two kinds never mix.
fn algorithms(keys: &IssuerKeys, given: Option<Vec<Signature>>) -> Result<Vec<Signature>, String> {
    use Signature::{ES256, EdDSA, HS256, RS256};
    let shared = matches!(keys, IssuerKeys::Secret(_));
    let algorithms = given.unwrap_or_else(|| if shared { vec![HS256] } else { vec![EdDSA, ES256, RS256] });
    if algorithms.is_empty() || algorithms.iter().any(|algorithm| (*algorithm == HS256) != shared) {
        let expected = if shared { "HS256 alone" } else { "EdDSA, ES256 or RS256" };
        return Err(format!("algorithms: expected {expected} for these keys"));
    }
    Ok(algorithms)
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
        let ClaimNames { user, org, role, login } = &self.claims;
        for (key, name) in [("user", user), ("org", org), ("role", role), ("login", login)] {
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
