//! Every setting, once: its flag, its environment variable, its place in the file, its default and its help.
//!
//! A setting is a field with its clap attribute in the struct of its concern; the file's names follow from its id
//! (`load.rs`). `std::env` is read nowhere else.

mod audit;
mod auth;
mod cors;
mod database;
mod error;
mod file;
mod http;
mod in_force;
mod issuers;
mod limits;
mod listen;
mod live;
mod load;
mod log;
mod presence;
mod print;
mod proxies;
mod rate;
mod redis;
mod span;
mod surroundings;
#[cfg(test)]
mod tests;
mod traces;
mod unwise;
mod url;
mod weak;
mod webhooks;

use std::path::PathBuf;

pub use audit::{Addresses, Audit};
pub use auth::{Auth, RefreshRotation, Registration, RequireTotp};
pub use cors::{Cors, Origins};
pub use database::Database;
pub use error::{ConfigError, EXIT_USAGE};
pub use http::Http;
pub use in_force::InForce;
pub use issuers::{ClaimNames, Issuer, IssuerKeys, Signature};
pub use limits::Limits;
pub use listen::Listen;
pub use live::{Live, RoomPolicy};
pub use load::{Loaded, load, load_process};
pub use log::{Log, LogFormat};
pub use presence::Presence;
pub use proxies::{Cidrs, Proxies};
pub use rate::{Limit, Period, Rate};
pub use redis::Redis;
pub use span::Span;
pub use surroundings::Surroundings;
pub use traces::Traces;
pub use unwise::Unwise;
pub use url::StoreUrl;
pub use webhooks::Webhooks;

use crate::presence::Policy;

/// Every setting.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// Settings file (TOML); environment and flags go before it
    #[arg(id = "config_file", long = "config", env = "ROLLCALL_CONFIG", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Addresses and the node's name.
    #[command(flatten)]
    pub listen: Listen,
    /// The log.
    #[command(flatten)]
    pub log: Log,
    /// Traces for a collector.
    #[command(flatten)]
    pub traces: Traces,
    /// The presence store.
    #[command(flatten)]
    pub redis: Redis,
    /// Accounts and history.
    #[command(flatten)]
    pub database: Database,
    /// Tokens and accounts.
    #[command(flatten)]
    pub auth: Auth,
    /// The times of presence.
    #[command(flatten)]
    pub presence: Presence,
    /// Bounds of the HTTP server.
    #[command(flatten)]
    pub http: Http,
    /// Web pages of other origins.
    #[command(flatten)]
    pub cors: Cors,
    /// Proxies before the service.
    #[command(flatten)]
    pub proxies: Proxies,
    /// Rate limits.
    #[command(flatten)]
    pub limits: Limits,
    /// Sockets and event streams.
    #[command(flatten)]
    pub live: Live,
    /// Retention of history.
    #[command(flatten)]
    pub audit: Audit,
    /// Other servers that are told of changes.
    #[command(flatten)]
    pub webhooks: Webhooks,
    /// All of these as they may be shown; filled by [`load()`].
    #[arg(skip)]
    pub in_force: Vec<InForce>,
}

impl Config {
    /// The times of presence.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.presence.policy()
    }

    /// Refuses settings that contradict each other; [`load()`] has done so, changes by hand may do it again.
    ///
    /// # Errors
    /// [`ConfigError::Settings`] with a line for each contradiction.
    pub fn validate(&self) -> Result<(), ConfigError> {
        all(self.problems())
    }

    /// Refuses settings that are enough for other commands, but not to serve.
    ///
    /// # Errors
    /// [`ConfigError::Settings`] that names everything that is missing.
    pub fn check_serving(&self) -> Result<(), ConfigError> {
        let needed = [self.redis.url().err(), self.database.url().err(), self.auth.secret().err()];
        let mut lines: Vec<_> = needed.into_iter().flatten().map(|error| error.to_string()).collect();
        if !lines.is_empty() {
            lines.push("(`rollcall dev` needs none of them: it starts servers of its own)".to_owned());
        }
        all(lines)
    }

    fn problems(&self) -> Vec<String> {
        [
            self.listen.problems(),
            self.auth.problems(),
            self.presence.problems(),
            self.http.problems(),
            self.sample_passwords(),
            self.audit.problems(),
            self.traces.problems(),
        ]
        .concat()
    }

    /// Stores whose password is that of the examples.
    fn sample_passwords(&self) -> Vec<String> {
        let urls = [
            ("redis_url", &self.redis.url),
            ("database_url", &self.database.url),
            ("database_migrate_url", &self.database.migrate_url),
        ];
        let weakness = |(id, url): (&str, &Option<StoreUrl>)| {
            let why = weak::of_password(url.as_ref()?.password()?)?;
            Some(format!("{}: its password {why}", error::names(id)))
        };
        urls.into_iter().filter_map(weakness).collect()
    }

    /// The values that follow from others where they are not set.
    fn derived(&self) -> Vec<(&'static str, String)> {
        let mut derived = vec![
            ("node", self.listen.node_name()),
            ("presence_hidden_heartbeat", self.presence.hidden_heartbeat().to_string()),
            ("presence_hidden_ttl", self.presence.hidden_ttl().to_string()),
            ("presence_socket_ping", self.presence.socket_ping().to_string()),
        ];
        if let Ok(url) = self.database.migrate_url() {
            derived.push(("database_migrate_url", url.to_string()));
        }
        derived
    }
}

fn all(problems: Vec<String>) -> Result<(), ConfigError> {
    if problems.is_empty() { Ok(()) } else { Err(ConfigError::Settings(problems)) }
}
