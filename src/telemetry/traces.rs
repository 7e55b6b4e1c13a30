//! Traces, as spans by OTLP over HTTP. Every request has one, of heartbeats a share: they are nearly all requests, and all
//! alike.

use opentelemetry::trace::{SpanKind, TraceContextExt, TraceId, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SamplingResult, SdkTracerProvider, ShouldSample};
use tracing_subscriber::Layer;

use super::{Collector, HEARTBEAT, Output, TASK, TelemetryError};

/// The service, as a collector knows it.
const SERVICE: &str = env!("CARGO_PKG_NAME");

/// Sends spans in the background, and what is left of them when it is dropped.
#[derive(Debug)]
pub(super) struct Sender(SdkTracerProvider);

impl Drop for Sender {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

/// Where spans go to, and who sends them.
///
/// # Errors
/// [`TelemetryError::Traces`]: the address is none.
pub(super) fn begin(collector: Collector<'_>) -> Result<(Output, Sender), TelemetryError> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(collector.endpoint)
        .build()
        .map_err(|error| TelemetryError::Traces(error.to_string()))?;
    let resource = Resource::builder()
        .with_service_name(SERVICE)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", collector.node.to_owned()))
        .build();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .with_sampler(Share { heartbeats: Sampler::TraceIdRatioBased(collector.heartbeats) })
        .build();
    let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer(SERVICE));
    Ok((spans.boxed(), Sender(provider)))
}

/// Every trace is sent, of heartbeats a share.
#[derive(Clone, Debug)]
struct Share {
    heartbeats: Sampler,
}

impl ShouldSample for Share {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[opentelemetry::trace::Link],
    ) -> SamplingResult {
        let is_within = parent.is_some_and(|parent| parent.span().span_context().is_valid());
        let sampler = match name {
            _ if is_within => &Sampler::ParentBased(Box::new(Sampler::AlwaysOn)),
            HEARTBEAT => &self.heartbeats,
            // It would end with the node.
            TASK => &Sampler::AlwaysOff,
            _ => &Sampler::AlwaysOn,
        };
        sampler.should_sample(parent, trace, name, kind, attributes, links)
    }
}
