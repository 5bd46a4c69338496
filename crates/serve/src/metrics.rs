//! What the server counts and how long it takes, for Prometheus.

use std::{fmt, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use spiketext::Prediction;

/// Upper ends of the buckets of durations, in seconds: a short text takes less than a millisecond.
const SECONDS: [f64; 17] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Upper ends of the buckets of texts.
const TEXTS: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// The content type of what [`Metrics::text`] gives.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfRequest {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfRoute {
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfModel {
    model: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfVersion {
    model: String,
    version: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfReload {
    model: String,
    outcome: &'static str,
}

/// All that is counted.
pub struct Metrics {
    registry: Registry,
    requests: Family<OfRequest, Counter>,
    durations: Family<OfRoute, Histogram>,
    queued: Family<OfModel, Histogram>,
    batches: Family<OfModel, Histogram>,
    texts: Family<OfModel, Counter>,
    spikes: Family<OfModel, Counter>,
    accumulations: Family<OfModel, Counter>,
    waiting: Family<OfModel, Gauge>,
    models: Family<OfVersion, Gauge>,
    reloads: Family<OfReload, Counter>,
    connections: Gauge,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Nothing counted yet, of a program that was built from `build`.
    pub fn new(build: &str) -> Self {
        let seconds = || Histogram::new(SECONDS);
        let labels = [("build".into(), build.to_owned().into())];
        let mut metrics = Self {
            registry: Registry::with_prefix_and_labels("spiketext", labels.into_iter()),
            requests: Family::default(),
            durations: Family::new_with_constructor(seconds),
            queued: Family::new_with_constructor(seconds),
            batches: Family::new_with_constructor(|| Histogram::new(TEXTS)),
            texts: Family::default(),
            spikes: Family::default(),
            accumulations: Family::default(),
            waiting: Family::default(),
            models: Family::default(),
            reloads: Family::default(),
            connections: Gauge::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("requests", "Requests that were answered", metrics.requests.clone());
        registry.register(
            "request_duration_seconds",
            "From a request's first line to its answer",
            metrics.durations.clone(),
        );
        registry.register("queue_duration_seconds", "How long texts waited for their model", metrics.queued.clone());
        registry.register("batch_texts", "Texts that a model labelled at once", metrics.batches.clone());
        registry.register("texts", "Texts that were labelled", metrics.texts.clone());
        registry.register("spikes", "Spikes of all layers and inputs for these texts", metrics.spikes.clone());
        registry.register("accumulations", "Accumulations for these texts", metrics.accumulations.clone());
        registry.register("texts_in_flight", "Texts that wait or are being labelled", metrics.waiting.clone());
        registry.register("model", "The version of each model, always 1", metrics.models.clone());
        registry.register("reloads", "Models that were read again, by outcome", metrics.reloads.clone());
        registry.register("connections", "Open connections", metrics.connections.clone());
        metrics
    }

    /// Everything, as Prometheus reads it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // A string takes whatever is written.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// A request was answered.
    pub fn request(&self, route: &str, method: &'static str, status: u16, took: Duration) {
        let route = route.to_owned();
        self.durations.get_or_create(&OfRoute { route: route.clone() }).observe(took.as_secs_f64());
        self.requests.get_or_create(&OfRequest { route, method, status }).inc();
    }

    /// Texts waited for their model.
    pub fn waited(&self, model: &str, waited: Duration) {
        self.queued.get_or_create(&of(model)).observe(waited.as_secs_f64());
    }

    /// A model labelled texts at once.
    pub fn labelled(&self, model: &str, predictions: &[Prediction]) {
        let spikes = |one: &Prediction| {
            one.operations.input_spikes + one.operations.layers.iter().map(|layer| layer.spikes).sum::<u64>()
        };
        let model = of(model);
        self.batches.get_or_create(&model).observe(predictions.len() as f64);
        self.texts.get_or_create(&model).inc_by(predictions.len() as u64);
        self.spikes.get_or_create(&model).inc_by(predictions.iter().map(spikes).sum());
        self.accumulations.get_or_create(&model).inc_by(predictions.iter().map(|one| one.operations.acs()).sum());
    }

    /// So many texts are with a model.
    pub fn in_flight(&self, model: &str, texts: usize) {
        self.waiting.get_or_create(&of(model)).set(i64::try_from(texts).unwrap_or(i64::MAX));
    }

    /// The versions of all models.
    pub fn versions<'a>(&self, models: impl Iterator<Item = (&'a str, String)>) {
        self.models.clear();
        for (model, version) in models {
            self.models.get_or_create(&OfVersion { model: model.to_owned(), version }).set(1);
        }
    }

    /// A model was read again.
    pub fn reloaded(&self, model: &str, outcome: &'static str) {
        self.reloads.get_or_create(&OfReload { model: model.to_owned(), outcome }).inc();
    }

    /// A connection was opened (1) or closed (-1).
    pub fn connection(&self, by: i64) {
        self.connections.inc_by(by);
    }
}

fn of(model: &str) -> OfModel {
    OfModel { model: model.to_owned() }
}
