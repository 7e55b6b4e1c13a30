//! Postgres: where accounts and history are.

use super::{ConfigError, StoreUrl, error};

/// The database, as the service and as its owner.
#[derive(Clone, Debug, clap::Args)]
pub struct Database {
    /// Postgres, as the role that serves
    #[arg(id = "database_url", long = "database-url", env = "ROLLCALL_DATABASE_URL", value_name = "URL",
          hide_env_values = true, value_parser = StoreUrl::postgres)]
    pub url: Option<StoreUrl>,

    /// Postgres, as the role that owns the schema [default: the same]
    #[arg(id = "database_migrate_url", long = "database-migrate-url", env = "ROLLCALL_DATABASE_MIGRATE_URL",
          value_name = "URL", hide_env_values = true, value_parser = StoreUrl::postgres)]
    pub migrate_url: Option<StoreUrl>,
}

impl Database {
    /// The URL for serving.
    ///
    /// # Errors
    /// [`ConfigError`] that names the setting, if it is not set.
    pub fn url(&self) -> Result<&StoreUrl, ConfigError> {
        self.url.as_ref().ok_or_else(|| error::missing("database_url", "where Postgres is"))
    }

    /// The URL for migrating: its own, else the one for serving.
    ///
    /// # Errors
    /// [`ConfigError`] that names the setting, if neither is set.
    pub fn migrate_url(&self) -> Result<&StoreUrl, ConfigError> {
        self.migrate_url.as_ref().map_or_else(|| self.url(), Ok)
    }
}
