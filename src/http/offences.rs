//! What an address does too often, and what it gets for that: it is blocked for a time.
//!
//! Failed logins and refused requests are counted in Redis, over all nodes. Addresses of the allow list and trusted
//! proxies are never blocked: blocking a proxy would block everybody behind it.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv6Net};

use crate::accounts::Origin;
use crate::app::App;
use crate::store::limits::Offence;

/// What stands for an address in limits and blocks: the address, of IPv6 the /64 that one customer has.
pub(super) fn network(address: IpAddr) -> IpNet {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Net::new_assert(address, 64).trunc().into(),
        address => address.into(),
    }
}

/// Whether an address is neither limited nor blocked.
pub(super) fn is_spared(app: &App, address: IpAddr) -> bool {
    app.config.limits.allow.contains(address) || app.config.proxies.trusted.contains(address)
}

/// Somebody there failed to prove who they are.
pub(super) async fn failed(app: &App, address: IpAddr) {
    count(app, address, Offence::FailedAttempt, "Too many failed logins").await;
}

/// A request from there was refused for coming too often.
pub(super) async fn refused(app: &App, address: IpAddr) {
    count(app, address, Offence::RefusedRequest, "Too many refused requests").await;
}

async fn count(app: &App, address: IpAddr, offence: Offence, reason: &str) {
    let network = network(address);
    if is_spared(app, address) || !app.limits.offends(&app.store, &network.to_string(), offence).await {
        return;
    }
    let origin = Origin { address: app.config.audit.addresses.kept(address), ..Origin::default() };
    match app.accounts.block_offender(network, reason, &origin).await {
        Ok(Some(_)) => {
            tracing::warn!(reason, "an address is blocked for a time");
            changed(app).await;
        }
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "an address that should be blocked is not"),
    }
}

/// The blocked networks have changed: here at once, and within about a second everywhere.
pub(super) async fn changed(app: &App) {
    if let Err(error) = app.blocks.load(&app.accounts).await {
        tracing::warn!(%error, "this node learns a little later of a change of the blocked addresses");
    }
    if let Err(error) = app.store.announce_blocks().await {
        tracing::warn!(%error, "other nodes learn later of a change of the blocked addresses");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_customer_is_one_network() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("203.0.113.9"), "203.0.113.9/32");
        assert_eq!(of("::ffff:203.0.113.9"), "203.0.113.9/32");
        assert_eq!(of("2001:db8::1:2:3:4"), "2001:db8::/64");
    }
}
