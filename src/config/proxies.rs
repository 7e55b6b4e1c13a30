//! Whose word about the client's address is believed.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// Proxies before the service.
#[derive(Clone, Debug, clap::Args)]
pub struct Proxies {
    /// Addresses or CIDRs of proxies whose forwarded addresses are believed, comma-separated
    #[arg(
        id = "trusted_proxies",
        long = "trusted-proxies",
        env = "ROLLCALL_TRUSTED_PROXIES",
        value_name = "CIDRS",
        default_value = "",
        hide_default_value = true
    )]
    pub trusted: Cidrs,
}

/// Networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cidrs(Vec<IpNet>);

impl Cidrs {
    /// Whether an address lies in one of them; an IPv4 address written as IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromStr for Cidrs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let network = |part: &str| {
            part.parse::<IpNet>()
                .or_else(|_| part.parse::<IpAddr>().map(IpNet::from))
                .map_err(|_| format!("{part:?} is no network: expected such as 10.0.0.0/8 or fd00::/8"))
        };
        text.split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(network)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl fmt::Display for Cidrs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_networks_are_understood() {
        let cidrs: Cidrs = "10.0.0.0/8, 192.168.1.7, fd00::/8".parse().unwrap();
        let inside = |text: &str| cidrs.contains(text.parse().unwrap());
        assert!(
            inside("10.1.2.3") && inside("192.168.1.7") && inside("fd00::1") && inside("::ffff:10.0.0.1")
        );
        assert!(!inside("11.0.0.1") && !inside("192.168.1.8"));
        assert!("10.0.0.0/33".parse::<Cidrs>().is_err());
        assert!("proxy.local".parse::<Cidrs>().is_err());
    }
}
