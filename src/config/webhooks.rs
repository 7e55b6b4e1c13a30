//! Other servers that are told of changes of presence.

use clap::builder::BoolishValueParser;

/// Where webhooks may go.
#[derive(Clone, Debug, clap::Args)]
pub struct Webhooks {
    /// Let webhooks go to addresses that are not public (this machine, this network), and by plain HTTP
    #[arg(id = "webhooks_allow_private", long = "webhooks-allow-private", env = "ROLLCALL_WEBHOOKS_ALLOW_PRIVATE",
          value_name = "BOOL", action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true,
          default_missing_value = "true", default_value = "false", value_parser = BoolishValueParser::new())]
    pub allow_private: bool,
}
