//! Which addresses a letter may go to. Judged is what a name resolves to at the moment of connecting, by the resolver
//! that the connection uses: a name that resolves to another address the second time gains nothing by it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::LazyLock;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Networks that are nobody's on the internet, or this machine's own: the registries of special-purpose addresses of IANA,
/// and what clouds tell their machines about themselves by.
const NOT_PUBLIC: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "2001::/23",
    "2001:db8::/32",
    // 6to4: an IPv4 address stands in it, which may be any.
    "2002::/16",
    "3fff::/20",
];

/// All that is public of IPv6, but for the above: what lies outside is local, multicast, mapped, or not given out.
const PUBLIC_V6: &str = "2000::/3";

static REFUSED: LazyLock<Vec<IpNet>> = LazyLock::new(|| NOT_PUBLIC.iter().map(|net| network(net)).collect());
static GIVEN_OUT: LazyLock<IpNet> = LazyLock::new(|| network(PUBLIC_V6));

fn network(text: &str) -> IpNet {
    text.parse().expect("the networks of this file are written right")
}

/// Whether an address is one of the internet.
pub(super) fn is_public(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    let is_given_out = ip.is_ipv4() || GIVEN_OUT.contains(&ip);
    is_given_out && !REFUSED.iter().any(|net| net.contains(&ip))
}

/// The address that a URL's host is, if it is no name.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(v6) => v6.parse().ok(),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

/// No address of a name may be called.
#[derive(Debug, thiserror::Error)]
#[error("the name resolves to no public address")]
struct NotPublic;

/// The system's resolver, less the addresses that may not be called.
pub(super) struct Resolver {
    pub(super) allows_private: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allows_private = self.allows_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> =
                found.filter(|address| allows_private || is_public(address.ip())).collect();
            if allowed.is_empty() {
                return Err(NotPublic.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_internet_are_told_from_all_others() {
        let refused = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.255",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "239.255.255.250",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for text in refused {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in ["1.1.1.1", "9.255.255.255", "172.32.0.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn a_host_is_an_address_or_a_name() {
        assert_eq!(literal("[::1]"), "::1".parse().ok());
        assert_eq!(literal("10.0.0.1"), "10.0.0.1".parse().ok());
        assert_eq!(literal("example.com"), None);
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_this_machine_is_refused() {
        let resolve = async |allows_private| {
            let name: Name = "localhost".parse().unwrap();
            Resolver { allows_private }.resolve(name).await.map(Iterator::count)
        };
        assert_eq!(resolve(false).await.unwrap_err().to_string(), NotPublic.to_string());
        assert!(resolve(true).await.unwrap() > 0);
    }
}
