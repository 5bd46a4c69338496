//! `POST /v1/classify`: labels and probabilities of texts.

use std::sync::Arc;

use axum::{Extension, body::Body, extract::State, http::Response};
use serde::{Deserialize, Serialize};
use spiketext::{Model, Prediction};
use utoipa::ToSchema;

use crate::{
    accompany::Context,
    application::Application,
    asked::{self, Asked, Whole},
    problem::{Problem, document},
};

/// So many probabilities are written where no connection waits meanwhile.
const MANY: usize = 2048;

/// Texts to label.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"texts": ["a warm and funny film", "the worst hotel of the year"], "top_k": 1}))]
pub struct ClassifyRequest {
    /// One text; this or `texts`.
    text: Option<String>,
    /// Many texts.
    texts: Option<Vec<String>>,
    /// The name of a model; the first one of the server where it is absent.
    model: Option<String>,
    /// Only the probabilities of so many classes, the most probable ones.
    #[schema(value_type = Option<usize>)]
    top_k: Option<Whole>,
    /// No label is answered whose probability is below this, from 0 to 1; of a model of several labels a text it stands for
    /// the thresholds of the model.
    threshold: Option<f64>,
}

/// The answers, in the order of the texts.
#[derive(Serialize, ToSchema)]
pub struct ClassifyAnswer<'a> {
    /// The name of the model.
    model: &'a str,
    /// Its version: the same name and version give the same answers.
    version: &'a str,
    /// An answer for each text.
    results: Vec<Classified<'a>>,
}

/// The answer to one text.
#[derive(Serialize, ToSchema)]
struct Classified<'a> {
    /// The most probable class; null where its probability is below `threshold`.
    label: Option<&'a str>,
    /// Of a model of several labels a text all that are answered, the most probable one first.
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Vec<&'a str>>,
    /// The probability of the most probable class.
    probability: f32,
    /// The classes with their probabilities, the most probable one first. They sum to one unless `top_k` left some out or
    /// the model has several labels a text.
    probabilities: Vec<ClassProbability<'a>>,
    /// Whether the model knows no word of the text: the probabilities are then the shares of the classes in training.
    unknown: bool,
    /// Tokens of the text.
    tokens: usize,
    /// Tokens that the model knows.
    known_tokens: usize,
    /// Accumulations that it took.
    acs: u64,
}

/// A class and its probability.
#[derive(Serialize, ToSchema)]
struct ClassProbability<'a> {
    /// The name of the class.
    label: &'a str,
    /// Its probability, not rounded.
    probability: f32,
}

/// Labels texts.
///
/// Texts of all requests that wait at the same moment are labelled together; an answer does not depend on the company.
#[utoipa::path(
    post,
    path = "/v1/classify",
    request_body = ClassifyRequest,
    responses(
        (status = 200, description = "An answer for each text, in order", body = ClassifyAnswer),
    )
)]
pub async fn classify(
    State(application): State<Arc<Application>>,
    Extension(context): Extension<Context>,
    Asked(request): Asked<ClassifyRequest>,
) -> Result<Response<Body>, Problem> {
    let ClassifyRequest { text, texts, model, top_k, threshold } = request;
    let served = application.model(model.as_deref())?;
    if let Some(threshold) = threshold.filter(|threshold| !(0.0..=1.0).contains(threshold)) {
        return Err(Problem::invalid("threshold", format!("expected a probability from 0 to 1, got {threshold}")));
    }
    // Looked at as it came: what is a little more than 1 would be 1 in single precision.
    let threshold = threshold.map(|threshold| threshold as f32);
    let top_k = top_k.map(|count| count.value);
    if top_k == Some(0) {
        return Err(Problem::invalid("top_k", "expected 1 or more, got 0"));
    }
    let texts = asked::texts(text, texts, &application.options.limits)?;
    context.note_texts(&texts, application.options.log_texts);
    let answered = served.label(texts, context.deadline).await?;
    context.note_model(&served.place.name, &answered.version.name);
    let numbers = answered.predictions.len() * answered.version.model.labels().len();
    let name = served.place.name.clone();
    let write = move || {
        let model = &answered.version.model;
        let results = answered.predictions.iter().map(|one| classified(model, one, top_k, threshold)).collect();
        document(&ClassifyAnswer { model: &name, version: &answered.version.name, results })
    };
    if numbers < MANY {
        return Ok(write());
    }
    tokio::task::spawn_blocking(write).await.map_err(|_| Problem::internal())
}

fn classified<'a>(
    model: &'a Model,
    prediction: &Prediction,
    top_k: Option<usize>,
    threshold: Option<f32>,
) -> Classified<'a> {
    let (names, probabilities) = (model.labels(), &prediction.probabilities);
    let mut classes: Vec<usize> = (0..names.len()).collect();
    // The answer comes first among equals.
    let later = |class: usize| class != prediction.label;
    classes.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]).then(later(a).cmp(&later(b))));
    let reaches = |class: usize| threshold.is_none_or(|threshold| probabilities[class] >= threshold);
    let name = |class: usize| names[class].as_str();
    let labels = prediction.labels.as_ref().map(|answered| match threshold {
        Some(_) => classes.iter().copied().filter(|&class| reaches(class)).map(name).collect(),
        None => answered.iter().copied().map(name).collect(),
    });
    Classified {
        label: Some(prediction.label).filter(|&class| reaches(class)).map(name),
        labels,
        probability: probabilities[prediction.label],
        probabilities: classes
            .into_iter()
            .take(top_k.unwrap_or(usize::MAX))
            .map(|class| ClassProbability { label: name(class), probability: probabilities[class] })
            .collect(),
        unknown: prediction.unknown,
        tokens: prediction.tokens,
        known_tokens: prediction.known_tokens,
        acs: prediction.operations.acs(),
    }
}
