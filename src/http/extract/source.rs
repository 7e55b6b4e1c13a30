//! From where a request comes, as the record of actions keeps it.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, header};

use crate::accounts::Origin;
use crate::app::App;
use crate::auth::Claims;
use crate::config::Cidrs;
use crate::http::error::ApiError;
use crate::http::request_id::RequestId;

/// The header in which proxies append the address they were called from.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The request's origin: address, program and id; who acts is added by [`Source::of`]. This is the one place where an
/// address becomes what is kept of it: whatever is recorded comes from here.
#[derive(Clone, Debug)]
pub struct Source(pub Origin);

impl Source {
    /// The origin of an action of this caller.
    #[must_use]
    pub fn of(self, caller: &Claims) -> Origin {
        Origin { actor: Some(caller.user.to_string()), session_id: Some(caller.login.to_string()), ..self.0 }
    }
}

impl FromRequestParts<App> for Source {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let address = client_of(&parts.extensions, &parts.headers, &app.config.proxies.trusted);
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Self(Origin {
            actor: None,
            address: address.and_then(|address| app.config.audit.addresses.kept(address)),
            user_agent: user_agent.map(str::to_owned),
            session_id: None,
            request_id: parts.extensions.get::<RequestId>().map(ToString::to_string),
        }))
    }
}

/// The client's address as it is, if the request came over a connection: to judge by, and never to be kept.
#[derive(Clone, Copy, Debug)]
pub struct Client(pub Option<IpAddr>);

impl FromRequestParts<App> for Client {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        Ok(Self(client_of(&parts.extensions, &parts.headers, &app.config.proxies.trusted)))
    }
}

/// The client's address, if the request came over a connection.
pub fn client_of(extensions: &Extensions, headers: &HeaderMap, trusted: &Cidrs) -> Option<IpAddr> {
    let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(client(peer.ip(), headers, trusted))
}

/// The client's address: the peer's, or the nearest address behind it that is no trusted proxy. Read from the right,
/// because everything to the left of the first untrusted address is the client's own invention.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: &Cidrs) -> IpAddr {
    let mut nearest = peer.to_canonical();
    let lines = headers.get_all(FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok());
    let named: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    for text in named.iter().rev() {
        if !trusted.contains(nearest) {
            break;
        }
        match text.parse::<IpAddr>() {
            Ok(address) => nearest = address.to_canonical(),
            Err(_) => break,
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, axum::http::HeaderValue::from_static(line));
        }
        let trusted = "10.0.0.0/8".parse().unwrap();
        client(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(seen("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        // The client made up the first one; the second is what our own proxy saw.
        assert_eq!(seen("10.0.0.1", &["192.0.2.7, 198.51.100.1, 10.0.0.2"]), "198.51.100.1");
        assert_eq!(seen("10.0.0.1", &["192.0.2.7", "198.51.100.1"]), "198.51.100.1");
        assert_eq!(seen("::ffff:10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(seen("10.0.0.1", &["nonsense"]), "10.0.0.1");
    }
}
