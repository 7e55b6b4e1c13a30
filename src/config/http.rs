//! Bounds of the HTTP server.

use super::{Span, error};

/// What one node takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Http {
    /// Connections at a time, sockets included
    #[arg(id = "http_max_connections", long = "http-max-connections", env = "ROLLCALL_HTTP_MAX_CONNECTIONS",
          value_name = "COUNT", default_value = "50000", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: u32,

    /// How long a new connection may take to send the head of its first request
    #[arg(
        id = "http_header_timeout",
        long = "http-header-timeout",
        env = "ROLLCALL_HTTP_HEADER_TIMEOUT",
        value_name = "DURATION",
        default_value = "10s"
    )]
    pub header_timeout: Span,

    /// Bytes of a request's body
    #[arg(id = "http_body_limit", long = "http-body-limit", env = "ROLLCALL_HTTP_BODY_LIMIT", value_name = "BYTES",
          default_value = "65536", value_parser = clap::value_parser!(u32).range(1024..=16_777_216))]
    pub body_limit: u32,
}

impl Http {
    pub(super) fn problems(&self) -> Vec<String> {
        if self.header_timeout >= Span::from_secs(1) {
            return Vec::new();
        }
        let name = error::names("http_header_timeout");
        vec![format!("{name} is {}: expected at least 1s", self.header_timeout)]
    }
}
