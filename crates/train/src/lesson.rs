//! What the texts of a batch teach: their labels, and what a teacher says of them (Hinton, Vinyals and Dean 2015).
//!
//! ```text
//! loss of a text = (1 - w) L(z, label) + w tau^2 L(z / tau, q)      q = softmax(teacher / tau)    labelled and taught
//!                =         L(z, label)                              the teacher says nothing of it
//!                =                       tau^2 L(z / tau, q)        nobody but the teacher labelled it
//! ```
//!
//! z are the logits of the network, w and tau the teacher's `weight` and `temperature`; L is the cross-entropy of the softmax
//! or, where a text may have several labels, the sum over the classes of that of the sigmoid. The square keeps the size of
//! the gradient whatever the temperature is. Class weights multiply the labels' term alone.

use burn_tensor::{Tensor, TensorData, activation};
use spiketext::{
    loss::{sigmoid, softmax},
    network::NetworkConfig,
    target::Target,
};

use crate::{
    objective::{Objective, Outputs, Weights},
    prepare::EncodedText,
    recipe::Distillation,
};

/// What the texts of a batch teach.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    targets: Vec<Target>,
    told: Option<Told>,
}

/// What a teacher says of the texts of a batch.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    /// Probabilities of the classes at the temperature, times the teacher's share in each text where these differ, `[B, K]`.
    likely: Vec<f32>,
    temperature: f32,
    shares: Shares,
}

/// The shares of labels and teacher in the loss.
#[derive(Clone, Debug, PartialEq)]
enum Shares {
    /// The teacher has this share in every text.
    Same(f32),
    /// The labels have these, `[B]`.
    OfLabels(Vec<f32>),
}

impl Lesson {
    /// What `texts` teach, by the choices of who teaches.
    #[must_use]
    pub fn of(objective: Objective, texts: &[&EncodedText], choices: Distillation) -> Self {
        let targets = texts.iter().map(|text| text.target.clone()).collect();
        let Distillation { weight, temperature } = choices;
        let share = |text: &EncodedText| match (&text.taught, text.is_labelled) {
            (None, _) => 0.0,
            (Some(_), true) => weight,
            (Some(_), false) => 1.0,
        };
        let shares: Vec<f32> = texts.iter().map(|text| share(text)).collect();
        if shares.iter().all(|&share| share == 0.0) {
            return Self { targets, told: None };
        }
        let classes = texts.iter().find_map(|text| text.taught.as_ref()).map_or(0, |logits| logits.len());
        let mut likely: Vec<f32> = Vec::with_capacity(texts.len() * classes);
        for text in texts {
            let Some(logits) = &text.taught else {
                likely.resize(likely.len() + classes, 0.0);
                continue;
            };
            let scaled: Vec<f32> = logits.iter().map(|logit| logit / temperature).collect();
            likely.extend(match objective {
                Objective::OneClass => softmax(&scaled, 1.0),
                Objective::EachClass => sigmoid(&scaled, 1.0),
            });
        }
        let shares = match shares.first() {
            Some(&first) if shares.iter().all(|&share| share == first) => Shares::Same(first),
            _ => {
                for (row, share) in likely.chunks_exact_mut(classes).zip(&shares) {
                    row.iter_mut().for_each(|likely| *likely *= share);
                }
                Shares::OfLabels(shares.iter().map(|share| 1.0 - share).collect())
            }
        };
        Self { targets, told: Some(Told { likely, temperature, shares }) }
    }

    /// How many texts there are.
    #[must_use]
    pub fn texts(&self) -> usize {
        self.targets.len()
    }

    /// The loss of the outputs of the batch, `[1]` (see the module); with `weights` of the classes, `[K]`, as
    /// [`Objective::loss`]. Where outputs fire, it is the mean over the time steps, too.
    #[must_use]
    pub fn loss(
        &self,
        objective: Objective,
        config: &NetworkConfig,
        outputs: Outputs,
        weights: Option<&[f32]>,
    ) -> Tensor<1> {
        let Some(told) = &self.told else {
            return objective.loss(config, outputs, &self.targets, Weights { classes: weights, texts: None });
        };
        let (logits, rows_a_text) = objective.rows(config, outputs, self.targets.len());
        let targets: Vec<Target> = repeated(&self.targets, rows_a_text);
        let theirs = told.term(objective, logits.clone(), rows_a_text);
        match &told.shares {
            Shares::Same(share) if *share == 1.0 => theirs,
            Shares::Same(share) => {
                let own = objective.of_logits(logits, &targets, Weights { classes: weights, texts: None });
                own * (1.0 - share) + theirs
            }
            Shares::OfLabels(shares) => {
                let shares = repeated(shares, rows_a_text);
                let weights = Weights { classes: weights, texts: Some(&shares) };
                objective.of_logits(logits, &targets, weights) + theirs
            }
        }
    }
}

impl Told {
    /// The teacher's term of `logits`, `[rows, K]`, so many rows a text.
    fn term(&self, objective: Objective, logits: Tensor<2>, rows_a_text: usize) -> Tensor<1> {
        let [rows, classes] = logits.dims();
        let likely: Vec<&[f32]> = self.likely.chunks_exact(classes).collect();
        let likely = repeated(&likely, rows_a_text).concat();
        let likely = Tensor::<2>::from_data(TensorData::new(likely, [rows, classes]), &logits.device());
        let temperature = self.temperature;
        let scaled = logits / temperature;
        let factor = temperature * temperature / rows as f32;
        let (terms, factor) = match (objective, &self.shares) {
            (Objective::OneClass, Shares::Same(share)) => {
                (activation::log_softmax(scaled, 1) * likely, -share * factor)
            }
            (Objective::OneClass, Shares::OfLabels(_)) => (activation::log_softmax(scaled, 1) * likely, -factor),
            (Objective::EachClass, shares) => {
                // Of a sigmoid: log p(x) = -softplus(-x), log(1 - p(x)) = -softplus(x).
                let log = activation::log_sigmoid::<2>;
                let (all, factor) = match shares {
                    Shares::Same(share) => (likely.ones_like(), -share * factor),
                    Shares::OfLabels(shares) => {
                        let theirs: Vec<f32> =
                            repeated(shares, rows_a_text).iter().map(|share| 1.0 - share).collect();
                        let theirs = TensorData::new(theirs, [rows, 1]);
                        (Tensor::<2>::from_data(theirs, &likely.device()).repeat_dim(1, classes), -factor)
                    }
                };
                (log(scaled.clone()) * likely.clone() + log(-scaled) * (all - likely), factor)
            }
        };
        terms.sum() * factor
    }
}

/// Each of `values` so many times, one after the other.
fn repeated<T: Clone>(values: &[T], times: usize) -> Vec<T> {
    values.iter().flat_map(|value| std::iter::repeat_n(value.clone(), times)).collect()
}
