//! The field `changes` of what runs a single text: the model with other settings than those it was trained with.

use std::sync::Arc;

use serde::Deserialize;
use spiketext::{Encoder, Model, model::Changes};
use utoipa::ToSchema;

use crate::{
    asked::{Object, Whole},
    options::Limits,
    problem::Problem,
    versions::Version,
};

/// The most time steps that may be asked for.
const MOST_STEPS: usize = 64;
/// With as many tokens as may be traced, so many steps may be asked for; with fewer, more.
const USUAL_STEPS: usize = 8;
/// The largest factor of thresholds, and one divided by the smallest.
const MOST_FACTOR: f64 = 100.0;

/// The field of a request.
pub type ChangesField = Option<Object<ChangesRequest>>;

/// Settings that differ from those of the model, which is not trained again for them.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangesRequest {
    /// Time steps, from 1 to 64.
    #[schema(value_type = Option<usize>, minimum = 1, maximum = 64)]
    steps: Option<Whole>,
    /// How words become spikes: the name of an encoder.
    encoder: Option<String>,
    /// By what the thresholds of all neurons before the read-out are multiplied, from 0.01 to 100.
    #[schema(minimum = 0.01, maximum = 100.0)]
    threshold: Option<f64>,
}

impl ChangesRequest {
    /// The model of a version with these changes, if there are any, for a text of so many `tokens`, or for several.
    ///
    /// # Errors
    /// Names the field that does not do.
    pub fn apply(
        own: &ChangesField,
        version: &Version,
        limits: &Limits,
        tokens: usize,
    ) -> Result<Arc<Model>, Problem> {
        let Some(Object(own)) = own else { return Ok(Arc::clone(&version.model)) };
        if let Some(steps) = own.steps.as_ref().filter(|steps| !(1..=MOST_STEPS).contains(&steps.value)) {
            return Err(Problem::invalid("changes.steps", format!("expected 1 to {MOST_STEPS} steps, got {steps}")));
        }
        let steps = own.steps.as_ref().map(|steps| steps.value);
        // Work and answers grow with steps and tokens; what the model does anyway is never too much.
        let usual = version.model.network().config().steps;
        let most = (limits.tokens * USUAL_STEPS.max(usual) / tokens.max(1)).max(usual);
        if let Some(steps) = steps.filter(|&steps| steps > most) {
            let message = format!("expected at most {most} steps for {tokens} tokens, got {steps}");
            return Err(Problem::unsuitable("changes.steps", message));
        }
        let threshold = own.threshold;
        if let Some(factor) = threshold.filter(|factor| !(1.0 / MOST_FACTOR..=MOST_FACTOR).contains(factor)) {
            let message = format!("expected a factor from {} to {MOST_FACTOR}, got {factor}", 1.0 / MOST_FACTOR);
            return Err(Problem::invalid("changes.threshold", message));
        }
        let named = |name: &String| {
            Encoder::ALL.into_iter().find(|encoder| encoder.name() == name).ok_or_else(|| {
                let known: Vec<&str> = Encoder::ALL.iter().map(|encoder| encoder.name()).collect();
                Problem::invalid("changes.encoder", format!("expected one of {}, got '{name}'", known.join(", ")))
            })
        };
        let encoder = own.encoder.as_ref().map(named).transpose()?;
        // What is as it was is no change.
        let config = version.model.network().config();
        let changes = Changes {
            steps: steps.filter(|&steps| steps != config.steps),
            encoder: encoder.filter(|&encoder| encoder != config.encoder),
            threshold: threshold.map(|factor| factor as f32).filter(|&factor| factor != 1.0),
        };
        version.with_changes(&changes).map_err(|error| Problem::unsuitable("changes", error.to_string()))
    }
}
