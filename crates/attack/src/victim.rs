//! What is attacked: a spiking network, with the noise that its questions meet, or the DNN it was converted from.

use spiketext::{
    dnn::Dnn,
    model::Model,
    score::{self, DnnScorer, ModelScorer, NoisePolicy, Scorer},
    slices::argmax,
};

/// A network under attack.
#[derive(Clone, Copy, Debug)]
pub enum Victim<'a> {
    /// The spiking network of a model.
    Spiking {
        /// The model.
        model: &'a Model,
        /// Which noise a question meets.
        noise: NoisePolicy,
        /// The seed of noise that is drawn.
        seed: u64,
        /// Draws of noise that decide over a text.
        judges: usize,
    },
    /// The DNN beside it.
    Dnn {
        /// The model, whose words it reads.
        model: &'a Model,
        /// The DNN.
        dnn: &'a Dnn,
    },
}

impl<'a> Victim<'a> {
    /// The model that says how texts are read.
    #[must_use]
    pub fn model(&self) -> &'a Model {
        match self {
            Self::Spiking { model, .. } | Self::Dnn { model, .. } => model,
        }
    }

    /// Whether the same text can be answered in two ways.
    #[must_use]
    pub fn is_random(&self) -> bool {
        matches!(self, Self::Spiking { model, .. } if model.network().config().encoder.is_random())
    }

    /// A scorer for one thread.
    #[must_use]
    pub fn scorer(&self) -> Box<dyn Scorer + 'a> {
        match *self {
            Self::Spiking { model, noise, seed, .. } => Box::new(ModelScorer::new(model, noise, seed)),
            Self::Dnn { model, dnn } => Box::new(DnnScorer::new(model, dnn)),
        }
    }

    /// How many judges leave each class the most probable one: draws of noise that no question has met. Without noise
    /// there is one judge, `scorer`, one of this victim's own.
    #[must_use]
    pub fn votes(&self, scorer: &mut dyn Scorer, text: &str) -> Vec<usize> {
        match *self {
            Self::Spiking { model, seed, judges, .. } if self.is_random() => score::votes(model, seed, text, judges),
            _ => {
                let mut votes = vec![0; scorer.labels().len()];
                let answers = scorer.score(&[text.to_owned()]);
                votes[argmax(&answers[0])] = 1;
                votes
            }
        }
    }
}
