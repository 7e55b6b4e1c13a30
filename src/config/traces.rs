//! Traces for a collector.

use super::error::names;

/// Where traces go, and how many. Needs a program that was built with the feature `otlp`.
#[derive(Clone, Debug, clap::Args)]
pub struct Traces {
    /// Send traces to this collector (OTLP by HTTP, such as http://collector:4318/v1/traces); none are made without it
    #[arg(id = "traces_endpoint", long = "traces-endpoint", env = "ROLLCALL_TRACES_ENDPOINT", value_name = "URL",
          value_parser = endpoint)]
    pub endpoint: Option<String>,

    /// The share of heartbeats that are traced, 0 to 1; of other requests each one is
    #[arg(id = "traces_heartbeats", long = "traces-heartbeats", env = "ROLLCALL_TRACES_HEARTBEATS",
          value_name = "SHARE", default_value = "0.001", value_parser = share)]
    pub heartbeats: f64,
}

impl Traces {
    /// What keeps these settings from being followed.
    pub(super) fn problems(&self) -> Vec<String> {
        if self.endpoint.is_none() || cfg!(feature = "otlp") {
            return Vec::new();
        }
        vec![format!(
            "{}: this program was built without traces; build it with `cargo build --release --features otlp`, or leave \
             the setting out",
            names("traces_endpoint")
        )]
    }
}

fn endpoint(text: &str) -> Result<String, String> {
    let is_url = ["http://", "https://"]
        .iter()
        .any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
    if is_url {
        Ok(text.to_owned())
    } else {
        Err("expected a URL that begins with http:// or https://".to_owned())
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "expected a number from 0 to 1".to_owned())
}
