//! What those ask who run the server: which models there are, whether it lives and is ready, and what it has counted.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, Response, header},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    application::Application,
    metrics::CONTENT_TYPE,
    problem::{Problem, Refusal, document},
};

/// The models of the server.
#[derive(Serialize, ToSchema)]
pub struct ModelsAnswer {
    /// In the order of the command line.
    models: Vec<ModelAnswer>,
}

/// A model.
#[derive(Serialize, ToSchema)]
struct ModelAnswer {
    /// Its name in requests.
    name: String,
    /// What tells it from others of this name: the beginning of the SHA-256 of its description.
    version: String,
    /// Whether it answers requests that name no model.
    default: bool,
    /// The language that it reads.
    language: &'static str,
    /// Its classes.
    labels: Vec<String>,
    /// From which probability on each class is answered, where a text may have several.
    #[serde(skip_serializing_if = "Option::is_none")]
    thresholds: Option<Vec<f32>>,
    /// Words that it knows.
    words: usize,
    /// Time steps.
    steps: usize,
    /// How words become spikes.
    encoder: &'static str,
    /// The words that each kernel of the text convolution sees.
    widths: Vec<usize>,
    /// Filters of each width.
    filters: usize,
    /// The recipe that it was made by.
    recipe: String,
    /// The data set that it was made of.
    dataset: String,
}

/// Says that it lives.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    status: &'static str,
}

/// The models of the server.
#[utoipa::path(
    get,
    path = "/v1/models",
    responses(
        (status = 200, description = "The models, in the order of the command line", body = ModelsAnswer),
        (status = 503, description = "They are still being loaded", body = Refusal),
    )
)]
pub async fn models(State(application): State<Arc<Application>>) -> Result<Response<Body>, Problem> {
    // None are there only while they are being loaded.
    application.model(None)?;
    let told = application.models().iter().enumerate().map(|(at, served)| {
        let version = served.version();
        let model = &version.model;
        let config = model.network().config();
        ModelAnswer {
            name: served.place.name.clone(),
            version: version.name.clone(),
            default: at == 0,
            language: model.language().name(),
            labels: model.labels().to_vec(),
            thresholds: model.thresholds().map(<[f32]>::to_vec),
            words: model.vocabulary().len(),
            steps: config.steps,
            encoder: config.encoder.name(),
            widths: config.convolution().widths.clone(),
            filters: config.convolution().filters,
            recipe: model.training().recipe.clone(),
            dataset: model.training().dataset.clone(),
        }
    });
    Ok(document(&ModelsAnswer { models: told.collect() }))
}

/// Whether the process lives; open to all.
#[utoipa::path(get, path = "/healthz", responses((status = 200, description = "It lives", body = Health)))]
pub async fn health() -> Response<Body> {
    document(&Health { status: "ok" })
}

/// Whether requests should come: not before the models are loaded, and not any more once the server was told to end. Open to
/// all.
#[utoipa::path(
    get,
    path = "/readyz",
    responses(
        (status = 200, description = "Requests should come", body = Health),
        (status = 503, description = "Not yet, or no more", body = Refusal),
    )
)]
pub async fn readiness(State(application): State<Arc<Application>>) -> Result<Response<Body>, Problem> {
    application.ready()?;
    Ok(document(&Health { status: "ok" }))
}

/// What was counted, for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    responses((
        status = 200,
        description = "Counts in the OpenMetrics format",
        body = String,
        content_type = "application/openmetrics-text"
    ))
)]
pub async fn metrics(State(application): State<Arc<Application>>) -> Response<Body> {
    let mut response = Response::new(Body::from(application.metrics.text()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    response
}
