//! Letters to other servers: a signed batch of events goes out by HTTP POST, and what came back is told.
//!
//! Whoever registers an address makes this service call it. So a letter goes to public addresses alone unless the
//! settings say otherwise (`address`), by TLS, through no proxy, and wherever a redirect points, not there; and of an
//! answer no more than its first kilobyte is read.

mod address;
mod letter;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};

pub use letter::{Event, Letter};

/// From the first step to the last byte of the answer that is read.
const LIMIT: Duration = Duration::from_secs(10);
/// To reach the server and agree on keys with it.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read.
const MOST_READ: usize = 1_024;
/// Unused connections to a server are kept for so long: longer than the time from batch to batch, and shorter than common
/// servers keep theirs (5 s), so that none is closed under a letter.
const IDLE: Duration = Duration::from_secs(4);
/// Characters of an address, at most.
const LONGEST: usize = 2_000;

/// Says how the body is signed.
pub const SIGNATURE: HeaderName = HeaderName::from_static("rollcall-signature");
/// The id of the delivery, which is also in the body.
pub const DELIVERY: HeaderName = HeaderName::from_static("rollcall-delivery");

/// Why a text is no address for letters, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not a URL, or without a host.
    #[error("expected a URL with a host, of at most {LONGEST} characters")]
    NoUrl,
    /// Another scheme than the settings allow.
    #[error("expected https:// (http:// where ROLLCALL_WEBHOOKS_ALLOW_PRIVATE is on)")]
    Scheme,
    /// A name or password of a user stands in it.
    #[error("expected no user name or password in the URL: deliveries are signed instead")]
    Credentials,
    /// The host is an address that is not public.
    #[error("expected a public address (others where ROLLCALL_WEBHOOKS_ALLOW_PRIVATE is on)")]
    Private,
}

/// A place for letters, as far as its text can say.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    /// The whole address. It may hold what only the receiver should know: not for logs, nor for the record of actions.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Scheme, host and port: as much as may be recorded.
    #[must_use]
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin())
    }
}

/// What came back for a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status, if there was an answer.
    pub status: Option<u16>,
    /// Why there was none, or what is wrong with it.
    pub problem: Option<String>,
    /// The beginning of its body.
    pub text: String,
    /// From the first step to the end.
    pub took: Duration,
}

impl Answer {
    /// None: nothing was sent.
    #[must_use]
    pub const fn unsent(problem: String) -> Self {
        Self { status: None, problem: Some(problem), text: String::new(), took: Duration::ZERO }
    }

    /// Whether the letter was taken: any 2xx.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }

    /// Whether the receiver wants no more letters: 410.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.status == Some(410)
    }
}

/// Carries letters. Cheap to clone: clones share the connections.
#[derive(Clone, Debug)]
pub struct Courier {
    client: Client,
    allows_private: bool,
}

impl Courier {
    /// A courier that also goes to addresses that are not public, and without TLS, if `allows_private`.
    ///
    /// # Errors
    /// In words, if there is nothing to speak TLS with.
    pub fn new(allows_private: bool) -> Result<Self, String> {
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .https_only(!allows_private)
            .dns_resolver(Arc::new(address::Resolver { allows_private }))
            .connect_timeout(CONNECT_LIMIT)
            .timeout(LIMIT)
            .pool_idle_timeout(IDLE)
            .build();
        Ok(Self { client: client.map_err(|error| error.to_string())?, allows_private })
    }

    /// Parses an address. What its host resolves to is judged each time it is called.
    ///
    /// # Errors
    /// [`AddressError`]: what is wrong with it.
    pub fn address(&self, text: &str) -> Result<Address, AddressError> {
        let url = Url::parse(text).map_err(|_| AddressError::NoUrl)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(AddressError::NoUrl)?;
        if url.as_str().len() > LONGEST {
            return Err(AddressError::NoUrl);
        }
        if !(url.scheme() == "https" || self.allows_private && url.scheme() == "http") {
            return Err(AddressError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::Credentials);
        }
        // A host that is an address is not resolved, so the resolver does not see it.
        if let Some(ip) = address::literal(host)
            && !self.allows_private
            && !address::is_public(ip)
        {
            return Err(AddressError::Private);
        }
        Ok(Address(url))
    }

    /// Brings a letter. `sign` makes the signature's header of the body.
    pub async fn deliver(
        &self,
        address: &Address,
        letter: &Letter<'_>,
        sign: impl FnOnce(&[u8]) -> String,
    ) -> Answer {
        let began = Instant::now();
        let outcome = self.post(address, letter, sign).await;
        let took = began.elapsed();
        match outcome {
            Ok((status, text)) => {
                let problem =
                    (!(200..300).contains(&status)).then(|| format!("the receiver answered {status}"));
                Answer { status: Some(status), problem, text, took }
            }
            Err(problem) => Answer { status: None, problem: Some(problem), text: String::new(), took },
        }
    }

    async fn post(
        &self,
        address: &Address,
        letter: &Letter<'_>,
        sign: impl FnOnce(&[u8]) -> String,
    ) -> Result<(u16, String), String> {
        let body = serde_json::to_vec(letter).map_err(|error| error.to_string())?;
        let text = |text: &str| HeaderValue::from_str(text).map_err(|error| error.to_string());
        let headers = HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (USER_AGENT, HeaderValue::from_static(concat!("Rollcall/", env!("CARGO_PKG_VERSION")))),
            (DELIVERY, text(&letter.id.to_string())?),
            (SIGNATURE, text(&sign(&body))?),
        ]);
        let sent = self.client.post(address.0.clone()).headers(headers).body(body).send().await;
        let mut response = sent.map_err(words)?;
        let status = response.status().as_u16();
        Ok((status, beginning(&mut response).await))
    }
}

/// What went wrong and why, without the address, which may hold a secret.
fn words(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", LIMIT.as_secs());
    }
    format!("{:#}", anyhow::Error::from(error.without_url()))
}

/// The beginning of a body; the rest is not waited for. One that breaks off says nothing against its status.
async fn beginning(response: &mut Response) -> String {
    let mut read = Vec::new();
    while read.len() < MOST_READ
        && let Ok(Some(chunk)) = response.chunk().await
    {
        read.extend_from_slice(&chunk[..chunk.len().min(MOST_READ - read.len())]);
    }
    String::from_utf8_lossy(&read).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_judged_by_its_text() {
        let (public, any) = (Courier::new(false).unwrap(), Courier::new(true).unwrap());
        for (text, wrong) in [
            ("", Some(AddressError::NoUrl)),
            ("hooks.example.com", Some(AddressError::NoUrl)),
            ("https://", Some(AddressError::NoUrl)),
            ("ftp://example.com/", Some(AddressError::Scheme)),
            ("http://example.com/", Some(AddressError::Scheme)),
            ("https://ann:secret@example.com/", Some(AddressError::Credentials)),
            ("https://ann@example.com/", Some(AddressError::Credentials)),
            ("https://127.0.0.1/", Some(AddressError::Private)),
            ("https://2130706433/", Some(AddressError::Private)),
            ("https://0x7f.1/", Some(AddressError::Private)),
            ("https://[::1]/", Some(AddressError::Private)),
            ("https://[::ffff:10.0.0.1]/", Some(AddressError::Private)),
            ("https://example.com:8443/a?token=b", None),
            ("https://1.1.1.1/", None),
        ] {
            assert_eq!(public.address(text).err(), wrong, "{text}");
        }
        assert!(any.address("http://127.0.0.1:8080/").is_ok());
        assert!(any.address(&format!("http://a/{}", "b".repeat(LONGEST))).is_err());
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        let address =
            Courier::new(false).unwrap().address("https://example.com:8443/secret?token=b").unwrap();
        assert_eq!((format!("{address:?}"), address.origin()), {
            let origin = "https://example.com:8443".to_owned();
            (origin.clone(), origin)
        });
    }
}
