//! `rollcall healthcheck`: what a container runtime asks, where there is no curl.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;

use crate::config::Config;

/// Longer than the node itself waits for its stores.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the node whether it is ready, and prints its answer.
pub(super) async fn run(config: &Config) -> anyhow::Result<bool> {
    let url = format!("http://{}/readyz", reachable(config.listen.internal));
    let response = reqwest::Client::builder()
        .timeout(PATIENCE)
        .no_proxy()
        .build()?
        .get(&url)
        .send()
        .await
        .with_context(|| format!("no answer from {url} (ROLLCALL_INTERNAL_LISTEN)"))?;
    let ready = response.status().is_success();
    writeln!(std::io::stdout(), "{}", response.text().await?)?;
    Ok(ready)
}

/// The address by which this machine reaches a listener that may be on all addresses.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_asked_here() {
        let reach = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(reach("0.0.0.0:9000"), "127.0.0.1:9000");
        assert_eq!(reach("[::]:9000"), "[::1]:9000");
        assert_eq!(reach("10.0.0.7:9000"), "10.0.0.7:9000");
    }
}
