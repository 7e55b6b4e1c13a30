//! Redis: where it is, and how presence is laid out in it.

use super::{ConfigError, StoreUrl, error};

/// The presence store.
#[derive(Clone, Debug, clap::Args)]
pub struct Redis {
    /// Redis: redis://, rediss://, redis-cluster://, redis-sentinel://, redis+unix://
    #[arg(id = "redis_url", long = "redis-url", env = "ROLLCALL_REDIS_URL", value_name = "URL",
          hide_env_values = true, value_parser = StoreUrl::redis)]
    pub url: Option<StoreUrl>,

    /// First part of every key
    #[arg(id = "redis_prefix", long = "redis-prefix", env = "ROLLCALL_REDIS_PREFIX", value_name = "PREFIX",
          default_value = "rc", value_parser = prefix)]
    pub prefix: String,

    /// Into how many shards users are spread; fixed once data exists
    #[arg(id = "redis_shards", long = "redis-shards", env = "ROLLCALL_REDIS_SHARDS", value_name = "COUNT",
          default_value = "64", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub shards: u16,
}

impl Redis {
    /// The URL.
    ///
    /// # Errors
    /// [`ConfigError`] that names the setting, if it is not set.
    pub fn url(&self) -> Result<&StoreUrl, ConfigError> {
        self.url.as_ref().ok_or_else(|| error::missing("redis_url", "where Redis is"))
    }
}

/// Braces would change the hash tag, and with it the shard a key lives on.
fn prefix(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if text.is_empty() || text.len() > 16 || !text.bytes().all(plain) {
        return Err("expected 1-16 characters of A-Z a-z 0-9 . _ -".into());
    }
    Ok(text.to_owned())
}
