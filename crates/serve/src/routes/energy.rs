//! `POST /v1/energy`: what texts cost, beside the real-valued network of the same shape.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Extension, body::Body, extract::State, http::Response};
use serde::{Deserialize, Serialize};
use spiketext::{
    CostReport, Model,
    energy::{self, TABLES},
    engine::known_words,
};
use utoipa::ToSchema;

use super::changes::{ChangesField, ChangesRequest};
use crate::{
    accompany::Context,
    application::{Application, Pace, Until},
    asked::{self, Asked},
    portions::portions,
    problem::{Problem, document},
};

/// Texts whose costs are asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"text": "a warm and funny film"}))]
pub struct EnergyRequest {
    /// One text; this or `texts`.
    text: Option<String>,
    /// Many texts.
    texts: Option<Vec<String>>,
    /// The name of a model; the first one of the server where it is absent.
    model: Option<String>,
    /// Other settings of the model.
    #[schema(value_type = Option<ChangesRequest>)]
    changes: ChangesField,
}

/// What a text costs, means over the texts.
#[derive(Serialize, ToSchema)]
pub struct EnergyAnswer {
    /// The name of the model.
    model: String,
    /// Its version.
    version: String,
    /// Texts.
    texts: usize,
    /// Bytes of the network.
    bytes: u64,
    /// Accumulations of the spiking network.
    accumulations: f64,
    /// Its multiply-accumulations.
    multiply_accumulations: f64,
    /// Multiply-accumulations of the real-valued network of the same shape.
    dnn_multiply_accumulations: f64,
    /// The share of neurons and steps without a spike.
    activation_sparsity: f64,
    /// Energy under every cost table.
    tables: BTreeMap<&'static str, TableEnergy>,
    /// What other classifiers would cost that do the task of the project's study about as well.
    rivals: Vec<RivalEnergy>,
}

/// Energy of a text for another classifier.
#[derive(Serialize, ToSchema)]
struct RivalEnergy {
    /// What it is.
    name: &'static str,
    /// How it was measured to stand beside a spiking network.
    about: &'static str,
    /// Microjoules under every cost table.
    microjoules: BTreeMap<&'static str, f64>,
}

/// Energy of a text under a cost table.
#[derive(Serialize, ToSchema)]
struct TableEnergy {
    /// Of the spiking network, in microjoules.
    snn_microjoules: f64,
    /// Of the real-valued network of the same shape.
    dnn_microjoules: f64,
    /// The one divided by the other; null where nothing was run.
    ratio: Option<f64>,
}

/// Tells what texts cost.
#[utoipa::path(
    post,
    path = "/v1/energy",
    request_body = EnergyRequest,
    responses(
        (status = 200, description = "Operations and energy, means over the texts", body = EnergyAnswer),
    )
)]
pub async fn energy(
    State(application): State<Arc<Application>>,
    Extension(context): Extension<Context>,
    Asked(request): Asked<EnergyRequest>,
) -> Result<Response<Body>, Problem> {
    let EnergyRequest { text, texts, model, changes } = request;
    let limits = application.options.limits;
    let texts = asked::texts(text, texts, &limits)?;
    let (name, version) = context.begin(&application, &texts, model.as_deref())?;
    // Of texts that are answered at once, however many there are.
    let pace = if portions(&texts).nth(1).is_some() { Pace::Long } else { Pace::Quick };
    let work = move |until: &Until| {
        let words = |text: &String| version.model.words(text).0.len();
        let tokens = if changes.is_some() { texts.iter().map(words).sum() } else { 0 };
        let model = ChangesRequest::apply(&changes, &version, &limits, tokens)?;
        let mut operations = Vec::with_capacity(texts.len());
        for portion in portions(&texts) {
            until.check()?;
            let (predictions, _) = model.predict(portion);
            operations.extend(predictions.into_iter().map(|prediction| prediction.operations));
        }
        let report = CostReport::spiking(model.network(), &operations);
        let energy = |energy: &energy::Energy| TableEnergy {
            snn_microjoules: energy.network,
            dnn_microjoules: energy.dnn,
            ratio: energy.ratio(),
        };
        Ok(EnergyAnswer {
            model: name,
            version: version.name.clone(),
            texts: report.texts,
            bytes: report.footprint.footprint,
            accumulations: report.work.acs(),
            multiply_accumulations: report.work.macs(),
            dnn_multiply_accumulations: report.dnn.macs(),
            activation_sparsity: report.activation_sparsity(),
            rivals: rivals(&model, &texts, until)?,
            tables: report.energies.iter().map(|one| (one.table.name, energy(one))).collect(),
        })
    };
    application.work(pace, context.deadline, work).await.map(|answer| document(&answer))
}

/// Means over the texts; one without a known word costs nothing, as of the network.
fn rivals(model: &Model, texts: &[String], until: &Until) -> Result<Vec<RivalEnergy>, Problem> {
    let network = model.network();
    let mut all: Vec<RivalEnergy> = Vec::new();
    for text in texts {
        until.check()?;
        let (_, ids) = model.words(text);
        let of_text = energy::rivals(network, &ids).map_err(|_| Problem::internal())?;
        let share = if known_words(network.config(), &ids) > 0 { 1.0 / texts.len() as f64 } else { 0.0 };
        if all.is_empty() {
            let none = || TABLES.iter().map(|table| (table.name, 0.0)).collect();
            all.extend(of_text.iter().map(|one| RivalEnergy {
                name: one.name,
                about: one.about,
                microjoules: none(),
            }));
        }
        for (sum, one) in all.iter_mut().zip(&of_text) {
            for (table, microjoules) in TABLES.iter().zip(&one.microjoules) {
                *sum.microjoules.entry(table.name).or_default() += share * microjoules;
            }
        }
    }
    Ok(all)
}
