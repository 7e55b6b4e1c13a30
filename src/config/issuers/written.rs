//! Issuers as they stand in a file: read, completed by defaults, and refused where they contradict themselves or each
//! other.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

use super::{ClaimNames, Issuer, IssuerKeys, Signature};
use crate::config::auth::read;
use crate::config::{Span, weak};
use crate::presence::{Org, Role};

/// Longest name of an issuer, in characters: it stands in the id of each of its users.
const LONGEST_NAME: usize = 16;
/// Longest leeway: clocks that differ by more are to be mended.
const MOST_LEEWAY: Span = Span::from_secs(300);
/// Bounds of `longest_life`: so long an ended login is remembered.
const LIVES: std::ops::RangeInclusive<Span> = Span::from_secs(10)..=Span::from_secs(7 * 86_400);

/// An issuer as it stands in a file.
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
pub(in crate::config) fn gather(
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
        (None, None, Some(secret)) => match weak::of_key(secret.expose_secret()) {
            Some(why) => Err(format!("the secret {why}")),
            None => Ok(IssuerKeys::Secret(secret)),
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
