//! How long history is kept, and what of addresses.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Span, error};

/// What is left of an address when it is shortened: the network that a provider gives out as one, in bits.
const SHORT_V4: u8 = 24;
const SHORT_V6: u8 = 48;

/// The audit log.
#[derive(Clone, Debug, clap::Args)]
pub struct Audit {
    /// How long history is kept; dropped by whole months
    #[arg(
        id = "audit_retention",
        long = "audit-retention",
        env = "ROLLCALL_AUDIT_RETENTION",
        value_name = "DURATION",
        default_value = "400d"
    )]
    pub retention: Span,

    /// What is kept of the addresses that actions and logins come from
    #[arg(
        id = "audit_addresses",
        long = "audit-addresses",
        env = "ROLLCALL_AUDIT_ADDRESSES",
        value_name = "MODE",
        default_value = "short",
        value_enum
    )]
    pub addresses: Addresses,

    /// How long addresses and programs of actions and logins are kept
    #[arg(
        id = "audit_address_retention",
        long = "audit-address-retention",
        env = "ROLLCALL_AUDIT_ADDRESS_RETENTION",
        value_name = "DURATION",
        default_value = "90d"
    )]
    pub address_retention: Span,
}

/// What is kept of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Addresses {
    /// Its network: /24 of an IPv4 address, /48 of an IPv6 address.
    Short,
    /// All of it.
    Full,
    /// Nothing.
    None,
}

impl Addresses {
    /// The address as it is kept; none where nothing is.
    #[must_use]
    pub fn kept(self, address: IpAddr) -> Option<String> {
        let address = address.to_canonical();
        let bits = if address.is_ipv4() { SHORT_V4 } else { SHORT_V6 };
        match self {
            Self::Short => IpNet::new(address, bits).ok().map(|network| network.trunc().to_string()),
            Self::Full => Some(address.to_string()),
            Self::None => None,
        }
    }
}

impl Audit {
    pub(super) fn problems(&self) -> Vec<String> {
        const DAY: Span = Span::from_secs(86_400);
        const MONTH: Span = Span::from_secs(31 * 86_400);
        let mut problems = Vec::new();
        if self.retention < MONTH {
            let name = error::names("audit_retention");
            problems.push(format!(
                "{name} is {}: expected at least 31d, since history is dropped by whole months",
                self.retention
            ));
        }
        if self.address_retention < DAY {
            let name = error::names("audit_address_retention");
            problems.push(format!("{name} is {}: expected at least 1d", self.address_retention));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_as_far_as_it_should_be() {
        let kept = |mode: Addresses, address: &str| mode.kept(address.parse().unwrap());
        for (address, short) in [
            ("203.0.113.77", "203.0.113.0/24"),
            ("::ffff:203.0.113.77", "203.0.113.0/24"),
            ("2001:db8:1234:5678::9", "2001:db8:1234::/48"),
            ("::1", "::/48"),
        ] {
            assert_eq!(kept(Addresses::Short, address).as_deref(), Some(short));
            assert_eq!(kept(Addresses::None, address), None);
        }
        assert_eq!(kept(Addresses::Full, "::ffff:203.0.113.77").as_deref(), Some("203.0.113.77"));
    }
}
