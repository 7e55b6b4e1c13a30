//! What is logged, and how.

/// Filter and format of the log, which goes to standard error.
#[derive(Clone, Debug, clap::Args)]
pub struct Log {
    /// Which events: a level (error, warn, info, debug, trace), or `target=level,...`
    #[arg(id = "log", long = "log", env = "ROLLCALL_LOG", value_name = "FILTER", default_value = "info",
          value_parser = filter)]
    pub filter: String,

    /// How they are written
    #[arg(
        id = "log_format",
        long = "log-format",
        env = "ROLLCALL_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text",
        value_enum
    )]
    pub format: LogFormat,
}

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object per line.
    Json,
}

fn filter(text: &str) -> Result<String, String> {
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("expected a level or a list of target=level: {error}")),
    }
}
