//! The log: to standard error, as lines for people or JSON for machines.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

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

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is no list of `target=level`.
    #[error("the log filter is wrong: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Logging was set up before.
    #[error("the log is set up already: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Starts logging for the whole process.
///
/// # Errors
/// [`TelemetryError`]: the filter is wrong, or logging was started before.
pub fn init(filter: &str, format: Format) -> Result<(), TelemetryError> {
    let colours = std::io::stderr().is_terminal();
    Ok(subscriber(filter, format, colours, std::io::stderr)?.try_init()?)
}

type Subscriber = Box<dyn tracing::Subscriber + Send + Sync>;

fn subscriber<W>(filter: &str, format: Format, colours: bool, writer: W) -> Result<Subscriber, TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let mut filter = EnvFilter::try_new(filter)?;
    for directive in NEVER {
        filter = filter.add_directive(directive.parse()?);
    }
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    Ok(match format {
        Format::Text => Box::new(builder.with_ansi(colours).finish()),
        Format::Json => Box::new(builder.json().flatten_event(true).finish()),
    })
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
        let subscriber = subscriber("info", format, false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(shard = 7, "restored");
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
    }

    #[test]
    fn text_is_one_line_and_the_filter_holds() {
        let text = logged(Format::Text);
        assert_eq!(text.lines().count(), 1);
        assert!(text.contains("restored") && text.contains("shard=7"));
        assert!(matches!(init("=nonsense=", Format::Text), Err(TelemetryError::Filter(_))));
    }
}
