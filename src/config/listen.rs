//! Where the service listens, and the name of this node.

use std::net::SocketAddr;

/// Addresses and name of the node.
#[derive(Clone, Debug, clap::Args)]
pub struct Listen {
    /// Public address: API, sockets, console
    #[arg(id = "listen", long = "listen", env = "ROLLCALL_LISTEN", value_name = "ADDRESS",
          default_value = "127.0.0.1:8000", value_parser = address)]
    pub public: SocketAddr,

    /// Internal address: /metrics, /livez, /readyz
    #[arg(id = "internal_listen", long = "internal-listen", env = "ROLLCALL_INTERNAL_LISTEN", value_name = "ADDRESS",
          default_value = "127.0.0.1:9000", value_parser = address)]
    pub internal: SocketAddr,

    /// Name of this node in logs, audit and metrics [default: host name and port]
    #[arg(id = "node", long = "node", env = "ROLLCALL_NODE", value_name = "NAME", value_parser = node)]
    pub node: Option<String>,
}

impl Listen {
    /// The node's name: as set, else `<host name>:<public port>`.
    #[must_use]
    pub fn node_name(&self) -> String {
        self.node.clone().unwrap_or_else(|| format!("{}:{}", host_name(), self.public.port()))
    }

    pub(super) fn problems(&self) -> Vec<String> {
        if self.public == self.internal && self.public.port() != 0 {
            return vec![format!(
                "ROLLCALL_LISTEN and ROLLCALL_INTERNAL_LISTEN are both {}: the internal address must be another",
                self.public
            )];
        }
        Vec::new()
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "expected an address with a port, such as 127.0.0.1:8000 or [::]:8000".to_owned())
}

fn node(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'_' | b'-');
    if text.is_empty() || text.len() > 64 || !text.bytes().all(plain) {
        return Err("expected 1-64 characters of A-Z a-z 0-9 . : _ -".into());
    }
    Ok(text.to_owned())
}

/// The machine's name as the environment, the kernel or `hostname` tells it.
fn host_name() -> String {
    let told = || {
        let output = std::process::Command::new("hostname").output().ok()?;
        String::from_utf8(output.stdout).ok()
    };
    std::env::var("HOSTNAME")
        .ok()
        .or_else(|| std::fs::read_to_string("/proc/sys/kernel/hostname").ok())
        .or_else(told)
        .map(|name| name.trim().to_owned())
        .and_then(|name| node(&name).ok())
        .unwrap_or_else(|| "localhost".to_owned())
}
