//! `POST /v1/trace`: every spike of a text, and if asked for every current and membrane.

use std::sync::Arc;

use axum::{Extension, body::Body, extract::State, http::Response};
use serde::{Deserialize, Serialize};
use spiketext::{
    Model, Network,
    engine::{LayerPotentials, LayerTrace, SpikeTrain, Trace},
    network::LayerConfig,
};
use utoipa::ToSchema;

use super::changes::{ChangesField, ChangesRequest};
use crate::{
    accompany::Context,
    application::{Application, Pace, Until},
    asked::{Asked, check_text},
    problem::{Problem, document},
};

/// A text to trace.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"text": "a warm and funny film", "changes": {"steps": 4}}))]
pub struct TraceRequest {
    /// The text.
    text: String,
    /// The name of a model; the first one of the server where it is absent.
    model: Option<String>,
    /// Also the current into each neuron and its membrane at each step.
    #[serde(default)]
    membranes: bool,
    /// Other settings of the model.
    #[schema(value_type = Option<ChangesRequest>)]
    changes: ChangesField,
}

/// What a network did with a text.
#[derive(Serialize, ToSchema)]
pub struct TraceAnswer {
    /// The name of the model.
    model: String,
    /// Its version.
    version: String,
    /// The classes, in the order of the scores.
    classes: Vec<String>,
    /// Whether the model knows no word of the text: then nothing was run, and all that follows but the tokens is null.
    unknown: bool,
    /// The tokens that were read.
    tokens: Vec<TraceToken>,
    /// Time steps.
    steps: Option<usize>,
    /// How words became spikes.
    encoder: &'static str,
    /// Spikes of the tokens: axes step, token, dimension.
    input: Option<Spikes>,
    /// The layers with neurons; one for each width of a convolution.
    layers: Option<Vec<TraceLayer>>,
    /// The scores of the classes.
    scores: Option<Vec<f32>>,
    /// What the scores would have been had the network stopped after each step: axes step, class.
    scores_by_step: Option<Vec<Vec<f32>>>,
    /// The most probable class.
    label: Option<String>,
    /// The probabilities of the classes.
    probabilities: Option<Vec<f32>>,
}

/// A token that was read.
#[derive(Serialize, ToSchema)]
struct TraceToken {
    /// The token.
    text: String,
    /// Whether the model knows it.
    known: bool,
}

/// Spikes, each by its indices along the axes.
#[derive(Serialize, ToSchema)]
struct Spikes {
    /// The names of the axes.
    axes: &'static [&'static str],
    /// Their lengths.
    shape: Vec<usize>,
    /// The indices of each spike, in the order of the axes.
    spikes: Vec<Vec<usize>>,
}

/// A layer of neurons.
#[derive(Serialize, ToSchema)]
struct TraceLayer {
    /// What it is, such as `text convolution, width 3`.
    name: String,
    /// The names of the axes.
    axes: &'static [&'static str],
    /// Their lengths.
    shape: Vec<usize>,
    /// The indices of each spike, in the order of the axes; null where neurons only add up.
    spikes: Option<Vec<Vec<usize>>>,
    /// The words that the kernel sees, of a layer that sees words.
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<usize>,
    /// What a membrane has to pass; null where neurons have thresholds of their own, or none.
    threshold: Option<f32>,
    /// The current into each neuron, all in the order of the axes.
    #[serde(skip_serializing_if = "Option::is_none")]
    currents: Option<Vec<f32>>,
    /// The membrane of each neuron after the step, less what a spike took away, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    membranes: Option<Vec<f32>>,
}

const INPUT: &[&str] = &["step", "token", "dimension"];
const POSITIONS: &[&str] = &["step", "position", "filter"];
const NEURONS: &[&str] = &["step", "neuron"];
const OUTPUTS: &[&str] = &["step", "output"];

/// Shows every spike of a text.
#[utoipa::path(
    post,
    path = "/v1/trace",
    request_body = TraceRequest,
    responses(
        (status = 200, description = "Every spike", body = TraceAnswer),
    )
)]
pub async fn trace(
    State(application): State<Arc<Application>>,
    Extension(context): Extension<Context>,
    Asked(request): Asked<TraceRequest>,
) -> Result<Response<Body>, Problem> {
    let TraceRequest { text, model, membranes, changes } = request;
    let limits = application.options.limits;
    check_text(&text, "text", &limits)?;
    let (name, version) = context.begin(&application, std::slice::from_ref(&text), model.as_deref())?;
    let work = move |_: &Until| {
        let (mut tokens, _) = version.model.words(&text);
        tokens.truncate(version.model.network().config().padding.longest());
        let (most, got) = (limits.tokens, tokens.len());
        if got > most {
            let message = format!("expected at most {most} tokens (spiketext serve --max-tokens), got {got}");
            return Err(Problem::invalid("text", message));
        }
        let model = ChangesRequest::apply(&changes, &version, &limits, got)?;
        Ok(document(&traced(name, &version.name, &model, &text, tokens, membranes)))
    };
    application.work(Pace::Quick, context.deadline, work).await
}

fn traced(
    name: String,
    version: &str,
    model: &Model,
    text: &str,
    tokens: Vec<String>,
    membranes: bool,
) -> TraceAnswer {
    let known = |token: &String| model.vocabulary().id(token).is_some();
    let tokens = tokens.into_iter().map(|text| TraceToken { known: known(&text), text }).collect();
    let mut answer = TraceAnswer {
        model: name,
        version: version.to_owned(),
        classes: model.labels().to_vec(),
        unknown: true,
        tokens,
        steps: None,
        encoder: model.network().config().encoder.name(),
        input: None,
        layers: None,
        scores: None,
        scores_by_step: None,
        label: None,
        probabilities: None,
    };
    let Some((_, trace, potentials)) = model.watch(text) else { return answer };
    let (predictions, _) = model.predict(&[text]);
    let network = model.network();
    let by_step = scores_by_step(network, &trace);
    answer.unknown = false;
    answer.steps = Some(network.config().steps);
    answer.input = Some(input(network, &trace));
    answer.layers = Some(layers(network, &trace, &potentials.layers, membranes));
    answer.scores = by_step.last().cloned();
    answer.scores_by_step = Some(by_step);
    if let Some(prediction) = predictions.into_iter().next() {
        answer.label = Some(model.labels()[prediction.label].clone());
        answer.probabilities = Some(prediction.probabilities);
    }
    answer
}

/// The spikes of the tokens, step by step.
fn input(network: &Network, trace: &Trace) -> Spikes {
    let steps = network.config().steps;
    let tokens = trace.tokens.iter().enumerate();
    let mut spikes: Vec<Vec<usize>> =
        tokens.flat_map(|(at, train)| fired(train).map(move |(t, d)| vec![t, at, d])).collect();
    spikes.sort_unstable();
    // An encoder may use fewer steps than the network.
    let rows = trace.tokens.first().map_or(steps, SpikeTrain::rows);
    Spikes { axes: INPUT, shape: vec![rows, trace.tokens.len(), network.config().dimension()], spikes }
}

/// Row and column of each spike of a train.
fn fired(train: &SpikeTrain) -> impl Iterator<Item = (usize, usize)> + '_ {
    let columns = move |row| (0..train.dimension()).filter(move |&column| train.get(row, column));
    (0..train.rows()).flat_map(move |row| columns(row).map(move |column| (row, column)))
}

fn layers(network: &Network, trace: &Trace, potentials: &[LayerPotentials], membranes: bool) -> Vec<TraceLayer> {
    let steps = network.config().steps;
    let widths = &network.config().convolution().widths;
    let mut told = Vec::new();
    for ((leaf, _), (layer, shown)) in network.layers().zip(trace.layers.iter().zip(potentials)) {
        let trains: Vec<Option<&SpikeTrain>> = match layer {
            LayerTrace::Positions(trains) => trains.iter().map(Some).collect(),
            LayerTrace::Spikes(train) => vec![Some(train)],
            LayerTrace::Outputs(train) => vec![train.as_ref()],
            LayerTrace::Sums => Vec::new(),
        };
        let kind = leaf.layer.kind();
        let of_several = trains.len() > 1;
        let of_text = matches!(leaf.layer, LayerConfig::TextConvolution { .. });
        let shares = matches!(leaf.layer, LayerConfig::Neurons { .. });
        let of_layer = leaf.layer.firing_neuron().filter(|_| !shares).map(|neuron| neuron.threshold);
        for (which, train) in trains.into_iter().enumerate() {
            let neurons = shown.currents[which].len() / steps;
            let (axes, shape) = match layer {
                LayerTrace::Positions(trains) => {
                    let filters = trains[which].dimension();
                    (POSITIONS, vec![steps, neurons / filters, filters])
                }
                LayerTrace::Outputs(_) => (OUTPUTS, vec![steps, neurons]),
                _ => (NEURONS, vec![steps, neurons]),
            };
            // Rows of neurons at positions are steps times positions.
            let place = |(row, column): (usize, usize)| match *shape {
                [_, positions, _] => vec![row / positions, row % positions, column],
                _ => vec![row, column],
            };
            let spikes = train.map(|train| fired(train).map(place).collect());
            told.push(TraceLayer {
                name: if of_several { format!("{kind}, width {}", widths[which]) } else { kind.to_owned() },
                axes,
                spikes,
                shape,
                width: of_text.then(|| widths[which]),
                threshold: of_layer,
                currents: membranes.then(|| shown.currents[which].clone()),
                membranes: membranes.then(|| shown.membranes[which].clone()),
            });
        }
    }
    told
}

/// The scores after each step: equation (6) over the steps until then.
fn scores_by_step(network: &Network, trace: &Trace) -> Vec<Vec<f32>> {
    let config = network.config();
    let (outputs, group) = (config.outputs(), config.outputs_per_class());
    let values: Vec<f32> = match trace.outputs() {
        Some(train) => (0..config.steps)
            .flat_map(|t| (0..outputs).map(move |output| f32::from(u8::from(train.get(t, output)))))
            .collect(),
        None => trace.output_currents.clone(),
    };
    let mut sums = vec![0.0f32; config.classes()];
    values
        .chunks_exact(outputs)
        .enumerate()
        .map(|(t, row)| {
            sums.iter_mut().zip(row.chunks_exact(group)).for_each(|(sum, own)| *sum += own.iter().sum::<f32>());
            sums.iter().map(|sum| sum / ((t + 1) * group) as f32).collect()
        })
        .collect()
}
