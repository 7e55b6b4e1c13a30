//! The log, to standard error, as lines for people or JSON for machines; and, where they are asked for, traces.
//!
//! Both are made of the same spans: `request` (and `heartbeat`, which is one as well) by its id, `socket` by its connection,
//! `task` by its name, and within a task the rounds that are worth a trace.

#[cfg(feature = "otlp")]
mod traces;

use std::io::IsTerminal;

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layered, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// The span of a background task, which lasts as long as the node: for the log alone. Rounds of a task are no part of it.
pub const TASK: &str = "task";
/// The span of a heartbeat, of which only a share is traced.
pub const HEARTBEAT: &str = "heartbeat";

/// What libraries say of secrets, whatever the filter asks for: an unknown parameter of the database's address is told
/// with its value, which may be a password.
const NEVER: [&str; 1] = ["sqlx_postgres::options::parse=off"];

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A line for people; coloured on a terminal.
    Text,
    /// A JSON object per line, the event's fields beside `timestamp`, `level` and `target`.
    Json,
}

/// Where traces go.
#[derive(Clone, Copy, Debug)]
pub struct Collector<'a> {
    /// Its address, for OTLP by HTTP.
    pub endpoint: &'a str,
    /// The share of heartbeats that are traced.
    pub heartbeats: f64,
    /// The name of this node.
    pub node: &'a str,
}

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is no list of `target=level`.
    #[error("the log filter is wrong: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Logging was set up before.
    #[error("the log is set up already: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
    /// Traces cannot be sent.
    #[error("traces cannot be sent: {0}")]
    Traces(String),
}

/// Sends what is left of the traces when it is dropped.
#[derive(Debug, Default)]
#[must_use]
pub struct Telemetry {
    #[cfg(feature = "otlp")]
    _traces: Option<traces::Sender>,
}

type Filtered = Layered<EnvFilter, Registry>;
type Output = Box<dyn Layer<Filtered> + Send + Sync>;

/// Starts logging for the whole process, and traces for `collector`.
///
/// # Errors
/// [`TelemetryError`]: the filter is wrong, logging was started before, or there is a collector and the program cannot
/// make traces.
pub fn init(
    filter: &str,
    format: Format,
    collector: Option<Collector<'_>>,
) -> Result<Telemetry, TelemetryError> {
    let colours = std::io::stderr().is_terminal();
    let mut outputs = vec![log(format, colours, std::io::stderr)];
    let telemetry = trace(collector, &mut outputs)?;
    filtered(filter)?.with(outputs).try_init()?;
    Ok(telemetry)
}

#[cfg(feature = "otlp")]
fn trace(collector: Option<Collector<'_>>, outputs: &mut Vec<Output>) -> Result<Telemetry, TelemetryError> {
    let Some(collector) = collector else { return Ok(Telemetry::default()) };
    let (output, sender) = traces::begin(collector)?;
    outputs.push(output);
    Ok(Telemetry { _traces: Some(sender) })
}

#[cfg(not(feature = "otlp"))]
fn trace(collector: Option<Collector<'_>>, _: &mut Vec<Output>) -> Result<Telemetry, TelemetryError> {
    match collector {
        None => Ok(Telemetry::default()),
        Some(_) => Err(TelemetryError::Traces("the program was built without the feature otlp".to_owned())),
    }
}

/// What there is to be told. One filter for all that hear it: with a filter each, whoever asks whether something would be
/// logged, and then does not log it (sqlx does), makes the next span go unheard.
fn filtered(filter: &str) -> Result<Filtered, TelemetryError> {
    let mut filter = EnvFilter::try_new(filter)?;
    for directive in NEVER {
        filter = filter.add_directive(directive.parse()?);
    }
    Ok(Registry::default().with(filter))
}

/// The log, as a part of what events go to.
fn log<W>(format: Format, colours: bool, writer: W) -> Output
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    match format {
        Format::Text => lines.with_ansi(colours).boxed(),
        Format::Json => lines.json().flatten_event(true).boxed(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: Format) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        let log = log(format, false, move || writer.clone());
        tracing::subscriber::with_default(filtered("info").unwrap().with(vec![log]), || {
            let span = tracing::info_span!("request", id = "r-1");
            span.in_scope(|| tracing::info!(shard = 7, "restored"));
            tracing::debug!("unheard");
        });
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_has_the_fields_of_the_event() {
        let text = logged(Format::Json);
        let event: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(
            (&event["message"], &event["shard"], &event["level"]),
            (&"restored".into(), &7.into(), &"INFO".into())
        );
        assert_eq!(event["span"], serde_json::json!({ "name": "request", "id": "r-1" }));
    }

    #[test]
    fn text_is_one_line_and_the_filter_holds() {
        let text = logged(Format::Text);
        assert_eq!(text.lines().count(), 1);
        assert!(
            text.contains("restored") && text.contains("shard=7") && text.contains("request{id="),
            "{text}"
        );
        assert!(matches!(init("=nonsense=", Format::Text, None), Err(TelemetryError::Filter(_))));
    }
}
