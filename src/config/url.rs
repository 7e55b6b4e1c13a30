//! URLs of the stores. They may hold a password, so they are printed without it.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// The URL of a store, with its password kept from logs and print-outs.
#[derive(Clone)]
pub struct StoreUrl(SecretString);

impl StoreUrl {
    /// A URL that Redis or Valkey can have.
    ///
    /// # Errors
    /// What was expected, if the scheme is none of Redis'.
    pub fn redis(text: &str) -> Result<Self, String> {
        const SCHEMES: [&str; 7] = [
            "redis",
            "rediss",
            "redis-cluster",
            "rediss-cluster",
            "redis-sentinel",
            "rediss-sentinel",
            "redis+unix",
        ];
        Self::of(
            text,
            &SCHEMES,
            "redis://host:port, rediss://, redis-cluster://, redis-sentinel:// or redis+unix:///path",
        )
    }

    /// A URL that Postgres can have.
    ///
    /// # Errors
    /// What was expected, if the scheme is not Postgres'.
    pub fn postgres(text: &str) -> Result<Self, String> {
        Self::of(text, &["postgres", "postgresql"], "postgres://user:password@host/database")
    }

    fn of(text: &str, schemes: &[&str], expected: &str) -> Result<Self, String> {
        match text.split_once("://") {
            Some((scheme, rest)) if schemes.contains(&scheme) && !rest.is_empty() => Ok(Self(text.into())),
            _ => Err(format!("expected {expected}")),
        }
    }

    /// The password, if the URL has one before its host.
    pub(super) fn password(&self) -> Option<&str> {
        let place = self.expose().split_once("://")?.1;
        let place = place.split_once('?').map_or(place, |(place, _)| place);
        place.rsplit_once('@')?.0.split_once(':').map(|(_, password)| password)
    }

    /// The whole URL, password included: for the driver only.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The same, for those who expose it themselves.
    #[must_use]
    pub fn secret(&self) -> &SecretString {
        &self.0
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_password(self.expose()))
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What names of a query's parameters contain that are secret.
const SECRET: [&str; 4] = ["password", "key", "token", "secret"];

/// The text of a URL with what may be secret in it replaced: the password, and such parameters of its query.
pub(super) fn without_password(text: &str) -> String {
    // Without a scheme it is no URL, but may be one that somebody has written wrongly.
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    let (place, query) = match rest.split_once('?') {
        Some((place, query)) => (place, Some(query)),
        None => (rest, None),
    };
    let mut clean = scheme;
    match place.rsplit_once('@') {
        Some((who, place)) => {
            let user = who.split_once(':').map_or(who, |(user, _)| user);
            let mark = if who.contains(':') { ":***" } else { "" };
            // Over HTTP a name alone is a token.
            let user = if clean.starts_with("http") && mark.is_empty() { "***" } else { user };
            clean.push_str(&format!("{user}{mark}@{place}"));
        }
        None => clean.push_str(place),
    }
    if let Some(query) = query {
        let hide = |pair: &str| match pair.split_once('=') {
            Some((key, _)) if SECRET.iter().any(|word| key.to_ascii_lowercase().contains(word)) => {
                format!("{key}=***")
            }
            _ => pair.to_owned(),
        };
        clean.push('?');
        clean.push_str(&query.split('&').map(hide).collect::<Vec<_>>().join("&"));
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_printed() {
        let cases = [
            ("redis://:pa@ss@host:1", "redis://:***@host:1"),
            ("postgres://u:p@h/d?host=/s", "postgres://u:***@h/d?host=/s"),
            ("postgres:///d?user=u&password=p", "postgres:///d?user=u&password=***"),
            ("redis-sentinel://h:1?sentinelPassword=x", "redis-sentinel://h:1?sentinelPassword=***"),
            ("redis+unix:///tmp/s", "redis+unix:///tmp/s"),
            ("https://h/v1/traces?api-key=k&x=1", "https://h/v1/traces?api-key=***&x=1"),
            ("https://token@h/v1/traces", "https://***@h/v1/traces"),
            ("u:p@h/d", "u:***@h/d"),
            ("h:1", "h:1"),
        ];
        for (url, printed) in cases {
            assert_eq!(without_password(url).to_lowercase(), printed.to_lowercase());
        }
        assert!(!format!("{:?}", StoreUrl::redis("redis://:pa@h").unwrap()).contains("pa"));
    }

    #[test]
    fn a_foreign_scheme_is_refused() {
        assert!(StoreUrl::redis("http://host").is_err());
        assert!(StoreUrl::postgres("postgres://").is_err());
    }
}
