//! Which web pages of other origins may call.

use std::fmt;
use std::str::FromStr;

/// Cross-origin access.
#[derive(Clone, Debug, clap::Args)]
pub struct Cors {
    /// Exact origins, comma-separated, such as `https://app.example.com,http://localhost:3000`
    #[arg(
        id = "cors_origins",
        long = "cors-origins",
        env = "ROLLCALL_CORS_ORIGINS",
        value_name = "ORIGINS",
        default_value = "",
        hide_default_value = true
    )]
    pub origins: Origins,
}

/// Origins as browsers send them: `scheme://host[:port]` in lower case, without a default port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Vec<String>);

impl Origins {
    /// All of them.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Whether the value of an `Origin` header is one of them.
    #[must_use]
    pub fn contains(&self, origin: &str) -> bool {
        self.0.iter().any(|known| known == origin)
    }
}

impl FromStr for Origins {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(origin)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl fmt::Display for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

fn origin(text: &str) -> Result<String, String> {
    if text.contains('*') {
        return Err(format!("{text:?} has a wildcard: expected exact origins, each named"));
    }
    let wrong =
        || format!("{text:?} is no origin: expected scheme://host or scheme://host:port, without a path");
    let lower = text.to_ascii_lowercase();
    let (scheme, host) = lower.split_once("://").ok_or_else(wrong)?;
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']' | b'_');
    if scheme.is_empty() || host.is_empty() || !host.bytes().all(plain) {
        return Err(wrong());
    }
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return Ok(lower),
    };
    Ok(lower.strip_suffix(default_port).unwrap_or(&lower).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_exact() {
        let origins: Origins = "https://App.example.com:443, http://localhost:3000".parse().unwrap();
        assert_eq!(origins.to_string(), "https://app.example.com,http://localhost:3000");
        assert!(origins.contains("https://app.example.com"));
        assert!("".parse::<Origins>().unwrap().as_slice().is_empty());
        for wrong in ["*", "https://*.example.com", "example.com", "https://a.b/", "https://a b", "null"] {
            assert!(wrong.parse::<Origins>().is_err(), "{wrong}");
        }
    }
}
