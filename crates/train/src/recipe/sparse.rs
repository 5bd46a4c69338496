//! Choices of a network whose words have codes of few active inputs, learnt with it.

use serde::{Deserialize, Serialize};
use spiketext::{Error, Result};
use spiketext_kernels::Surrogate;

use super::Epochs;

/// Codes of few active inputs, and the training of codes and network together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", expecting = "a table of fields")]
pub struct SparseChoices {
    /// Inputs D of a word.
    pub dimension: usize,
    /// Inputs k of a word that are active.
    pub active: usize,
    /// Whether active inputs have a sign: a spike of -1 meets its weight with the other sign. Inside the network such an
    /// input is two, of which at most one spikes.
    pub signed: bool,
    /// What stands in for the derivative of winning; distances are in deviations of a word's numbers.
    pub surrogate: Surrogate,
    /// Most epochs, as those of the DNN.
    pub epochs: Epochs,
    /// Epochs that are no better on the development texts (`selection`) after which training ends; 0 never ends it early.
    pub patience: usize,
    /// Texts of a step.
    pub batch: usize,
    /// AdamW learning rate of the weights.
    pub learning_rate: f64,
    /// AdamW learning rate of the map from a word's vector to what competes.
    pub map_learning_rate: f64,
    /// AdamW learning rate of the vectors of the training words (`words.trained`).
    pub code_learning_rate: f64,
    /// AdamW weight decay.
    pub weight_decay: f32,
    /// Share of pooled channels dropped in training.
    pub dropout: f32,
    /// Share of the distinct words of a batch dropped in training.
    pub word_dropout: f32,
    /// Whether the learning rates fall to zero over the epochs along a half cosine.
    pub cosine: bool,
    /// Share of positions at which a channel may fire before it is held back, and how much: `weight` times the mean over
    /// the channels of the square of what is above `target` joins the loss.
    pub activity: Activity,
    /// What is learnt from the DNN of the same shape.
    pub teacher: Distillation,
}

/// A bound on how often neurons fire.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", expecting = "a table of fields")]
pub struct Activity {
    /// Share of the positions, or of positions and steps.
    pub target: f32,
    /// Weight in the loss; 0 asks for nothing.
    pub weight: f32,
}

/// Learning from the answers of another network (Hinton, Vinyals and Dean 2015).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", expecting = "a table of fields")]
pub struct Distillation {
    /// Share of the teacher in the loss of a text, from 0 (no teacher) to 1; the labels have the rest. A text that only the
    /// teacher has labelled has no other term.
    pub weight: f32,
    /// By what the logits of both are divided.
    pub temperature: f32,
}

impl Default for SparseChoices {
    fn default() -> Self {
        Self {
            dimension: 1024,
            active: 10,
            signed: false,
            surrogate: Surrogate::Arctangent { alpha: 2.0 },
            epochs: Epochs::Number(14),
            patience: 0,
            batch: 32,
            learning_rate: 1e-3,
            map_learning_rate: 1e-3,
            code_learning_rate: 1e-3,
            weight_decay: 0.01,
            dropout: 0.3,
            word_dropout: 0.3,
            cosine: true,
            activity: Activity { target: 0.1, weight: 0.0 },
            teacher: Distillation { weight: 0.0, temperature: 2.0 },
        }
    }
}

impl SparseChoices {
    /// The most inputs of a word: each is named by 16 bits, and one name is none's.
    pub const MOST_INPUTS: usize = 1 << 15;

    /// Inputs of the finished network: two for each that has a sign.
    #[must_use]
    pub fn inputs(&self) -> usize {
        if self.signed { 2 * self.dimension } else { self.dimension }
    }

    /// Checks what the parts of the network cannot check themselves.
    ///
    /// # Errors
    /// Names the first choice that cannot be.
    pub fn check(&self) -> Result<()> {
        let refuse = |expected: String, got: String| Err(Error::invalid("recipe", expected, got));
        if !(1..=Self::MOST_INPUTS / 2).contains(&self.dimension) {
            return refuse(
                format!("sparse.dimension from 1 to {}", Self::MOST_INPUTS / 2),
                self.dimension.to_string(),
            );
        }
        if !(1..=self.dimension).contains(&self.active) {
            let expected = format!("sparse.active from 1 to sparse.dimension = {}", self.dimension);
            return refuse(expected, self.active.to_string());
        }
        if self.batch == 0 || self.epochs.bounds()[0] == 0 {
            return refuse("sparse.batch and sparse.epochs of at least 1".into(), "0".into());
        }
        let [_, most] = self.epochs.bounds();
        if most > Epochs::MOST {
            return refuse(format!("sparse.epochs up to {}", Epochs::MOST), most.to_string());
        }
        for (what, share) in [("dropout", self.dropout), ("word-dropout", self.word_dropout)] {
            if !(0.0..1.0).contains(&share) {
                return refuse(format!("sparse.{what} from 0 to below 1"), share.to_string());
            }
        }
        for rate in [self.learning_rate, self.map_learning_rate, self.code_learning_rate] {
            if !(rate.is_finite() && rate >= 0.0) {
                return refuse("learning rates of at least 0 (sparse)".into(), rate.to_string());
            }
        }
        let Activity { target, weight } = self.activity;
        if !((0.0..=1.0).contains(&target) && weight.is_finite() && weight >= 0.0) {
            let got = format!("target {target}, weight {weight}");
            return refuse("sparse.activity of a target from 0 to 1 and a weight of at least 0".into(), got);
        }
        self.teacher.check("sparse.teacher")
    }
}

impl Distillation {
    /// Checks it; errors call it `name`.
    ///
    /// # Errors
    /// If the weight is not from 0 to 1 or the temperature not from 0.01 to 1000.
    pub fn check(self, name: &str) -> Result<()> {
        let Self { weight, temperature } = self;
        if (0.0..=1.0).contains(&weight) && (0.01..=1000.0).contains(&temperature) {
            return Ok(());
        }
        let expected = format!("{name} of a weight from 0 to 1 and a temperature from 0.01 to 1000");
        Err(Error::invalid("recipe", expected, format!("weight {weight}, temperature {temperature}")))
    }
}

impl Default for Distillation {
    fn default() -> Self {
        Self { weight: 0.5, temperature: 2.0 }
    }
}
