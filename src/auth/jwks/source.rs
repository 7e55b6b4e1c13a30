//! Where a key set comes from: a server that is asked over HTTP, or a file.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::{ACCEPT, CACHE_CONTROL};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};

/// Largest set that is read, in bytes.
const LARGEST: usize = 64 * 1024;

/// A place to read a key set from.
pub(in crate::auth) enum Source {
    /// A server. The settings let plain HTTP pass for this machine only.
    Url(Client, String),
    /// A file.
    File(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Without what may be a secret in it.
            Self::Url(_, url) => f.write_str(url.split('?').next().unwrap_or_default()),
            Self::File(file) => file.display().fmt(f),
        }
    }
}

impl Source {
    /// A server. Redirects are not followed: the settings say whose word counts, and not whom it may send us to.
    ///
    /// # Errors
    /// In words, if there is nothing to speak TLS with.
    pub(in crate::auth) fn url(url: &str) -> Result<Self, String> {
        let client = Client::builder().redirect(Policy::none()).build();
        Ok(Self::Url(client.map_err(|error| error.to_string())?, url.to_owned()))
    }

    /// The set as text, and for how long its server says that it is fresh. Time is the caller's to limit.
    pub(super) async fn read(&self) -> Result<(String, Option<Duration>), String> {
        match self {
            Self::File(file) => {
                let size = tokio::fs::metadata(file).await.map_err(|error| error.to_string())?.len();
                if size > LARGEST as u64 {
                    return Err(format!("larger than {LARGEST} bytes"));
                }
                let text = tokio::fs::read_to_string(file).await.map_err(|error| error.to_string())?;
                // A look at a file costs nothing: as often as is allowed.
                Ok((text, Some(Duration::ZERO)))
            }
            Self::Url(client, url) => {
                let asked = client.get(url).header(ACCEPT, "application/json").send().await;
                let mut response = asked.map_err(words)?;
                if !response.status().is_success() {
                    return Err(format!("the server answered {}", response.status()));
                }
                let age = response.headers().get(CACHE_CONTROL).and_then(|value| value.to_str().ok());
                let age = age.and_then(max_age);
                Ok((body(&mut response).await?, age))
            }
        }
    }
}

/// What went wrong and why, without the address, which the caller names.
fn words(error: reqwest::Error) -> String {
    format!("{:#}", anyhow::Error::from(error.without_url()))
}

/// The body, as long as it is no larger than it may be.
async fn body(response: &mut Response) -> Result<String, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(words)? {
        if body.len() + chunk.len() > LARGEST {
            return Err(format!("larger than {LARGEST} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    String::from_utf8(body).map_err(|_| "not UTF-8".to_owned())
}

/// `max-age` of a header `Cache-Control`; what must not be kept is fresh for no time.
fn max_age(header: &str) -> Option<Duration> {
    let mut directives = header.split(',').map(|directive| directive.trim().to_ascii_lowercase());
    directives.find_map(|directive| match directive.as_str() {
        "no-store" | "no-cache" => Some(Duration::ZERO),
        directive => {
            let seconds = directive.strip_prefix("max-age=")?.trim_matches('"');
            seconds.parse().ok().map(Duration::from_secs)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freshness_is_read_from_the_header() {
        let seconds = |header| max_age(header).map(|age| age.as_secs());
        assert_eq!(seconds("public, max-age=600"), Some(600));
        assert_eq!(seconds("Max-Age=\"7\""), Some(7));
        assert_eq!(seconds("no-store"), Some(0));
        for other in ["", "public", "max-age=", "max-age=-1", "s-maxage=5"] {
            assert_eq!(seconds(other), None, "{other}");
        }
    }
}
